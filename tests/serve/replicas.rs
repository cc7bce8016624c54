//! Which processes share the namespace, over HTTP and on the command line.

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_testkit::{RedisServer, eventually};

use super::client::{Api, PATIENCE, TEN_EACH};
use super::operate::done;

const REPLICAS: &str = "/v1/shop/replicas";

async fn replicas(api: &Api) -> Result<Vec<Value>> {
    let told = api.get(REPLICAS).await?.expect(200);
    told["replicas"].as_array().cloned().context("replicas")
}

async fn eventually_so_many(api: &Api, count: usize) -> Result<Vec<Value>> {
    eventually(&format!("{count} replicas"), PATIENCE, async || {
        let told = replicas(api).await.map_err(|error| format!("{error:#}"))?;
        if told.len() == count { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await
}

/// Two services tell each other; one that is asked to end is gone with its answer, one that is killed is told until it
/// runs out.
#[tokio::test]
async fn every_process_of_the_fleet_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let one = Api::with_ten(&server.url()).await?;
    let mut other = Api::joining(&server.url()).await?;
    let told = eventually_so_many(&one, 2).await?;
    let policy = one.get(REPLICAS).await?.expect(200)["policy"].clone();
    for replica in &told {
        assert_eq!(replica["id"].as_str().map(str::len), Some(32), "{replica}");
        assert_eq!(
            (&replica["policy"], &replica["version"]),
            (&policy, &env!("CARGO_PKG_VERSION").into()),
            "{replica}"
        );
        assert!(replica["seen"].as_str() >= replica["since"].as_str(), "{replica}");
    }
    let is_of =
        |replica: &Value, api: &Api| replica["id"].as_str().is_some_and(|id| api.replica.log().contains(id));
    assert!([&one, &other].iter().all(|&api| told.iter().any(|replica| is_of(replica, api))), "{told:?}");

    let table = done(&one, &["replicas"]).await?;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((lines.len(), lines[0][0], lines[0][7]), (3, "REPLICA", "POLICY"), "{table}");
    assert!(lines[1..].iter().all(|line| line.last() == Some(&"1")), "{table}");
    for (line, replica) in lines[1..].iter().zip(&told) {
        assert!(
            line[0].len() == 8 && replica["id"].as_str().is_some_and(|id| id.starts_with(line[0])),
            "{table}"
        );
    }
    let json = done(&one, &["replicas", "--json"]).await?;
    let whole = |line: &str| line.split('"').any(|text| told.iter().any(|replica| replica["id"] == text));
    assert!(json.lines().count() == 2 && json.lines().all(whole), "{json}");

    other.replica.terminate().await?;
    let left = eventually_so_many(&one, 1).await?;
    assert!(is_of(&left[0], &one), "{left:?}");
    let mut killed = Api::joining(&server.url()).await?;
    eventually_so_many(&one, 2).await?;
    killed.replica.kill()?;
    assert_eq!(replicas(&one).await?.len(), 2, "it has not said that it ends");
    one.get(&format!("{REPLICAS}?x=1")).await?.expect_problem(400, "malformed", "x");
    Ok(())
}

/// A service without a store is a fleet of one.
#[tokio::test]
async fn a_service_without_a_store_tells_itself() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    eventually_so_many(&api, 1).await?;
    Ok(())
}
