//! `tollgate policy diff`: what a file would change.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_testkit::replica_binary;

use super::client::{Api, TEN_EACH};

async fn diff(words: &[&str]) -> Result<(Option<i32>, String, String)> {
    let mut command = Command::new(replica_binary()?);
    command.args(["policy", "diff"]).args(words).env_remove("TOLLGATE_API_KEY");
    command.env("TOLLGATE_NAMESPACE", "shop");
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok((status.code(), String::from_utf8(stdout)?, String::from_utf8(stderr)?))
}

/// The exit code tells whether there is a difference; each one is a line with the field, and what it is now and then.
#[tokio::test]
async fn a_file_is_told_field_by_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("shop.toml");
    let (url, file) = (api.replica.url(""), path.to_str().context("a path of UTF-8")?);
    fs::write(&path, TEN_EACH)?;
    let told = diff(&[file, "--url", &url]).await?;
    assert_eq!(told, (Some(0), "it is the policy in force\n".to_owned(), String::new()));

    let other = TEN_EACH.replace("burst = 10", "burst = 11\noverride.acme.burst = 20\nweight.acme = 3");
    fs::write(&path, format!("{other}\n[[limit]]\nname = 'all'\nper = []\nrate = '5/s'\n"))?;
    let (code, printed, errors) = diff(&[file, "--url", &url]).await?;
    assert_eq!((code, errors.as_str()), (Some(3), ""), "{printed}");
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["FIELD", "NOW", "THEN"]);
    for line in [
        ["limit[org].burst", "10", "11"],
        ["limit[org].override[acme]", "-", "{\"burst\":20}"],
        ["limit[org].weight[acme]", "-", "3"],
    ] {
        assert!(lines.contains(&line.to_vec()), "{line:?}: {printed}");
    }
    assert!(lines.iter().any(|line| line[..2] == ["limit[all]", "-"]) && lines.len() == 5, "{printed}");

    let (code, printed, _) = diff(&[file, "--url", &url, "--json"]).await?;
    let found: Value = serde_json::from_str(&printed)?;
    let found = found["differences"].as_array().context("differences")?;
    assert_eq!((code, found.len()), (Some(3), 4));
    assert!(found.contains(&json!({"field": "limit[org].burst", "now": 10, "then": 11})), "{printed}");
    fs::write(&path, format!("record_calls = ['acme']\n{TEN_EACH}"))?;
    let (code, printed, _) = diff(&[file, "--url", &url]).await?;
    assert!(
        code == Some(3) && printed.contains("record_calls") && printed.contains("[\"acme\"]"),
        "{printed}"
    );
    // Nothing was changed by asking.
    fs::write(&path, TEN_EACH)?;
    assert_eq!(diff(&[file, "--url", &url]).await?.0, Some(0));
    Ok(())
}

/// A file that is no policy, and a service that is not there, are told apart.
#[tokio::test]
async fn a_wrong_file_is_told_before_the_service_is_asked() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("shop.toml");
    let file = path.to_str().context("a path of UTF-8")?;
    fs::write(&path, TEN_EACH.replace("1/1h", "ten"))?;
    let (code, printed, errors) = diff(&[file, "--url", "http://127.0.0.1:1"]).await?;
    assert!(code == Some(2) && printed.is_empty() && errors.contains("limit[0].rate"), "{code:?} {errors}");
    fs::write(&path, TEN_EACH)?;
    let (code, _, errors) = diff(&[file, "--url", "http://127.0.0.1:1"]).await?;
    assert!(code == Some(1) && errors.contains("http://127.0.0.1:1"), "{code:?} {errors}");
    Ok(())
}
