//! The test kit does what the suites rely on: servers come up, fail loudly and end; faults are exactly those asked for.

use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::Instant;
use tollgate_testkit::{
    Address, Direction, FaultProxy, Flavor, RedisServer, Replica, ReservedPort, eventually,
};

/// Every server version there is starts, says what it is, and knows the directives the kit sets.
#[test]
fn a_server_of_every_version_starts_and_names_itself() -> Result<()> {
    for flavor in Flavor::all_available()? {
        let server = RedisServer::builder().flavor(&flavor).tcp().start()?;
        assert_eq!(server.version()?, flavor.version(), "{}", flavor.binary().display());
        let mut connection = redis::Client::open(server.tcp_url()?)?.get_connection()?;
        let pong: String = redis::cmd("PING").query(&mut connection)?;
        assert_eq!(pong, "PONG", "over TCP");
    }
    Ok(())
}

/// Passwords with every character that a URL or a configuration file could trip over still open the door.
#[test]
fn a_password_of_awkward_characters_opens_both_addresses() -> Result<()> {
    let server = RedisServer::builder().tcp().password(r#"p@ss/w:rd "?#& \%41ü"#).start()?;
    for url in [server.url(), server.tcp_url()?] {
        let mut connection = redis::Client::open(url.as_str())?.get_connection()?;
        redis::cmd("PING").exec(&mut connection)?;
    }
    Ok(())
}

/// A user made by `acl` has its rights and not more.
#[test]
fn an_acl_user_has_only_its_rights() -> Result<()> {
    let server = RedisServer::builder().acl("reader on >secret ~open:* +get").start()?;
    let url = format!("{}?user=reader&pass=secret", server.url());
    let mut connection = redis::Client::open(url)?.get_connection()?;
    redis::cmd("GET").arg("open:1").exec(&mut connection)?;
    let refused = redis::cmd("GET").arg("shut:1").exec(&mut connection);
    assert!(refused.as_ref().is_err_and(|error| error.code() == Some("NOPERM")), "{refused:?}");
    Ok(())
}

/// What a server says when it can't start reaches the developer.
#[test]
fn a_server_that_fails_to_start_shows_its_log() {
    let error = RedisServer::builder().config("no-such-directive", "1").start().err();
    let text = format!("{:#}", error.expect("an unknown directive is refused"));
    assert!(text.contains("no-such-directive"), "{text}");
}

/// Nothing outlives its test: process, socket and directory are gone after a drop.
#[test]
fn a_dropped_server_is_gone() -> Result<()> {
    let server = RedisServer::start()?;
    let process = format!("/proc/{}", server.info("server")?["process_id"]);
    let directory = server.directory().to_owned();
    assert!(std::path::Path::new(&process).exists() && directory.exists(), "it runs");
    drop(server);
    assert!(!std::path::Path::new(&process).exists(), "{process} still runs");
    assert!(!directory.exists(), "{} is still there", directory.display());
    Ok(())
}

/// A restarted server is found at its old addresses, empty.
#[test]
fn a_restarted_server_keeps_its_addresses_and_nothing_else() -> Result<()> {
    let mut server = RedisServer::builder().tcp().start()?;
    let addresses = (server.url(), server.tcp_url()?);
    redis::cmd("SET").arg("key").arg(1).exec(&mut server.connection()?)?;
    server.kill()?;
    assert!(server.connection().is_err(), "a killed server refuses");
    server.restart()?;
    assert_eq!((server.url(), server.tcp_url()?), addresses);
    let keys: u64 = redis::cmd("DBSIZE").query(&mut server.connection()?)?;
    assert_eq!(keys, 0);
    Ok(())
}

/// The kernel gives a reserved port to nobody else.
#[test]
fn reserved_ports_are_distinct() -> Result<()> {
    let ports = (0..200).map(|_| ReservedPort::new()).collect::<Result<Vec<_>>>()?;
    let numbers: std::collections::BTreeSet<u16> = ports.iter().map(ReservedPort::number).collect();
    assert_eq!(numbers.len(), ports.len());
    Ok(())
}

/// The server executes a request whose answer is lost, exactly once, and no request behind it.
#[tokio::test]
async fn a_dropped_answer_is_lost_after_the_request_was_executed() -> Result<()> {
    let server = RedisServer::builder().password("secret").start()?;
    let proxy = FaultProxy::unix(&server)?;
    let client = redis::Client::open(proxy.url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;

    proxy.drop_answers_to("incrby", 1);
    redis::cmd("PING").exec_async(&mut connection).await?;
    let pipeline = redis::pipe().incr("first", 1).incr("behind", 1).to_owned();
    let lost = pipeline.exec_async(&mut connection).await;
    assert!(lost.is_err(), "the connection closes instead of an answer");

    let mut connection = client.get_multiplexed_async_connection().await?;
    let (first, behind): (u64, Option<u64>) =
        redis::pipe().get("first").get("behind").query_async(&mut connection).await?;
    assert_eq!((first, behind), (1, None), "{:?}", proxy.counters());
    assert_eq!(proxy.counters().answers_dropped, 1);
    Ok(())
}

/// Delays follow the runtime's clock, one for each direction, and pipelined requests share them.
///
/// The clock stands still unless everything waits, so the time that passes is what the proxy asked for and nothing
/// else; replies that the kernel hands over in two parts may see one more delay, two hundred in a row may not.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the paused clock is what is under test")]
async fn delays_add_up_once_however_many_requests_are_in_the_pipeline() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    proxy.delay(Direction::ToServer, Duration::from_millis(20));
    proxy.delay(Direction::ToClient, Duration::from_millis(10));
    let Address::Unix(path) = proxy.address() else { unreachable!("a unix proxy") };
    let mut stream = UnixStream::connect(path).await?;

    for pings in [1, 200] {
        let began = Instant::now();
        stream.write_all(&b"PING\r\n".repeat(pings)).await?;
        let mut answers = vec![0; b"+PONG\r\n".len() * pings];
        stream.read_exact(&mut answers).await?;
        assert_eq!(answers, b"+PONG\r\n".repeat(pings), "in order");
        let round_trips = began.elapsed().as_secs_f64() / 0.030;
        assert!((1.0..2.0).contains(&round_trips), "{pings} requests took {round_trips} round trips");
    }
    Ok(())
}

/// A refusing proxy looks like a server that is gone, and comes back at the same address.
#[tokio::test]
async fn a_refusing_proxy_is_gone_until_it_passes() -> Result<()> {
    let server = RedisServer::start()?;
    for proxy in [FaultProxy::unix(&server)?, FaultProxy::tcp(&server)?] {
        let client = redis::Client::open(proxy.url())?;
        let mut open = client.get_multiplexed_async_connection().await?;
        proxy.refuse().await?;
        assert!(redis::cmd("PING").exec_async(&mut open).await.is_err(), "open connections close");
        assert!(client.get_multiplexed_async_connection().await.is_err(), "new ones are refused");
        proxy.pass().await?;
        let mut again = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").exec_async(&mut again).await?;
    }
    Ok(())
}

/// In a black hole a call is neither answered nor refused, and the server sees nothing of it.
#[tokio::test]
async fn a_black_hole_answers_nothing_until_it_passes() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let client = redis::Client::open(proxy.url())?;
    let mut open = client.get_multiplexed_async_connection().await?;
    open.set_response_timeout(Duration::from_millis(50));

    proxy.black_hole();
    let silent = redis::cmd("SET").arg("key").arg(1).exec_async(&mut open).await;
    assert!(silent.as_ref().is_err_and(redis::RedisError::is_timeout), "{silent:?}");

    proxy.pass().await?;
    let mut again = client.get_multiplexed_async_connection().await?;
    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut again).await?;
    assert_eq!(keys, 0);
    Ok(())
}

/// A cut closes what is open and nothing else.
#[tokio::test]
async fn a_cut_closes_open_connections() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::tcp(&server)?;
    let client = redis::Client::open(proxy.url())?;
    let mut open = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING").exec_async(&mut open).await?;
    proxy.cut();
    eventually("the connection to close", Duration::from_secs(5), async || {
        match redis::cmd("PING").exec_async(&mut open).await {
            Err(error) if error.is_connection_dropped() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    client.get_multiplexed_async_connection().await?;
    assert_eq!(proxy.counters().connections, 2);
    Ok(())
}

/// What never comes true is reported with what was seen last.
#[tokio::test]
async fn waiting_in_vain_names_the_last_state() {
    let never = eventually("rain", Duration::from_millis(5), async || Err::<(), _>("sunshine")).await;
    let text = format!("{:#}", never.expect_err("it never rains"));
    assert!(text.contains("rain") && text.contains("sunshine"), "{text}");
}

/// A replica is ready when it is handed over, frozen when stopped, and ends in order when asked to.
#[tokio::test]
async fn a_replica_is_ready_can_be_frozen_and_ends_in_order() -> Result<()> {
    let mut replica = Replica::builder().start().await?;
    let healthy = || async { reqwest::get(replica.url("/healthz")).await?.error_for_status() };
    healthy().await?;
    replica.stop()?;
    let frozen = tokio::time::timeout(Duration::from_millis(50), healthy()).await;
    assert!(frozen.is_err(), "a frozen replica answers nothing: {frozen:?}");
    replica.cont()?;
    healthy().await?;
    let status = replica.terminate().await?;
    assert!(status.success(), "{status}; it printed:\n{}", replica.log());
    Ok(())
}
