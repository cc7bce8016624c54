//! Buckets: one by its key, or pages of those that are not full.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, replica_binary};

use super::client::{Api, TEN_EACH, call_of};

/// A bucket is shown as it stands, and full where nobody has used it.
#[tokio::test]
async fn a_bucket_is_found_by_its_key() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 4)).await?.expect(200);
    let page = api.get("/v1/shop/buckets?limit=org&key=acme").await?.expect(200);
    let reset_after_ms = page["buckets"][0]["reset_after_ms"].as_u64().expect("a time");
    assert!((14_370_000..=14_400_000).contains(&reset_after_ms), "{page}");
    let bucket = json!({"limit": "org", "key": "acme", "measure": "tokens", "mode": "enforce", "burst": 10, "remaining": 6,
        "reset_after_ms": reset_after_ms});
    assert_eq!(page, json!({"buckets": [bucket]}));
    let unused = api.get("/v1/shop/buckets?limit=org&key=a%2Fb%20%C3%BC").await?.expect(200);
    let bucket = json!({"limit": "org", "key": "a/b ü", "measure": "tokens", "mode": "enforce", "burst": 10, "remaining": 10,
        "reset_after_ms": 0});
    assert_eq!(unused, json!({"buckets": [bucket]}));
    Ok(())
}

/// The one bucket of a limit that all calls share has an empty key, which is not the same as no key.
#[tokio::test]
async fn the_bucket_of_all_calls_is_found_by_an_empty_key() -> Result<()> {
    let api =
        Api::embedded("namespace = 'shop'\nlimit = [{ name = 'all', per = [], rate = '1/1h', burst = 5 }]")
            .await?;
    api.acquire(&call_of("acme", 2)).await?.expect(200);
    assert_eq!(api.remaining("all", "").await?, 3);
    Ok(())
}

/// All pages together are all buckets, on both stores.
#[tokio::test]
async fn pages_lead_to_every_bucket() -> Result<()> {
    let server = RedisServer::start()?;
    for api in [Api::embedded(TEN_EACH).await?, Api::with_ten(&server.url()).await?] {
        let orgs: BTreeSet<String> = (0..600).map(|number| format!("org-{number}")).collect();
        for org in &orgs {
            api.acquire(&call_of(org, 1)).await?.expect(200);
        }
        let (mut found, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let page = api.get(&format!("/v1/shop/buckets?limit=org{cursor}")).await?.expect(200);
            for bucket in page["buckets"].as_array().expect("a list") {
                assert_eq!((&bucket["limit"], &bucket["remaining"]), (&json!("org"), &json!(9)), "{bucket}");
                found.insert(bucket["key"].as_str().expect("a key").to_owned());
            }
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, orgs);
    }
    Ok(())
}

/// What is not there is not found, what can't be is told.
#[tokio::test]
async fn unknown_limits_keys_and_cursors_are_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for (query, status, kind, field) in [
        ("limit=nope", 404, "unknown-limit", "limit"),
        ("limit=nope&key=acme", 404, "unknown-limit", "limit"),
        ("limit=org&key=", 404, "unknown-limit", "key"),
        ("limit=org&key=a%0Ab", 404, "unknown-limit", "key"),
        ("limit=*", 404, "unknown-limit", "limit"),
        ("key=acme", 422, "invalid-value", "limit"),
        ("cursor=-1", 422, "invalid-value", "cursor"),
        ("cursor=", 422, "invalid-value", "cursor"),
        ("cursor=99999999999999999999", 422, "invalid-value", "cursor"),
        ("limits=org", 400, "malformed", "limits"),
        ("limit=org&limit=org", 400, "malformed", "limit"),
    ] {
        let answer = api.get(&format!("/v1/shop/buckets?{query}")).await?;
        answer.expect_problem(status, kind, field);
    }
    Ok(())
}

async fn listed(api: &Api, words: &[&str]) -> Result<(Option<i32>, String, String)> {
    let mut command = Command::new(replica_binary()?);
    command.arg("buckets").args(words).args(["--namespace", "shop", "--url", &api.replica.url("")]);
    command.env_remove("TOLLGATE_API_KEY");
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok((status.code(), String::from_utf8(stdout)?, String::from_utf8(stderr)?))
}

/// Goal: the command shows all buckets in use, those of a limit or of a key, and says so where it leaves some out.
/// Method: more buckets than a page has, one of them paused for ten minutes.
#[tokio::test]
async fn the_command_shows_all_pages_as_a_table_and_in_json() -> Result<()> {
    let server = RedisServer::start()?;
    let api = Api::with_ten(&server.url()).await?;
    let orgs: Vec<String> = (0..600).map(|number| format!("org-{number:03}")).collect();
    for org in &orgs {
        api.acquire(&call_of(org, 3)).await?.expect(200);
    }
    let pause = json!({"limit": "org", "key": "org-001", "for_ms": 600_000});
    api.post("/v1/shop/pauses", &pause).await?.expect(200);

    let (code, table, errors) = listed(&api, &["org", "--count", "2000"]).await?;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{table}");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["LIMIT", "KEY", "MEASURE", "LEFT", "RESET", "PAUSED", "PACE"]);
    assert_eq!(lines.len(), 1 + orgs.len());
    assert!(lines[1].starts_with(&["org", "org-000", "tokens", "7/10"]), "{:?}", lines[1]);
    assert!(lines[1].ends_with(&["-", "100%"]), "{:?}", lines[1]);
    let paused = table.lines().nth(2).unwrap_or_default();
    assert!(["  8 min ", "  9 min ", "  10 min "].iter().any(|length| paused.contains(length)), "{paused}");

    let (code, table, _) = listed(&api, &["--count", "5"]).await?;
    assert!(
        code == Some(0) && table.lines().count() == 7 && table.ends_with("a larger --count.\n"),
        "{table}"
    );
    let (code, lines, _) = listed(&api, &["org", "org-007", "--json"]).await?;
    let bucket: Value = serde_json::from_str(lines.trim_end())?;
    assert_eq!((code, &bucket["key"], &bucket["remaining"]), (Some(0), &json!("org-007"), &json!(7)));
    for words in
        [&["--limit", "org", "--key", "org-007", "--json"][..], &["org", "--key", "org-007", "--json"]]
    {
        let (code, lines, errors) = listed(&api, words).await?;
        let listed: Value = serde_json::from_str(lines.trim_end())?;
        assert_eq!((code, &listed["key"], errors.as_str()), (Some(0), &json!("org-007"), ""), "{words:?}");
    }
    for words in [&["org", "--limit", "org"][..], &["org", "org-007", "--key", "org-007"]] {
        let (code, _, errors) = listed(&api, words).await?;
        assert!(
            code == Some(2) && errors.contains("--limit") | errors.contains("--key"),
            "{words:?}: {errors}"
        );
    }
    let (code, _, errors) = listed(&api, &["--key", "org-007"]).await?;
    assert!(code == Some(1) && errors.contains("say which"), "{errors}");
    let (code, _, errors) = listed(&api, &["nope"]).await?;
    assert!(code == Some(1) && errors.contains("nope"), "{errors}");
    let (code, _, errors) = listed(&api, &["--count", "0"]).await?;
    assert!(code == Some(2) && errors.contains("1..=1000000"), "{errors}");
    Ok(())
}
