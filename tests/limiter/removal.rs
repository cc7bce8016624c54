//! A namespace is removed: all of it, nothing else, and only by who may.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::{Change, Error, NewKey, Role, StoreError, Tollgate};
use tollgate_testkit::{RedisServer, eventually};

use super::audit::Refusal;
use super::{call, gate, granted, per_org};

const RATE: &str = "rate = '10/s'\nburst = 10";

fn keys(server: &RedisServer) -> Result<Vec<String>> {
    Ok(redis::cmd("KEYS").arg("*").query(&mut server.connection()?)?)
}

/// Goal: what is removed is gone, what is another's stays, and a limiter that goes on is as after any loss. Method: a
/// namespace beside the key of another one is removed, twice, and then asked for a permit.
#[tokio::test]
async fn a_removed_namespace_leaves_no_keys_and_comes_back_with_its_limiter() -> Result<()> {
    let server = RedisServer::start()?;
    let others = "tollgate:{other}:state";
    redis::cmd("HSET").arg(others).arg("head").arg("1").exec(&mut server.connection()?)?;
    let limiter = gate(&server.url(), per_org(RATE)?).await?;
    // A refusal has the trail tell of calls.
    let permit = granted(&limiter, &call("acme")).await?;
    limiter.observe(&permit, &Refusal::for_seconds(0).answer()).await?;
    let new = NewKey { role: Role::Admin, label: "ann".to_owned(), expires_at_us: None };
    limiter.api_keys().make(&new, &Change::default()).await?;
    // The first sweep has begun the books.
    eventually("all keys", Duration::from_secs(30), async || {
        let keys = keys(&server).map_err(|error| format!("{error:#}"))?;
        if keys.len() == 7 { Ok(()) } else { Err(format!("{keys:?}")) }
    })
    .await?;
    for was_there in [true, false] {
        let removed = Tollgate::builder("test").store(server.url().parse()?).remove_namespace().await?;
        ensure!(removed == was_there, "{removed}, expected {was_there}");
        ensure!(keys(&server)? == [others], "{:?}", keys(&server)?);
    }
    limiter.acquire(&call("acme")).await?;
    ensure!(limiter.api_keys().list().await?.is_empty(), "keys do not come back");
    let back: Vec<_> = keys(&server)?.into_iter().filter(|key| !key.ends_with(":usage")).collect();
    ensure!(limiter.policy().await?.version == 1 && back.len() == 4, "{back:?}");
    Ok(())
}

/// Goal: a limiter's rights are not enough to remove what it counts. Method: a user with the documented rights tries
/// it, without and with the one more that docs/OPERATIONS.md gives.
#[tokio::test]
async fn removing_takes_a_right_of_its_own() -> Result<()> {
    let document = include_str!("../../docs/OPERATIONS.md");
    let rights = document.split("~tollgate:{genesys}:* ").nth(1).and_then(|rest| rest.lines().next());
    let rights = rights.context("docs/OPERATIONS.md gives the rights")?;
    ensure!(document.contains("`+del`"), "docs/OPERATIONS.md does not say what removing takes");
    for (more, is_enough) in [("", false), (" +del", true)] {
        let acl = format!("least on >pw ~tollgate:{{test}}:* {rights}{more}");
        let server = RedisServer::builder().tcp().acl(&acl).start()?;
        let url = server.tcp_url()?;
        let host = url.rsplit(['@', '/']).find(|part| part.contains(':')).context("a url with a host")?;
        let address = format!("redis://least:pw@{host}/");
        let limiter = gate(&address, per_org(RATE)?).await?;
        let removed = Tollgate::builder("test").store(address.parse()?).remove_namespace().await;
        match removed {
            Ok(removed) => ensure!(is_enough && removed && keys(&server)?.is_empty(), "{acl}: {removed}"),
            Err(Error::Store(StoreError::Forbidden { detail })) => ensure!(!is_enough, "{acl}: {detail}"),
            Err(error) => return Err(error.into()),
        }
        drop(limiter);
    }
    Ok(())
}
