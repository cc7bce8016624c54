//! Operators' commands against a running service: the policy and its versions, overrides, pauses.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_testkit::replica_binary;

use super::client::{Api, TEN_EACH, call_of};

/// Runs a command against the service, with these words.
pub(super) async fn run(api: &Api, words: &[&str]) -> Result<(Option<i32>, String, String)> {
    let mut command = Command::new(replica_binary()?);
    command.args(words).args(["--url", &api.replica.url(""), "--namespace", "shop"]);
    command.env("TOLLGATE_AUTHOR", "ann").env_remove("TOLLGATE_URL").env_remove("TOLLGATE_NAMESPACE");
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok((status.code(), String::from_utf8(stdout)?, String::from_utf8(stderr)?))
}

/// What a command prints that succeeds.
pub(super) async fn done(api: &Api, words: &[&str]) -> Result<String> {
    let (code, printed, errors) = run(api, words).await?;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{words:?}");
    Ok(printed)
}

/// Who makes a change that nobody is named for: whoever is logged in, or else the number of the process's user.
#[tokio::test]
async fn a_change_is_by_the_user_of_the_machine() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let folder = tempfile::tempdir()?;
    let owner = std::fs::metadata(folder.path())?.uid();
    let owner = format!("uid {owner}");
    for (user, login, author) in [("una", "lena", "una"), ("", "lena", "lena"), ("", "", owner.as_str())] {
        let mut command = Command::new(replica_binary()?);
        command.args([
            "pause",
            "org",
            "acme",
            "--for",
            "1h",
            "--namespace",
            "shop",
            "--url",
            &api.replica.url(""),
        ]);
        command.env_remove("TOLLGATE_AUTHOR").env_remove("TOLLGATE_API_KEY");
        command.env("USER", user).env("LOGNAME", login);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        assert!(output.status.success(), "{output:?}");
        let newest = api.get("/v1/shop/audit?kind=hold&order=newest&count=1").await?.expect(200);
        assert_eq!(newest["entries"][0]["author"], author, "{newest}");
    }
    Ok(())
}

/// A policy goes from the service to a file, changed back to the service, and an earlier version comes back.
#[tokio::test]
async fn the_policy_is_read_applied_listed_and_rolled_back() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let folder = tempfile::tempdir()?;
    let (json_file, toml_file) = (folder.path().join("shop.json"), folder.path().join("shop.toml"));
    let (json_file, toml_file) = (json_file.display().to_string(), toml_file.display().to_string());
    let read = done(&api, &["policy", "get"]).await?;
    assert!(read.starts_with("{\n  \"namespace\": \"shop\""), "it is in another order: {read}");
    std::fs::write(&json_file, &read)?;
    std::fs::write(&toml_file, TEN_EACH.replace("burst = 10", "burst = 20"))?;
    assert_eq!(
        done(&api, &["policy", "apply", &json_file, "--dry-run"]).await?,
        "it is the policy in force\n"
    );
    let told = done(&api, &["policy", "apply", &toml_file, "--dry-run"]).await?;
    assert!(told.starts_with("it would be version 2\n"), "{told}");
    assert_eq!(
        done(&api, &["policy", "apply", &toml_file, "--reason", "more"]).await?,
        "version 2 is in force\n"
    );
    assert_eq!(api.remaining("org", "acme").await?, 20);
    let versions = done(&api, &["policy", "versions"]).await?;
    let lines: Vec<Vec<&str>> = versions.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{versions}");
    assert_eq!(lines[0], ["VERSION", "WRITTEN", "AT", "TAG", "AUTHOR", "REASON"], "{versions}");
    assert!(lines[1].ends_with(&["ann", "more"]), "{versions}");
    let listed: Value = serde_json::from_str(&done(&api, &["policy", "versions", "--json"]).await?)?;
    assert_eq!(listed["versions"][0]["author"], "ann", "{listed}");
    assert_eq!(done(&api, &["policy", "get", "1"]).await?, read);

    let tag = listed["versions"][1]["tag"].as_str().unwrap_or_default();
    let (code, _, errors) = run(&api, &["policy", "rollback", "1", "--if-match", tag]).await?;
    assert_eq!(code, Some(1));
    assert!(errors.contains("412") && errors.contains("read it again"), "{errors}");
    assert_eq!(done(&api, &["policy", "rollback", "1"]).await?, "version 3 is in force\n");
    assert_eq!(done(&api, &["policy", "get"]).await?, read);
    for file in ["/nowhere/shop.toml", "shop.yaml"] {
        let (code, _, errors) = run(&api, &["policy", "apply", file]).await?;
        assert!(code == Some(2) && errors.contains(file) && !errors.contains("http://"), "{code:?} {errors}");
    }
    Ok(())
}

/// A quota is set and unset by its key, whatever that is, and what can't be is told.
#[tokio::test]
async fn a_quota_is_set_and_unset() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let key = "ac/me & sons?";
    let set = ["quota", "set", "org", key, "--burst", "12", "--weight", "3", "--reason", "a higher tier"];
    assert_eq!(done(&api, &set).await?, format!("org:{key} changed in version 2 of the policy\n"));
    let policy = api.get("/v1/shop/policy").await?;
    assert_eq!(
        (policy.header("tollgate-author"), policy.header("tollgate-reason")),
        ("ann", "a higher tier")
    );
    let limit = &policy.expect(200)["limit"][0];
    assert_eq!((&limit["override"][key], &limit["weight"][key]), (&json!({"burst": 12}), &json!(3)));
    done(&api, &["quota", "unset", "org", key]).await?;
    for (words, code, told) in [
        (vec!["quota", "unset", "org", key], 1, "404"),
        (vec!["quota", "set", "nothing", "acme", "--burst", "1"], 1, "no limit \"nothing\""),
        (vec!["quota", "set", "org", "acme", "--rate", "much"], 1, "expected"),
        (vec!["quota", "set", "org", "acme"], 2, "--rate"),
        (vec!["quota", "set", "org", "acme", "--rate", "1/s", "--quota", "1/s"], 2, "cannot be used with"),
        (vec!["quota", "set", "org", "acme", "--rate", "1/s", "--expires-at", "soon"], 2, "such as 20"),
        (vec!["quota", "set", "org", "", "--rate", "1/s"], 2, "`tollgate policy apply`"),
    ] {
        let (ended, _, errors) = run(&api, &words).await?;
        assert_eq!(ended, Some(code), "{words:?}: {errors}");
        assert!(errors.contains(told), "{words:?}: {errors}");
    }
    Ok(())
}

/// An end that is past would take away what the key has: it is a slip, and changes nothing.
#[tokio::test]
async fn a_quota_that_ends_in_the_past_is_a_slip() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    done(&api, &["quota", "set", "org", "acme", "--burst", "12"]).await?;
    let late = ["quota", "set", "org", "acme", "--burst", "13", "--expires-at", "2020-01-31T00:00:00Z"];
    let (code, _, errors) = run(&api, &late).await?;
    assert!(code == Some(2) && errors.contains("it is past"), "{code:?} {errors}");
    let policy = api.get("/v1/shop/policy").await?.expect(200);
    assert_eq!(policy["limit"][0]["override"]["acme"], json!({"burst": 12}), "{policy}");
    done(
        &api,
        &["quota", "set", "org", "acme", "--burst", "13", "--expires-at", "2099-01-31T01:00:00+01:00"],
    )
    .await?;
    let policy = api.get("/v1/shop/policy").await?.expect(200);
    let own = &policy["limit"][0]["override"]["acme"];
    assert_eq!(own, &json!({"burst": 13, "expires_at": "2099-01-31T00:00:00Z"}), "{policy}");
    Ok(())
}

/// A bucket is paused and goes on, and a length that is none is told with what would be right.
#[tokio::test]
async fn a_bucket_is_paused_and_goes_on() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    assert_eq!(done(&api, &["pause", "org", "acme", "--for", "1h"]).await?, "org:acme is paused for 1 h\n");
    api.acquire(&call_of("acme", 1)).await?.expect(429);
    assert_eq!(done(&api, &["resume", "org", "acme"]).await?, "nothing pauses org:acme now\n");
    assert_eq!(done(&api, &["resume", "org", "acme"]).await?, "nothing has paused org:acme\n");
    assert_eq!(api.get("/v1/shop/pauses").await?.expect(200), json!({"pauses": []}));
    for (length, code, told) in
        [("10", 2, "10m"), ("0s", 2, "10m"), ("32d", 2, "up to 31d"), ("400d", 2, "up to 31d")]
    {
        let (ended, _, errors) = run(&api, &["pause", "org", "acme", "--for", length]).await?;
        assert_eq!(ended, Some(code), "{length}: {errors}");
        assert!(errors.contains(told), "{length}: {errors}");
    }
    let (ended, _, errors) = run(&api, &["pause", "nothing", "\u{1b}[31m", "--for", "1m"]).await?;
    assert_eq!(ended, Some(1));
    assert!(!errors.contains('\u{1b}'), "a name steers the terminal: {errors:?}");
    Ok(())
}

/// A service that is not there is told by its address.
#[tokio::test]
async fn a_service_that_is_not_there_is_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let words = ["policy", "versions", "--url", "http://127.0.0.1:1"];
    let mut command = Command::new(replica_binary()?);
    let Output { status, stderr, .. } =
        tokio::task::spawn_blocking(move || command.args(words).output()).await??;
    let errors = String::from_utf8(stderr)?;
    assert_eq!(status.code(), Some(1), "{errors}");
    assert!(errors.contains("http://127.0.0.1:1: nobody listens there"), "{errors}");
    assert!(errors.contains("--url"), "{errors}");
    let (code, _, errors) = run(&api, &["policy", "get", "9"]).await?;
    assert_eq!(code, Some(1));
    assert!(errors.contains("there is no version"), "{errors}");
    Ok(())
}
