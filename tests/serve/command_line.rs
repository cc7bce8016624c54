//! The command line: what it needs to begin with, what it explains, and how its commands end.

use std::io::Write;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::json;
use tollgate_testkit::{Replica, replica_binary};

use super::client::{Api, TEN_EACH, log_with};

async fn run(arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
    let mut command = Command::new(replica_binary()?);
    command.args(arguments);
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok((status.code(), String::from_utf8(stdout)?, String::from_utf8(stderr)?))
}

/// A newcomer who gives nothing gets something to try, in the log, and it works.
#[tokio::test]
async fn without_any_option_there_is_something_to_try() -> Result<()> {
    let api = Api::start(Replica::builder()).await?;
    let log = log_with(&api.replica, "curl ", 1).await?;
    assert!(log.contains("shared with no other replica and gone when it ends"), "{log}");
    assert!(log.contains("an example is in force, for namespace genesys"), "{log}");
    let line = log.lines().find(|line| line.contains("curl ")).context("a curl line")?;
    let (_, body) = line.split_once("-d '").context("a body")?;
    let path = line.split(' ').find(|word| word.starts_with("http://")).context("a URL")?;
    assert_eq!(path, api.replica.url("/v1/genesys/acquire"));
    let body = serde_json::from_str(body.trim_end_matches('\''))?;
    assert_eq!(api.post("/v1/genesys/acquire", &body).await?.expect(200)["granted"], json!(true));
    Ok(())
}

/// Help names every option with its variable and its default, and shows how it is used.
#[tokio::test]
async fn help_explains_every_option() -> Result<()> {
    let (code, help, _) = run(&["serve", "--help"]).await?;
    assert_eq!(code, Some(0));
    let options = "config listen store store-ca store-cert store-key policy namespace begin store-timeout tls-cert tls-key max-bad-logins \
         max-connections max-waiting drain \
         require-keys insecure-listen log-format log";
    for option in options.split(' ') {
        let (_, entry) =
            help.split_once(&format!("\n      --{option}")).context(format!("no --{option}: {help}"))?;
        let entry = entry.split("\n      --").next().unwrap_or_default();
        let variable = format!("TOLLGATE_{}", option.replace('-', "_").to_uppercase());
        assert!(entry.contains(&variable) && entry.contains("[default:"), "--{option}: {entry}");
    }
    assert_eq!(
        help.matches("\n      --").count(),
        options.split(' ').count(),
        "an option that this test does not know"
    );
    for text in ["Examples:", "--store redis://127.0.0.1/ --policy genesys.toml", "Exit codes:", "250ms"] {
        assert!(help.contains(text), "{text}: {help}");
    }
    let (code, help, _) = run(&["--help"]).await?;
    assert_eq!(code, Some(0));
    for command in
        "serve demo policy quota pause resume buckets usage audit keys doctor health check-policy genesys simulate-provider completions"
            .split(' ')
    {
        assert!(help.contains(command), "{help}");
    }
    Ok(())
}

/// The help of a service with a password in its environment does not show it.
#[tokio::test]
async fn help_does_not_show_the_address_of_the_store() -> Result<()> {
    let mut command = Command::new(replica_binary()?);
    command.args(["serve", "--help"]).env("TOLLGATE_STORE", "redis://:s3cret@host");
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    assert!(!String::from_utf8(output.stdout)?.contains("s3cret"));
    Ok(())
}

/// A right policy is shown as what it comes to.
#[tokio::test]
async fn a_right_policy_is_shown_as_what_it_comes_to() -> Result<()> {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/genesys.toml");
    let (code, shown, said) = run(&["check-policy", example]).await?;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    for text in
        ["namespace genesys", "limit token: per client", "300/1m in any window: 30 at once", "observed"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    Ok(())
}

/// A policy without limits is right, and said to let everything pass.
#[tokio::test]
async fn a_policy_without_limits_is_shown_as_one() -> Result<()> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    file.write_all(b"namespace = \"shop\"\n")?;
    let (code, shown, _) = run(&["check-policy", file.path().to_str().context("a path of UTF-8")?]).await?;
    assert!(code == Some(0) && shown.contains("no limit: every call is granted"), "{shown}");
    file.write_all(b"record_calls = [\"acme\", \"glob\\u001bex\"]\n")?;
    let (code, _, said) = run(&["check-policy", file.path().to_str().context("a path of UTF-8")?]).await?;
    assert!(code == Some(1) && said.contains("record_calls[1]"), "{said}");
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    file.write_all(b"namespace = \"shop\"\nrecord_calls = [\"acme\", \"globex\"]\n")?;
    let (code, shown, _) = run(&["check-policy", file.path().to_str().context("a path of UTF-8")?]).await?;
    assert!(code == Some(0) && shown.contains("each granted call of acme, globex\n"), "{shown}");
    Ok(())
}

/// A wrong one is told problem by problem, one a line, and by the exit code.
#[tokio::test]
async fn a_wrong_policy_is_told_problem_by_problem() -> Result<()> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    let wrong = TEN_EACH.replace("1/1h", "ten").replace("[\"org\"]", "[\"planet\"]");
    file.write_all(wrong.as_bytes())?;
    let path = file.path().to_str().context("a path of UTF-8")?;
    let (code, shown, said) = run(&["check-policy", path]).await?;
    assert_eq!((code, shown.as_str()), (Some(1), ""));
    for text in ["limit[0].rate", "limit[0].per[0]"] {
        assert!(said.lines().any(|line| line.starts_with(path) && line.contains(text)), "{text}: {said}");
    }
    for path in ["/nowhere/policy.toml", "policy.yaml"] {
        let (code, _, said) = run(&["check-policy", path]).await?;
        assert!(code == Some(2) && said.contains(path), "{path}: {code:?} {said}");
    }
    Ok(())
}

/// Each shell gets a script, and it knows every command.
#[tokio::test]
async fn completions_know_every_command() -> Result<()> {
    let (_, help, _) = run(&["--help"]).await?;
    let (_, listed) = help.split_once("Commands:").context("a list of commands")?;
    let (listed, _) = listed.split_once("Options:").context("an end of the list")?;
    // A description that goes on in the next line stands further in.
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 15 && names.contains(&"doctor"), "{names:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, script, errors) = run(&["completions", shell]).await?;
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{shell}");
        for name in names.iter().chain(&["rollback", "--store-timeout"]) {
            // fish writes options without their dashes.
            assert!(script.contains(name.trim_start_matches('-')), "{shell}: {name}");
        }
    }
    let (code, _, errors) = run(&["completions", "csh"]).await?;
    assert!(code == Some(2) && errors.contains("elvish"), "{errors}");
    Ok(())
}
