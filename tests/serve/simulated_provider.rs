//! `tollgate simulate-provider`: it plays the example, and says what is wrong with what it can't play.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tollgate_testkit::replica_binary;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/provider.toml");

/// Ends with the test.
struct Provider(Child);

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(replica_binary()?);
    command.arg("simulate-provider").args(arguments).stdin(Stdio::null());
    Ok(command)
}

/// The example gives a token, and its limits hold: what the help shows, done.
#[tokio::test]
async fn the_example_can_be_played() -> Result<()> {
    let arguments = ["--config", EXAMPLE, "--listen", "localhost:0"];
    let mut provider = Provider(command(&arguments)?.stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(provider.0.stdout.take().context("an output")?).read_line(&mut line)?;
    let base = line.trim_end().strip_prefix("listening on ").context("an address")?.to_owned();

    let client = Client::new();
    let request = client.post(format!("{base}/oauth/token")).basic_auth("app-2", Some("secret-2"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body("grant_type=client_credentials").send().await?.error_for_status()?;
    let token: Value = answer.json().await?;
    let token = token["access_token"].as_str().context("a token")?;
    let limits = format!("{base}/api/v2/organizations/limits/namespaces/directory");
    let answer = client.get(limits).bearer_auth(token).send().await?;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.json::<Value>().await?["entities"][0]["value"], 180);
    let ledger: Value = client.get(format!("{base}/_simulator/ledger")).send().await?.json().await?;
    assert_eq!((&ledger["arrivals"], &ledger["excess_count"]), (&2.into(), &0.into()), "{ledger}");
    Ok(())
}

/// A wrong field, a file that is not there, an address that others can reach: each by its name, with exit code 2.
#[tokio::test]
async fn what_can_not_be_played_is_told() -> Result<()> {
    let mut wrong = tempfile::Builder::new().suffix(".toml").tempfile()?;
    wrong.write_all(b"shape = 'genesys-cloud'\n[faults]\nreset = 2.0\n")?;
    let wrong = wrong.path().to_str().context("a path of UTF-8")?;
    for (arguments, said) in [
        (vec!["--config", wrong], "faults.reset (line 3): 2, expected 0 to 1"),
        (vec!["--config", "/nowhere/provider.toml"], "/nowhere/provider.toml"),
        (vec!["--config", EXAMPLE, "--listen", "0.0.0.0:0"], "--insecure-listen where the network keeps"),
        (vec!["--config", EXAMPLE, "--listen", "8090"], "expected an IP address and a port"),
        (
            vec!["--config", EXAMPLE, "--insecure-listen=maybe"],
            "insecure_listen: \"maybe\", expected true or false",
        ),
        (vec![], "--config"),
    ] {
        let mut command = command(&arguments)?;
        let Output { status, stderr, .. } = tokio::task::spawn_blocking(move || command.output()).await??;
        let stderr = String::from_utf8(stderr)?;
        assert!(status.code() == Some(2) && stderr.contains(said), "{arguments:?}: {status} {stderr}");
    }
    Ok(())
}

/// Told that the network keeps strangers out, it would listen anywhere. This address, which is for documents alone, no
/// machine has.
#[tokio::test]
async fn other_addresses_are_listened_on_when_that_is_said() -> Result<()> {
    let mut command = command(&["--config", EXAMPLE, "--listen", "192.0.2.1:0", "--insecure-listen"])?;
    let Output { status, stderr, .. } = tokio::task::spawn_blocking(move || command.output()).await??;
    let stderr = String::from_utf8(stderr)?;
    assert!(status.code() == Some(1) && stderr.contains("can't listen on 192.0.2.1:0"), "{status} {stderr}");
    Ok(())
}
