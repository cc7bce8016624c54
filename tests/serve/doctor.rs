//! `tollgate doctor`: set-ups that are broken each in another way, of which each is told the cause and what to do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::{env, fs, thread};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tollgate_testkit::{RedisServer, replica_binary};

use super::authority::Authority;
use super::client::{Api, TEN_EACH};
use super::stores::old_server;
use super::tls::guard;

/// What the command says of a store.
struct Told {
    code: Option<i32>,
    printed: String,
    errors: String,
}

impl Told {
    /// The line of a check.
    fn line(&self, mark: &str, check: &str) -> Result<&str> {
        let begin = format!("{mark:4}  {check}: ");
        let line = self.printed.lines().find(|line| line.starts_with(&begin));
        line.with_context(|| format!("no {begin:?}: {}{}", self.printed, self.errors))
    }

    /// One check fails and no other one, with these words about the cause and these about what to do.
    fn fails(&self, check: &str, cause: &str, advice: &str) -> Result<()> {
        let line = self.line("FAIL", check)?;
        let (found, told_to) = line.split_once("; ").with_context(|| format!("no advice: {line}"))?;
        ensure!(found.contains(cause) && told_to.contains(advice), "{cause:?}, {advice:?}: {line}");
        ensure!(self.printed.matches("FAIL").count() == 1, "one cause is told as one: {}", self.printed);
        ensure!(self.code == Some(1) && self.errors.is_empty(), "{:?} {}", self.code, self.errors);
        Ok(())
    }
}

/// Asks the doctor about a store, whose address is given as passwords should be.
async fn doctor(store: &str, words: &[&str]) -> Result<Told> {
    let mut command = Command::new(replica_binary()?);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TOLLGATE_")) {
        command.env_remove(name);
    }
    command.arg("doctor").args(words).env("TOLLGATE_STORE", store).env("TOLLGATE_NAMESPACE", "shop");
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    let (printed, errors) = (String::from_utf8(stdout)?, String::from_utf8(stderr)?);
    ensure!(!printed.contains("s3cret") && !errors.contains("s3cret"), "{printed}{errors}");
    Ok(Told { code: status.code(), printed, errors })
}

/// A server that keeps what it holds, with the namespace `shop` on it.
async fn sound() -> Result<RedisServer> {
    let server = RedisServer::builder().tcp().config("appendonly", "yes").start()?;
    Api::with_ten(&server.url()).await?;
    Ok(server)
}

fn redis(server: &RedisServer, words: &[&str]) -> Result<()> {
    Ok(redis::cmd(words[0]).arg(&words[1..]).exec(&mut server.connection()?)?)
}

/// Nothing is wrong, nothing is warned of, and nothing is written.
#[tokio::test]
async fn a_sound_set_up_is_all_ok() -> Result<()> {
    let server = sound().await?;
    let changes = || server.info("persistence").map(|info| info.get("rdb_changes_since_last_save").cloned());
    let before = changes()?.context("the server counts its changes")?;
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    file.write_all(TEN_EACH.as_bytes())?;
    let path = file.path().to_str().context("a path of UTF-8")?;
    let told = doctor(&server.url(), &["--policy", path]).await?;
    ensure!(told.code == Some(0) && told.errors.is_empty(), "{}{}", told.printed, told.errors);
    for check in [
        "address",
        "connection",
        "server",
        "role",
        "memory",
        "persistence",
        "permissions",
        "clock",
        "latency",
        "policy",
        "policy file",
        "counters",
        "records",
        "API keys",
    ] {
        told.line("ok", check)?;
    }
    ensure!(told.printed.contains("14 checked, 0 failed, 0 warned of"), "{}", told.printed);
    let told = doctor(&server.url(), &["--json"]).await?;
    let json: Value = serde_json::from_str(&told.printed)?;
    ensure!((&json["failed"], &json["namespace"]) == (&0.into(), &"shop".into()), "{json}");
    ensure!(
        json["checks"].as_array().is_some_and(|checks| checks.iter().all(|one| one["status"] == "ok")),
        "{json}"
    );
    ensure!(Some(before) == changes()?, "the doctor has written something");
    Ok(())
}

/// The documented rights are enough for all checks.
#[tokio::test]
async fn the_user_with_the_least_rights_is_all_ok() -> Result<()> {
    let document = include_str!("../../docs/OPERATIONS.md");
    let (_, rights) = document.split_once(" -@all +eval ").context("the documented rights")?;
    let rights = rights.lines().next().unwrap_or_default();
    let server = RedisServer::builder()
        .config("appendonly", "yes")
        .acl(&format!("least on >s3cret ~tollgate:{{shop}}:* -@all +eval {rights}"))
        .start()?;
    Api::with_ten(&server.url()).await?;
    let told = doctor(&format!("unix://{}?user=least&pass=s3cret", server.socket().display()), &[]).await?;
    ensure!(
        told.code == Some(0) && told.printed.contains("13 checked, 0 failed, 0 warned"),
        "{}",
        told.printed
    );
    Ok(())
}

/// Nobody is there; somebody is there and is silent.
#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer() -> Result<()> {
    let told = doctor("redis://:s3cret@127.0.0.1:1/", &[]).await?;
    told.fails("address", "127.0.0.1:1 can't be reached: Connection refused", "start the server")?;
    let told = doctor("redis://:s3cret@nowhere.invalid/", &["--store-timeout", "10s"]).await?;
    told.fails("address", "nowhere.invalid:6379 can't be reached", "correct the host")?;
    let told = doctor("unix:///nowhere/redis.sock", &[]).await?;
    told.fails("address", "/nowhere/redis.sock can't be reached", "correct the path")?;
    let server = RedisServer::start()?;
    server.stop()?;
    let told = doctor(&server.url(), &["--store-timeout", "200ms"]).await;
    server.cont()?;
    told?.fails("connection", "did not answer within 100 ms", "Redis's own port")
}

#[tokio::test]
async fn a_wrong_password_and_none() -> Result<()> {
    let server = RedisServer::builder().password("right").start()?;
    for secret in ["", "?pass=s3cret", "?user=nobody&pass=s3cret"] {
        let told = doctor(&format!("unix://{}{secret}", server.socket().display()), &[]).await?;
        told.fails("connection", "refuses the user or the password", "correct the user and the password")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_not_there() -> Result<()> {
    let server = RedisServer::start()?;
    let told = doctor(&format!("unix://{}?db=99", server.socket().display()), &[]).await?;
    told.fails("connection", "DB index is out of range", "the number behind the host")
}

/// Each right that the user lacks is named, with the rule that gives it; what fails because of that is not told again.
#[tokio::test]
async fn a_missing_permission() -> Result<()> {
    for (rules, cause, advice) in [
        ("~* +@all -hset", "may not run hset", "+hset;"),
        ("~* +@all -evalsha -eval", "may not run eval, evalsha", "+eval +evalsha;"),
        ("~* +@all -info", "may not run info", "+info;"),
        ("~* +@all -time", "may not run time", "+time;"),
        ("~* +@all -xinfo -xtrim", "may not run xtrim, xinfo", "+xtrim +xinfo;"),
        ("~other:* +@all", "may not reach tollgate:{shop}:audit,", "~tollgate:{shop}:*;"),
        ("~tollgate:{shop}:state +@all", "tollgate:{shop}:policy", "~tollgate:{shop}:*;"),
    ] {
        let server = RedisServer::builder().acl(&format!("app on >s3cret {rules}")).start()?;
        Api::with_ten(&server.url()).await?;
        let told = doctor(&format!("unix://{}?user=app&pass=s3cret", server.socket().display()), &[]).await?;
        told.fails("permissions", cause, advice).with_context(|| rules.to_owned())?;
    }
    Ok(())
}

/// A command that the server has under another name.
#[tokio::test]
async fn a_renamed_command() -> Result<()> {
    let server = RedisServer::builder().config("rename-command", "HSET \"\"").start()?;
    let told = doctor(&server.url(), &[]).await?;
    let line = told.line("FAIL", "permissions")?;
    ensure!(line.contains("the server does not know hset; take rename-command"), "{line}");
    ensure!(!line.contains("ACL SETUSER") && told.code == Some(1), "{line}");
    Ok(())
}

/// A server that says it is Redis 6.0.
#[tokio::test]
async fn a_server_that_is_too_old() -> Result<()> {
    let told = doctor(&format!("redis://:s3cret@{}/", old_server()?), &[]).await?;
    told.fails("server", "Redis 6.0.0, which is too old", "Redis 6.2, Valkey 8 or newer")
}

#[tokio::test]
async fn a_read_only_replica() -> Result<()> {
    let server = sound().await?;
    redis(&server, &["REPLICAOF", "127.0.0.1", "1"])?;
    doctor(&server.url(), &[]).await?.fails("role", "takes no writes", "the address of the master")
}

#[tokio::test]
async fn a_memory_that_evicts_or_is_full() -> Result<()> {
    let server = sound().await?;
    redis(&server, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    let told = doctor(&server.url(), &[]).await?;
    ensure!(told.code == Some(0) && told.line("warn", "memory")?.contains("noeviction"), "{}", told.printed);
    redis(&server, &["CONFIG", "SET", "maxmemory", "500mb"])?;
    doctor(&server.url(), &[]).await?.fails("memory", "allkeys-lru", "maxmemory-policy noeviction")?;
    redis(&server, &["CONFIG", "SET", "maxmemory-policy", "noeviction"])?;
    let told = doctor(&server.url(), &[]).await?;
    let memory = told.line("ok", "memory")?;
    ensure!(told.code == Some(0) && memory.contains("MiB used, maxmemory 500 MiB, no"), "{memory}");
    redis(&server, &["CONFIG", "SET", "maxmemory", "1"])?;
    doctor(&server.url(), &[]).await?.fails("memory", "takes no writes", "raise maxmemory")
}

#[tokio::test]
async fn a_server_that_keeps_nothing_is_warned_of() -> Result<()> {
    let server = sound().await?;
    redis(&server, &["CONFIG", "SET", "appendonly", "no"])?;
    let told = doctor(&server.url(), &[]).await?;
    ensure!(
        told.code == Some(0) && told.line("warn", "persistence")?.contains("appendonly yes"),
        "{}",
        told.printed
    );
    Ok(())
}

/// Goal: a clock that is off is told, by how much and in which direction. Method: somebody on the way adds seconds to
/// what the server answers to `TIME`.
#[tokio::test]
async fn a_clock_that_is_off() -> Result<()> {
    let server = sound().await?;
    for (seconds, words) in [(10 + 5, "s ahead of this machine's"), (-(10 + 5), "s behind this machine's")] {
        let told = doctor(&format!("redis://{}/", off_by(seconds, &server)?), &[]).await?;
        told.fails("clock", words, "NTP")?;
        ensure!(told.line("FAIL", "clock")?.contains("clock is 1"), "{}", told.printed);
    }
    let told = doctor(&format!("redis://{}/", off_by(5, &server)?), &[]).await?;
    ensure!(told.code == Some(0) && told.line("warn", "clock")?.contains("API keys end"), "{}", told.printed);
    Ok(())
}

#[tokio::test]
async fn a_wrong_namespace() -> Result<()> {
    let server = sound().await?;
    let told = doctor(&server.url(), &["--namespace", "shops"]).await?;
    told.fails("policy", "no policy for namespace \"shops\"", "correct --namespace")
}

/// A policy of a version to come, one that this version can't read, and a key that is none of ours.
#[tokio::test]
async fn a_policy_that_can_not_be_read() -> Result<()> {
    let key = "tollgate:{shop}:policy";
    let server = sound().await?;
    let alter = "local s, f, at, a, r = cmsgpack.unpack(redis.call('HGET', KEYS[1], 'v:1')) \
        redis.call('HSET', KEYS[1], 'v:1', cmsgpack.pack(s, f, at, a, r, '{\"namespace\":\"shop\",\"tomorrow\":1}'))";
    redis(&server, &["EVAL", alter, "1", key])?;
    doctor(&server.url(), &[]).await?.fails(
        "policy",
        "tomorrow",
        "the version of tollgate that has written it",
    )?;
    // 99 in msgpack, where the scripts expect 1.
    redis(&server, &["HSET", key, "current", "\x63"])?;
    doctor(&server.url(), &[]).await?.fails(
        "policy",
        "another version of tollgate",
        "the version that did",
    )?;
    redis(&server, &["SET", key, "s3cret"])?;
    doctor(&server.url(), &[]).await?.fails("policy", "WRONGTYPE", "rename or remove it")
}

/// Counters of a version to come, and counters that are gone.
#[tokio::test]
async fn counters_that_can_not_be_used() -> Result<()> {
    let server = sound().await?;
    redis(&server, &["HSET", "tollgate:{shop}:state", "head", "\x63"])?;
    doctor(&server.url(), &[]).await?.fails("counters", "'head'", "the version that did")?;
    redis(&server, &["DEL", "tollgate:{shop}:state"])?;
    let told = doctor(&server.url(), &[]).await?;
    ensure!(told.code == Some(0) && told.line("warn", "counters")?.contains("lost"), "{}", told.printed);
    Ok(())
}

#[tokio::test]
async fn an_audit_trail_that_is_none() -> Result<()> {
    let server = sound().await?;
    redis(&server, &["DEL", "tollgate:{shop}:audit"])?;
    redis(&server, &["SET", "tollgate:{shop}:audit", "s3cret"])?;
    doctor(&server.url(), &[]).await?.fails("records", "in the place of the audit trail", "rename the key")
}

/// TLS where there is none, none where there is, and a certificate of somebody unknown.
#[tokio::test]
async fn tls_that_does_not_fit() -> Result<()> {
    let server = sound().await?;
    let port = server.tcp_url()?.replace("redis://", "rediss://:s3cret@");
    doctor(&port, &[]).await?.fails("connection", "did not answer within 500 ms", "write redis://")?;
    let authority = Authority::new("ours")?;
    authority.issue("app")?;
    let port = guard(&authority, &server).await?;
    let told = doctor(&format!("redis://:s3cret@localhost:{port}/"), &[]).await?;
    told.fails("connection", "can't be reached", "write rediss://")?;
    let store = format!("rediss://localhost:{port}/");
    doctor(&store, &[]).await?.fails("connection", "certificate", "--store-ca")?;
    let (ca, cert, key) =
        (authority.argument("ca.pem")?, authority.argument("app.pem")?, authority.argument("app.key")?);
    let told = doctor(&store, &["--store-ca", &ca, "--store-cert", &cert, "--store-key", &key]).await?;
    ensure!(told.code == Some(0) && told.line("ok", "connection")?.ends_with("by TLS"), "{}", told.printed);
    Ok(())
}

/// The file differs from what is in force; a namespace that is yet to begin with it is no failure.
#[tokio::test]
async fn a_policy_file_is_compared() -> Result<()> {
    let server = sound().await?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("shop.toml");
    fs::write(&path, TEN_EACH.replace("burst = 10", "burst = 11"))?;
    let path = path.to_str().context("a path of UTF-8")?;
    let told = doctor(&server.url(), &["--policy", path]).await?;
    let line = told.line("warn", "policy file")?;
    ensure!(
        told.code == Some(0) && line.contains("limit[org].burst") && line.contains("policy apply"),
        "{line}"
    );
    let new = RedisServer::start()?;
    let told = doctor(&new.url(), &["--policy", path]).await?;
    ensure!(
        told.code == Some(0) && told.line("warn", "policy")?.contains("first replica"),
        "{}",
        told.printed
    );
    Ok(())
}

/// What the command line or the configuration has wrong is told before anything is looked at.
#[tokio::test]
async fn a_wrong_command_line_is_told_by_the_option() -> Result<()> {
    for (store, words, named) in [
        ("", vec![], "store: missing"),
        ("embedded:", vec![], "store: embedded"),
        ("http://:s3cret@host", vec![], "has a scheme that is not known"),
        ("redis://127.0.0.1:1", vec!["--store-timeout", "1"], "store_timeout"),
        ("redis://127.0.0.1:1", vec!["--policy", "/nowhere/policy.toml"], "/nowhere/policy.toml"),
        ("redis://127.0.0.1:1", vec!["--store-ca", "/nowhere/ca.pem"], "store_ca"),
        ("redis://127.0.0.1:1", vec!["--config", "/nowhere/tollgate.toml"], "/nowhere/tollgate.toml"),
    ] {
        let told = doctor(store, &words).await?;
        ensure!(
            told.code == Some(2) && told.errors.contains(named),
            "{named}: {:?} {}",
            told.code,
            told.errors
        );
    }
    Ok(())
}

/// Passes a server on, with a clock that is so many seconds off.
fn off_by(seconds: i64, server: &RedisServer) -> Result<SocketAddr> {
    let (listener, socket) = (TcpListener::bind("127.0.0.1:0")?, server.socket());
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let Ok(mut server) = UnixStream::connect(&socket) else { return };
            let (Ok(mut asking), Ok(mut asked)) = (client.try_clone(), server.try_clone()) else { return };
            thread::spawn(move || std::io::copy(&mut asking, &mut asked));
            thread::spawn(move || -> Result<()> {
                let mut bytes = [0; 16 << 10];
                loop {
                    let length = server.read(&mut bytes)?;
                    ensure!(length > 0, "the server has ended");
                    client.write_all(&moved(&bytes[..length], seconds))?;
                }
            });
        }
    });
    Ok(address)
}

/// An answer to `TIME`, which alone begins so, with other seconds; every other one as it is.
fn moved(answer: &[u8], by: i64) -> Vec<u8> {
    let begin = b"*2\r\n$10\r\n";
    let seconds = answer
        .strip_prefix(begin)
        .and_then(|rest| std::str::from_utf8(rest.get(..10)?).ok()?.parse::<i64>().ok());
    let Some(seconds) = seconds else { return answer.to_vec() };
    [&begin[..], (seconds + by).to_string().as_bytes(), &answer[begin.len() + 10..]].concat()
}
