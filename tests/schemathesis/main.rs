//! The API against its own description: schemathesis draws requests from it, right ones and wrong ones, and checks
//! every answer.
//!
//! All its checks are on, in all its phases: the examples, every boundary and every field left out or of another type
//! once, random requests, and sequences along the links. `schemathesis.toml` says what may be answered, `hooks.py` what
//! is changed in a request so that it gets further than 404.
//!
//! `GET /v1/{ns}/audit/stream` never ends. Of it one event is read, or what comes within two seconds.

mod answered;
mod run;
mod tool;

use anyhow::Result;
use tollgate_testkit::{RedisServer, Replica, ReplicaBuilder, record_ran_on};

/// The example policy, and a limit of each other sort.
const POLICY: &str = include_str!("policy.toml");

/// With an admin's key, and others that open nothing, which are tried on purpose.
fn replica() -> ReplicaBuilder {
    Replica::builder().policy(POLICY).argument("--max-bad-logins").argument("1000000")
}

/// Without a store.
#[tokio::test]
async fn every_answer_is_as_described_embedded() -> Result<()> {
    run::against(replica().start().await?).await
}

/// The same on Redis, where answers come from scripts in another process.
#[tokio::test]
async fn every_answer_is_as_described_on_redis() -> Result<()> {
    let redis = RedisServer::start()?;
    record_ran_on(&redis.version()?.to_string());
    let replica = replica().store(redis.url());
    run::against(replica.argument("--begin").argument("full").start().await?).await
}
