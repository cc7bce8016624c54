//! A demo on a store that others use too: it has a namespace of its own there, and nothing of it stays.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tollgate_demo::{Client, Demo, Progress, Scenario, Settings};
use tollgate_testkit::{RedisServer, eventually};

use super::command::{run, start, text};

/// What somebody else has stored.
const OTHERS: &str = "tollgate:{genesys}:state";

fn keys(server: &RedisServer) -> Result<Vec<String>> {
    Ok(redis::cmd("KEYS").arg("*").query(&mut server.connection()?)?)
}

fn used_by_others() -> Result<RedisServer> {
    let server = RedisServer::start()?;
    redis::cmd("HSET").arg(OTHERS).arg("head").arg("1").exec(&mut server.connection()?)?;
    Ok(server)
}

/// Goal: after a whole demo only what was there before is there, and its table says what was shown. Method: a small
/// fleet on a private server.
#[test]
fn a_demo_on_a_store_leaves_no_keys() -> Result<()> {
    let server = used_by_others()?;
    let (scenario, fleet) = (["--scenario", "noisy-neighbour"], ["--replicas", "2", "--orgs", "5"]);
    let rest = ["--seconds", "9", "--store", &server.url()];
    let output = run(&[&scenario[..], &fleet, &rest].concat())?;
    let said = text(&output.stdout);
    ensure!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    for words in [
        "Scenario noisy-neighbour, seed 1: ",
        "2 replicas call for 5 organisations",
        "The provider's windows are 3 s, so that this is soon over",
        "each replica on a connection of its own, in the namespace demo-",
        "\nretry-only ",
        "\nper-process ",
        "\ntollgate ",
    ] {
        ensure!(said.contains(words), "{words}: {said}");
    }
    ensure!(keys(&server)? == [OTHERS], "{:?}", keys(&server)?);
    Ok(())
}

/// Goal: ctrl-c ends it, and leaves no keys. Method: it is sent once the store has the demo's namespace.
#[tokio::test]
async fn a_demo_that_is_interrupted_leaves_no_keys() -> Result<()> {
    let server = used_by_others()?;
    let demo = start(&["--json", "--store", &server.url()])?;
    eventually("a namespace of the demo", Duration::from_secs(20), async || {
        let keys = keys(&server).map_err(|error| error.to_string())?;
        let found = keys.iter().any(|key| key.starts_with("tollgate:{demo-"));
        if found { Ok(()) } else { Err(format!("{keys:?}")) }
    })
    .await?;
    demo.interrupt()?;
    let output = tokio::task::spawn_blocking(|| demo.end()).await??;
    ensure!(output.status.code() == Some(130), "{}: {}", output.status, text(&output.stderr));
    ensure!(output.stdout.is_empty(), "{}", text(&output.stdout));
    ensure!(keys(&server)? == [OTHERS], "{:?}", keys(&server)?);
    Ok(())
}

/// Goal: whenever a demo is ended, nobody gives its namespace back once that is removed. Method: the runtime of eight
/// replicas that take turns ends, and the namespace is removed at once.
#[test]
fn a_demo_that_ends_while_calls_wait_leaves_no_keys() -> Result<()> {
    let server = used_by_others()?;
    let scenario = Scenario::built_in("hidden").context("it is built in")??;
    let demo = Demo::new(Settings { store: server.url().parse()?, ..Settings::of(scenario) })?;
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let watched = watch::Sender::new(Progress::default());
        let mut progress = watched.subscribe();
        tokio::select! {
            ended = demo.run(Client::Tollgate, &watched) => anyhow::bail!("it ended: {ended:?}"),
            begun = progress.wait_for(|progress| progress.done > 200) => begun.map(drop).context("nobody tells"),
        }
    })?;
    ensure!(keys(&server)?.len() == 5, "{:?}", keys(&server)?);
    drop(runtime);
    Runtime::new()?.block_on(demo.remove_namespace())?;
    ensure!(keys(&server)? == [OTHERS], "{:?}", keys(&server)?);
    Ok(())
}

/// Goal: a store that goes away in the middle ends the demo with an error. Method: the server is killed once calls are
/// done.
#[tokio::test]
async fn a_store_that_goes_away_ends_the_demo() -> Result<()> {
    let mut server = RedisServer::start()?;
    let scenario = Scenario::built_in("hidden").context("it is built in")??;
    let demo = Demo::new(Settings { replicas: 2, store: server.url().parse()?, ..Settings::of(scenario) })?;
    let watched = watch::Sender::new(Progress::default());
    let mut progress = watched.subscribe();
    let (ended, killed) = tokio::join!(demo.run(Client::Tollgate, &watched), async {
        progress.wait_for(|progress| progress.done > 100).await?;
        server.kill()
    });
    killed?;
    let error = ended.err().context("it can't go on")?;
    let told = format!("{:#}", anyhow::Error::from(error));
    ensure!(told.contains("a call failed") && told.contains("the store"), "{told}");
    Ok(())
}
