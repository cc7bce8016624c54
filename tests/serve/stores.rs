//! Stores that can't be used: a typed message at the start, and never the password.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result};
use tollgate_testkit::{RedisServer, Replica};

use super::client::{Api, PLENTY, TEN_EACH, call_of};

/// What a replica says that does not start on this store.
async fn refusal_on(store: &str) -> Result<String> {
    let started = Replica::builder().store(store).policy(PLENTY).env("TOLLGATE_LOG", "trace").start().await;
    let said = format!("{:#}", started.err().context("a replica that can't use its store must not start")?);
    assert!(!said.contains("s3cret"), "{said}");
    assert!(said.contains("error: can't set up namespace shop on "), "{said}");
    Ok(said)
}

/// No server, or none that speaks.
#[tokio::test]
async fn a_store_that_is_not_there_is_named() -> Result<()> {
    let said = refusal_on("redis://:s3cret@127.0.0.1:1/").await?;
    assert!(said.contains("the store at 127.0.0.1:1 can't be reached"), "{said}");
    assert_eq!(said.matches("Connection refused").count(), 1, "a cause is told once: {said}");
    let said = refusal_on("unix:///nowhere/redis.sock?pass=s3cret").await?;
    assert!(said.contains("the store at /nowhere/redis.sock can't be reached"), "{said}");
    Ok(())
}

/// The server asks for a password and gets none, or another.
#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() -> Result<()> {
    let server = RedisServer::builder().password("right").start()?;
    let socket = server.socket();
    for password in ["", "?pass=s3cret", "?user=nobody&pass=s3cret"] {
        let said = refusal_on(&format!("unix://{}{password}", socket.display())).await?;
        assert!(said.contains("refuses the user or the password"), "{said}");
    }
    Ok(())
}

/// The address names a database that the server does not have.
#[tokio::test]
async fn a_database_that_is_not_there_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let said = refusal_on(&format!("unix://{}?db=99", server.socket().display())).await?;
    assert!(said.contains("refuses the connection: ERR DB index is out of range"), "{said}");
    Ok(())
}

/// The user may not do what is needed.
#[tokio::test]
async fn a_lack_of_permission_is_told() -> Result<()> {
    for (rules, words) in [
        ("+@all -eval -evalsha", "eval"),
        ("+@all -info", "info"),
        ("+@all -hset", "a command of the script"),
    ] {
        let server = RedisServer::builder().acl(&format!("app on >s3cret ~* {rules}")).start()?;
        let said = refusal_on(&format!("unix://{}?user=app&pass=s3cret", server.socket().display())).await?;
        assert!(said.contains("the store's user lacks a permission"), "{rules}: {said}");
        assert!(said.contains(words), "{rules}: {said}");
    }
    Ok(())
}

/// A server of a version that the scripts were never tried on.
#[tokio::test]
async fn a_server_that_is_too_old_is_told() -> Result<()> {
    let address = old_server()?;
    let said = refusal_on(&format!("redis://:s3cret@{address}/")).await?;
    assert!(
        said.contains(&format!("the store at {address} is Redis 6.0.0; Redis 6.2, Valkey 8 or newer")),
        "{said}"
    );
    Ok(())
}

/// Records of a version to come are left alone: at the start, and while a replica runs.
#[tokio::test]
async fn records_of_an_unknown_schema_are_told() -> Result<()> {
    let server = RedisServer::start()?;
    let api = Api::with_ten(&server.url()).await?;
    // 99 in msgpack, where the scripts expect 1.
    redis::cmd("HSET")
        .arg("tollgate:{shop}:state")
        .arg("head")
        .arg(b"\x63")
        .exec(&mut server.connection()?)?;
    let problem = api.acquire(&call_of("acme", 1)).await?;
    let problem = problem.expect_problem(503, "store-schema", "");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("'head'")), "{problem}");
    api.get("/readyz").await?.expect_problem(503, "store-schema", "");
    redis::cmd("HSET")
        .arg("tollgate:{shop}:policy")
        .arg("current")
        .arg(b"\x63")
        .exec(&mut server.connection()?)?;
    let said = refusal_on(&server.url()).await?;
    assert!(said.contains("records of another version of tollgate"), "{said}");
    Ok(())
}

/// A namespace on a store that may have lost what was spent begins with nothing to spend, unless it is said to be new.
#[tokio::test]
async fn a_namespace_begins_empty_unless_it_is_said_to_be_new() -> Result<()> {
    let server = RedisServer::start()?;
    let careful = Api::start(Replica::builder().store(server.url()).policy(TEN_EACH)).await?;
    careful.acquire(&call_of("acme", 1)).await?.expect(429);
    let server = RedisServer::start()?;
    let new = Api::with_ten(&server.url()).await?;
    new.acquire(&call_of("acme", 10)).await?.expect(200);
    Ok(())
}

/// A store that takes no writes is told as such, call by call.
#[tokio::test]
async fn a_read_only_store_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let api = Api::with_ten(&server.url()).await?;
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).exec(&mut server.connection()?)?;
    api.acquire(&call_of("acme", 1)).await?.expect_problem(503, "store-not-writable", "");
    Ok(())
}

/// Answers every command as Redis 6.0.0 might.
pub(crate) fn old_server() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(&client));
        }
    });
    Ok(address)
}

fn answer(mut client: &TcpStream) -> Result<()> {
    let mut commands = BufReader::new(client.try_clone()?);
    loop {
        let parts = number_after(&mut commands, '*')?;
        let mut words = Vec::new();
        for _ in 0..parts {
            let mut word = vec![0; number_after(&mut commands, '$')? + 2];
            commands.read_exact(&mut word)?;
            words.push(String::from_utf8_lossy(&word).trim().to_uppercase());
        }
        let info = "redis_version:6.0.0\r\nrun_id:0123456789012345678901234567890123456789\r\n";
        match words[0].as_str() {
            "INFO" => write!(client, "${}\r\n{info}\r\n", info.len())?,
            "PING" => write!(client, "+PONG\r\n")?,
            _ => write!(client, "+OK\r\n")?,
        }
    }
}

fn number_after(commands: &mut impl BufRead, mark: char) -> Result<usize> {
    let mut line = String::new();
    commands.read_line(&mut line)?;
    line.trim().strip_prefix(mark).and_then(|number| number.parse().ok()).context("RESP")
}
