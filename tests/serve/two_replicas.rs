//! Two replicas on one Redis are one service.

use anyhow::Result;
use serde_json::json;
use tollgate_testkit::RedisServer;

use super::client::{Api, TEN_EACH, call_of, log_with, with};

async fn two(server: &RedisServer) -> Result<(Api, Api)> {
    Ok((Api::with_ten(&server.url()).await?, Api::joining(&server.url()).await?))
}

/// What one has granted is gone at the other.
#[tokio::test]
async fn a_limit_is_shared() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = two(&server).await?;
    for turn in 0..10 {
        let api = if turn % 2 == 0 { &one } else { &other };
        api.acquire(&call_of("acme", 1)).await?.expect(200);
    }
    one.acquire(&call_of("acme", 1)).await?.expect(429);
    other.acquire(&call_of("acme", 1)).await?.expect(429);
    Ok(())
}

/// A client behind a load balancer need not know which replica gave it its permit.
#[tokio::test]
async fn a_permit_is_settled_at_the_other_replica() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = two(&server).await?;
    let granted = one.acquire(&call_of("acme", 5)).await?.expect(200);
    let id = granted["permit"].as_str().expect("a permit");
    other.post(&format!("/v1/shop/permits/{id}/settle"), &json!({"cost": 2})).await?.expect(204);
    assert_eq!((one.remaining("org", "acme").await?, other.remaining("org", "acme").await?), (8, 8));
    let again = one.post(&format!("/v1/shop/permits/{id}/settle"), &json!({"cost": 2})).await?;
    again.expect_problem(409, "settled-before", "");
    Ok(())
}

/// A request that is repeated at another replica is the same call.
#[tokio::test]
async fn a_request_id_is_charged_once_by_both() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = two(&server).await?;
    for api in [&one, &other, &one] {
        api.acquire(&with(call_of("acme", 4), "request_id", "r-1")).await?.expect(200);
    }
    assert_eq!(other.remaining("org", "acme").await?, 6);
    Ok(())
}

/// A change made at one binds the other from its next call on.
#[tokio::test]
async fn a_policy_is_changed_for_both() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = two(&server).await?;
    let tag = one.get("/v1/shop/policy").await?.header("etag").to_owned();
    let changed = one.put_policy(&tag, &TEN_EACH.replace("burst = 10", "burst = 3")).await?;
    changed.expect(200);
    other.acquire(&call_of("acme", 4)).await?.expect_problem(422, "invalid-call", "cost");
    assert_eq!(other.get("/v1/shop/policy").await?.header("etag"), changed.header("etag"));
    other.put_policy(&tag, TEN_EACH).await?.expect_problem(412, "policy-changed", "if-match");
    Ok(())
}

/// A store that lost everything gets the policy back from whichever replica is asked first, whose log says so.
#[tokio::test]
async fn a_flushed_store_has_its_policy_again() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = two(&server).await?;
    let tag = one.get("/v1/shop/policy").await?.header("etag").to_owned();
    redis::cmd("FLUSHALL").exec(&mut server.connection()?)?;
    assert_eq!(other.get("/v1/shop/policy").await?.header("etag"), tag);
    log_with(&other.replica, "the store had lost the policy, and has it back", 1).await?;
    redis::cmd("FLUSHALL").exec(&mut server.connection()?)?;
    one.get("/readyz").await?.expect(200);
    assert_eq!(one.get("/v1/shop/policy").await?.header("etag"), tag);
    Ok(())
}
