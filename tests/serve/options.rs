//! Options: by flag, by variable, by file, in this order; wrong ones are told by their name.

use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use tollgate_testkit::{RedisServer, Replica, replica_binary};

use super::client::{Api, PLENTY, log_with};

/// Once for scripts and once in the log.
const LISTENING: &str = "listening on http://";

fn file(text: &str) -> Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// What a replica prints that must not start, and its exit code.
async fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String> {
    let mut command = Command::new(replica_binary()?);
    command.arg("serve").args(arguments).envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    Ok(said)
}

/// Whether the log is in JSON tells which of three wishes for its format was heard.
#[tokio::test]
async fn a_flag_counts_before_a_variable_before_the_file_before_the_default() -> Result<()> {
    let in_file = file("log_format = \"json\"")?;
    let path = in_file.path().to_str().context("a path of UTF-8")?;
    for (by_flag, by_variable, by_file, json) in [
        (None, None, false, false),
        (None, None, true, true),
        (None, Some("text"), true, false),
        (Some("json"), Some("text"), true, true),
        (Some("text"), Some("json"), false, false),
        // What a compose file makes of a variable that is not set.
        (None, Some(""), true, true),
    ] {
        let mut replica = Replica::builder().policy(PLENTY);
        if let Some(format) = by_flag {
            replica = replica.argument("--log-format").argument(format);
        }
        if let Some(format) = by_variable {
            replica = replica.env("TOLLGATE_LOG_FORMAT", format);
        }
        if by_file {
            replica = replica.argument("--config").argument(path);
        }
        let log = log_with(&replica.start().await?, LISTENING, 2).await?;
        assert_eq!(log.contains("\"message\":"), json, "{by_flag:?} {by_variable:?} {by_file}: {log}");
    }
    Ok(())
}

/// The store and the namespace can come from the file alone, with a password that the log does not show.
#[tokio::test]
async fn a_file_can_hold_the_address_of_the_store() -> Result<()> {
    let server = RedisServer::builder().password("s3cret").start()?;
    let config = file(&format!("store = \"{}\"\nnamespace = \"shop\"", server.url()))?;
    let path = config.path().to_str().context("a path of UTF-8")?;
    let replica = Replica::builder().policy(PLENTY).env("TOLLGATE_CONFIG", path).env("TOLLGATE_LOG", "trace");
    let api = Api::start(replica).await?;
    let log = log_with(&api.replica, LISTENING, 2).await?;
    assert!(log.contains(&server.socket().display().to_string()) && !log.contains("s3cret"), "{log}");
    Ok(())
}

/// Whatever is wrong is told by the option's name, with what would be right, and without the store's password.
#[tokio::test]
async fn a_wrong_option_is_told_by_its_name() -> Result<()> {
    for (arguments, environment, parts) in [
        (vec!["--listen", "8080"], vec![], ["listen: \"8080\"", "127.0.0.1:8080"]),
        (vec![], vec![("TOLLGATE_LISTEN", "nowhere")], ["listen: \"nowhere\"", "localhost:8080"]),
        (
            vec!["--store", "s3cret"],
            vec![],
            ["store: the store's address has no scheme", "redis://host:6379"],
        ),
        (vec![], vec![("TOLLGATE_STORE", "http://:s3cret@host")], ["store: ", "unix:///path/to/socket"]),
        (vec!["--store", "redis://:s3cret@host"], vec![], ["namespace: missing", "--policy"]),
        (vec!["--policy", "/nowhere/p.toml"], vec![], ["policy: ", "/nowhere/p.toml: No such file"]),
        (vec!["--namespace", "other"], vec![], ["policy: missing", "\"genesys\""]),
        (vec!["--begin", "half"], vec![], ["begin: \"half\"", "empty or full"]),
        (vec!["--store", "redis://:s3cret@host?db=3"], vec![], ["store: ", "behind '?'"]),
        (vec!["--store", "redis://a:1/s3cret@host"], vec![], ["store: ", "%2F"]),
        (
            vec!["--store", "rediss://h", "--store-ca", "/nowhere/ca"],
            vec![],
            ["store_ca: ", "/nowhere/ca: No such file"],
        ),
        (vec!["--store-ca", "ca.pem"], vec![], ["store_ca: ", "rediss://"]),
        (vec!["--max-connections", "0"], vec![], ["max_connections: \"0\"", "1 to 1000000"]),
        (vec!["--max-waiting", "many"], vec![], ["max_waiting: \"many\"", "1 to 1000000"]),
        (vec!["--drain", "20"], vec![], ["drain: \"20\"", "250ms"]),
        (vec!["--store-timeout", "1ms"], vec![], ["store_timeout: \"1ms\"", "10ms to 30s"]),
        (vec!["--log-format", "xml"], vec![], ["log_format: \"xml\"", "text or json"]),
        (vec!["--log", "=;="], vec![], ["log: \"=;=\"", "debug"]),
        (vec!["--log", "verbose"], vec![], ["log: \"verbose\"", "debug"]),
        (vec!["--insecure-listen=perhaps"], vec![], ["insecure_listen: \"perhaps\"", "true or false"]),
        (vec!["--require-keys=perhaps"], vec![], ["require_keys: \"perhaps\"", "true or false"]),
        (vec!["--require-keys"], vec![], ["require_keys: true", "--store"]),
        (vec!["--config", "/nowhere/c.toml"], vec![], ["/nowhere/c.toml", "No such file"]),
        (vec!["--liste", "x"], vec![], ["--liste", "--listen"]),
    ] {
        let said = refused(&arguments, &environment).await?;
        assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?} {environment:?}: {said}");
    }
    Ok(())
}

/// A configuration file is checked as strictly, and the line that is wrong may hold the password.
#[tokio::test]
async fn a_wrong_file_is_told_by_its_line() -> Result<()> {
    for (text, parts) in [
        ("listen = \"127.0.0.1:0\"\nstor = \"redis://:s3cret@host\"", ["line 2", "unknown field `stor`"]),
        ("store = redis://:s3cret@host", ["line 1", ""]),
        ("store = [\"redis://:s3cret@host\"]", ["line 1", "expected a string"]),
        ("drain = 20", ["line 1", "expected a string in quotes, such as \"20s\""]),
        ("insecure_listen = true", ["line 1", "or \"true\""]),
    ] {
        let config = file(text)?;
        let said = refused(&["--config", config.path().to_str().context("a path of UTF-8")?], &[]).await?;
        assert!(parts.iter().all(|part| said.contains(part)), "{text}: {said}");
    }
    Ok(())
}

/// Nobody opens the service to a network by accident, and whoever does is told what that means.
#[tokio::test]
async fn other_addresses_than_the_loopback_need_a_word() -> Result<()> {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let said = refused(&["--listen", address], &[]).await?;
        assert!(said.contains("not a loopback address") && said.contains("--insecure-listen"), "{said}");
    }
    let open = Replica::builder().policy(PLENTY).env("TOLLGATE_INSECURE_LISTEN", "true");
    let log = log_with(&open.start().await?, LISTENING, 2).await?;
    assert!(!log.contains("INSECURE"), "nothing is open on the loopback: {log}");
    let mut command = Command::new(replica_binary()?);
    command.args(["serve", "--listen", "0.0.0.0:0", "--insecure-listen", "--namespace", "other"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8(output.stderr)?;
    assert!(said.contains("policy: missing"), "the address is not what is wrong: {said}");
    Ok(())
}
