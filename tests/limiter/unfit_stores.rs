//! Stores that can't be used: each says what is wrong with it, and nothing is charged.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tollgate::provider::Answer;
use tollgate::{AuditOrder, AuditQuery, Change, Error, NewKey, Role, StoreError, Tollgate};
use tollgate_testkit::{RedisServer, eventually};

use super::{call, gate, granted, per_org, spent_exactly};

const SCARCE: &str = "rate = '1/1h'\nburst = 20";
const STATE: &str = "tollgate:{test}:state";

async fn refusal(url: &str) -> Result<StoreError> {
    let builder = Tollgate::builder("test").store(url.parse()?).policy(per_org(SCARCE)?);
    match builder.connect().await {
        Err(Error::Store(error)) => Ok(error),
        other => anyhow::bail!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() -> Result<()> {
    let server = RedisServer::builder().tcp().password("right").start()?;
    let wrong = server.tcp_url()?.replace("right", "wr0ng");
    for url in [wrong.clone(), wrong.replace(":wr0ng@", "")] {
        let error = refusal(&url).await?;
        ensure!(matches!(error, StoreError::Unauthorized { .. }), "{error:?}");
        ensure!(!format!("{error} {error:?}").contains("wr0ng"), "{error:?}");
    }
    gate(&server.tcp_url()?, per_org(SCARCE)?).await?;
    Ok(())
}

/// Whoever is told that there is no policy is told how to give one, in the terms of the library and of the service.
#[tokio::test]
async fn a_namespace_without_a_policy_says_how_to_give_it_one() -> Result<()> {
    let server = RedisServer::start()?;
    let error = Tollgate::connect(&server.url(), "test").await.map(drop);
    ensure!(matches!(&error, Err(Error::NoPolicy { namespace }) if namespace == "test"), "{error:?}");
    let said = error.map_err(|error| error.to_string()).expect_err("it has none");
    ensure!(said.contains("Tollgate::builder(..).policy(..)") && said.contains("--policy FILE"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_missing_permission_is_named() -> Result<()> {
    for (rules, named) in [("+@all -info", "info"), ("+@all -evalsha", "evalsha"), ("+@all -hset", "policy")]
    {
        let server = RedisServer::builder().tcp().acl(&format!("limited on >pw ~* {rules}")).start()?;
        let url = server.tcp_url()?;
        let host = url.rsplit(['@', '/']).find(|part| part.contains(':')).context("a url with a host")?;
        let error = refusal(&format!("redis://limited:pw@{host}/")).await?;
        ensure!(matches!(error, StoreError::Forbidden { .. }), "{rules}: {error:?}");
        ensure!(error.to_string().to_lowercase().contains(named), "{rules}: {error}");
    }
    Ok(())
}

/// Goal: the rights that docs/OPERATIONS.md gives are enough. Method: a user with no others goes through the life of a
/// permit, a change of the policy, a flush of the scripts, and the life of an API key.
#[tokio::test]
async fn the_documented_rights_are_enough() -> Result<()> {
    let rights = "-@all +eval +evalsha +info +time +exists +hget +hmget +hset +hdel +hscan +xadd +xtrim +xrange +xrevrange +xinfo";
    let document = include_str!("../../docs/OPERATIONS.md");
    ensure!(document.contains(rights), "docs/OPERATIONS.md does not give these rights: {rights}");
    let server =
        RedisServer::builder().tcp().acl(&format!("least on >pw ~tollgate:{{test}}:* {rights}")).start()?;
    let url = server.tcp_url()?;
    let host = url.rsplit(['@', '/']).find(|part| part.contains(':')).context("a url with a host")?;
    let gate = gate(&format!("redis://least:pw@{host}/"), per_org(SCARCE)?).await?;
    granted(&gate, &call("acme").cost(3)).await?.settle(1).await?;
    gate.put_policy(&per_org("rate = '1/1h'\nburst = 19")?, None, &Change::default()).await?;
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connection()?)?;
    let permit = granted(&gate, &call("acme")).await?;
    let headers = HeaderMap::from_iter([(RETRY_AFTER, 0.into())]);
    let answer = Answer { status: 429, headers: &headers, body: None, received_at: SystemTime::UNIX_EPOCH };
    for _ in 0..2 {
        gate.observe(&permit, &answer).await?;
    }
    for order in [AuditOrder::OldestFirst, AuditOrder::NewestFirst] {
        let page = gate.audit(&AuditQuery { order, ..AuditQuery::default() }).await?;
        ensure!(page.entries.len() == 6, "two policies, two refusals, a pause, a cut: {page:?}");
    }
    let (keys, new) =
        (gate.api_keys(), NewKey { role: Role::Admin, label: "ann".to_owned(), expires_at_us: None });
    let made = keys.make(&new, &Change::default()).await?;
    keys.touch(std::slice::from_ref(&made.key.id)).await?;
    ensure!(keys.list().await?.iter().all(|key| key.used_at_us.is_some()));
    keys.revoke(&made.key.id, &Change::default()).await?;
    swept(&server).await?;
    ensure!(gate.buckets(None, None).await?.buckets.len() == 1);
    Ok(())
}

/// Waits for the sweep, which has rights to need of its own.
async fn swept(server: &RedisServer) -> Result<()> {
    let mut connection = server.connection()?;
    eventually("a sweep", Duration::from_secs(20), async || {
        let swept: bool = redis::cmd("HEXISTS").arg(STATE).arg("sweep").query(&mut connection)?;
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection)?;
        if swept && info.contains("cmdstat_xtrim") { Ok(()) } else { Err(anyhow::anyhow!("not yet")) }
    })
    .await
}

/// Goal: records of another version are refused loudly. Method: the schema number of each kind of record is raised;
/// calls fail with its name, and the state stays as it was.
#[tokio::test]
async fn a_record_of_another_version_is_refused() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org(SCARCE)?).await?;
    granted(&gate, &call("acme")).await?;
    // What it writes by itself when it begins is there: it sweeps, and then says that it lives.
    eventually("the replica to be noted", Duration::from_secs(20), async || {
        let noted = gate.replicas().await.map_err(|error| error.to_string())?.replicas.len();
        if noted == 1 { Ok(()) } else { Err(format!("{noted} replicas are noted")) }
    })
    .await?;
    let mut connection = server.connection()?;
    for field in ["b:org:acme", "head"] {
        let record: Vec<u8> = redis::cmd("HGET").arg(STATE).arg(field).query(&mut connection)?;
        let mut newer = record.clone();
        newer[0] = 99;
        redis::cmd("HSET").arg(STATE).arg(field).arg(&newer).exec(&mut connection)?;
        let before: BTreeMap<Vec<u8>, Vec<u8>> = redis::cmd("HGETALL").arg(STATE).query(&mut connection)?;
        let error = gate.try_acquire(&call("acme")).await.map(drop);
        let named =
            matches!(&error, Err(Error::Store(StoreError::Schema { detail })) if detail.contains(field));
        ensure!(named, "{field}: {error:?}");
        let after: BTreeMap<Vec<u8>, Vec<u8>> = redis::cmd("HGETALL").arg(STATE).query(&mut connection)?;
        ensure!(before == after, "{field}: the refusal has written something");
        redis::cmd("HSET").arg(STATE).arg(field).arg(&record).exec(&mut connection)?;
    }
    spent_exactly(&gate, "acme", 1).await
}

/// Goal: a server that takes no writes is named, and used again when it takes them. Method: it becomes a replica of
/// nobody, then runs out of memory.
#[tokio::test]
async fn a_server_that_takes_no_writes_is_named() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org(SCARCE)?).await?;
    let mut connection = server.connection()?;
    let mut configure = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut connection);
    for (spoil, mend) in [
        (["REPLICAOF", "127.0.0.1", "1"].as_slice(), ["REPLICAOF", "NO", "ONE"].as_slice()),
        (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]),
    ] {
        configure(spoil)?;
        let error = gate.try_acquire(&call("acme")).await.map(drop);
        ensure!(matches!(error, Err(Error::Store(StoreError::NotWritable { .. }))), "{spoil:?}: {error:?}");
        configure(mend)?;
        eventually("a grant", Duration::from_secs(5), async || granted(&gate, &call("acme")).await)
            .await?
            .give_back()
            .await?;
    }
    spent_exactly(&gate, "acme", 0).await
}

/// A namespace becomes part of keys: one that could reach those of another is refused before anything is asked.
#[tokio::test]
async fn a_namespace_that_is_no_name_is_refused() -> Result<()> {
    for namespace in ["", "a}:state{b", "Upper", "with space", &"x".repeat(65)] {
        let error = Tollgate::builder(namespace).connect().await.map(drop);
        ensure!(
            matches!(&error, Err(Error::Namespace { namespace: named }) if named == namespace),
            "{error:?}"
        );
    }
    Ok(())
}
