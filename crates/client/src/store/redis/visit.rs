//! A server that is looked at: what it says of itself, and what it lets its user do. Nothing is written.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    RedisError, ServerErrorKind, Value,
};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::{StoreError, StoreTls, is_new_enough, refused_before_scripts, with_certificates};
use crate::clock;
use crate::engine::Keys;

/// A digest that no script has: whether scripts may be run by their digest is told without one being there.
const NO_SCRIPT: &str = "0000000000000000000000000000000000000000";

/// A connection of its own, which goes on where the limiter's is refused.
#[derive(Clone)]
pub(crate) struct ServerVisit {
    connection: MultiplexedConnection,
    address: Arc<str>,
    timeout: Duration,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct ServerFacts {
    /// The version of Redis that it is, or says to be compatible with.
    pub redis_version: String,
    /// Of Valkey, its own version.
    pub valkey_version: Option<String>,
    /// Whether the limiter takes a server of this version.
    pub is_new_enough: bool,
    /// Whether it is a node of a cluster.
    pub is_cluster: bool,
    /// Whether it follows another server.
    pub is_replica: bool,
    /// Most memory that it takes, in bytes; 0 if that is not bounded.
    pub memory_bytes_max: u64,
    /// Memory that it has taken, in bytes.
    pub memory_bytes: u64,
    /// What it does when that is used up, such as `noeviction`. "" if it does not say so.
    pub memory_policy: String,
    /// Whether it writes what it holds into a file as it changes.
    pub appends_to_file: bool,
    /// Whether it takes no writes because the last file could not be written, or may come to that.
    pub last_save_failed: bool,
}

/// A command that the user may not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedCommand {
    /// Its name, in small letters.
    pub command: &'static str,
    /// The key on which it was tried; "" for a command that takes none.
    pub key: String,
    /// What stands in the way.
    pub why: Hindrance,
    /// The server's words.
    pub detail: String,
}

/// Why a command can't be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hindrance {
    /// The user may not run it.
    Command,
    /// The user may run it, but not on this key.
    Key,
    /// The server does not have it under its name, as after `rename-command`.
    Unknown,
}

/// Whether anybody takes connections at the address.
pub(crate) async fn reach(info: &ConnectionInfo, timeout: Duration) -> Result<(), StoreError> {
    let opened = clock::timeout(timeout, async {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                TcpStream::connect((host.as_str(), *port)).await.map(drop)
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => UnixStream::connect(path).await.map(drop),
            // Told when it is connected.
            _ => Ok(()),
        }
    });
    let address = info.addr().to_string();
    match opened.await {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(StoreError::Unreachable { address, source: Arc::new(error) }),
        None => Err(StoreError::Timeout { after: timeout }),
    }
}

impl ServerVisit {
    /// Connects and shows the user and the password, but asks nothing yet.
    pub(crate) async fn begin(
        info: ConnectionInfo,
        tls: &StoreTls,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let address: Arc<str> = info.addr().to_string().into();
        let connected = clock::timeout(timeout, async {
            let client = Client::open(with_certificates(info, tls)?)?;
            let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
            client.get_multiplexed_async_connection_with_config(&config).await
        });
        match connected.await {
            Some(Ok(connection)) => Ok(Self { connection, address, timeout }),
            Some(Err(error)) => Err(unfit(&address, error)),
            None => Err(StoreError::Timeout { after: timeout }),
        }
    }

    /// What the server says of itself.
    pub(crate) async fn facts(&self) -> Result<ServerFacts, StoreError> {
        let info: String = self.ask(&redis::cmd("INFO")).await?;
        Ok(ServerFacts::read(&info))
    }

    /// What the server's clock shows, in microseconds since 1970.
    pub(crate) async fn clock_us(&self) -> Result<u64, StoreError> {
        let (seconds, us): (u64, u64) = self.ask(&redis::cmd("TIME")).await?;
        Ok(seconds.saturating_mul(1_000_000).saturating_add(us))
    }

    /// How long a command takes there and back that needs no work. A refusal is an answer too.
    pub(crate) async fn round_trip(&self) -> Result<Duration, StoreError> {
        let asked = clock::now();
        match self.reply(&redis::cmd("TIME")).await? {
            Ok(_) | Err(_) => Ok(clock::now().saturating_duration_since(asked)),
        }
    }

    /// The commands that are needed and that the user may not run, each tried in a way that changes nothing: rights are
    /// looked at before arguments are, so what writes is given an argument that it refuses.
    pub(crate) async fn refused_commands(&self, keys: &Keys) -> Result<Vec<RefusedCommand>, StoreError> {
        let mut refused: Vec<RefusedCommand> = Vec::new();
        for (command, key, arguments) in trials(keys) {
            if refused.iter().any(|known| known.command == command && known.why != Hindrance::Key) {
                continue;
            }
            let mut trial = redis::cmd(&command.to_uppercase());
            for argument in &arguments {
                trial.arg(*argument);
            }
            let Err(error) = self.reply(&trial).await? else { continue };
            if let Some(why) = hindrance(&error) {
                let detail = error.detail().unwrap_or_default().to_owned();
                refused.push(RefusedCommand { command, key: key.to_owned(), why, detail });
            }
        }
        Ok(refused)
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let refused = |error| refused_before_scripts(&self.address, error);
        let value = self.reply(command).await?.map_err(refused)?;
        T::from_redis_value(value).map_err(|error| refused(error.into()))
    }

    /// What the server answers, be it an error of its own.
    async fn reply(&self, command: &Cmd) -> Result<Result<Value, RedisError>, StoreError> {
        let mut connection = self.connection.clone();
        match clock::timeout(self.timeout, command.query_async::<Value>(&mut connection)).await {
            Some(Err(error)) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse) => {
                Err(unfit(&self.address, error))
            }
            Some(reply) => Ok(reply),
            None => Err(StoreError::Timeout { after: self.timeout }),
        }
    }
}

/// What an error means; an answer that is none of Redis's is no answer.
fn unfit(address: &str, error: RedisError) -> StoreError {
    if error.kind() == ErrorKind::Parse {
        return StoreError::Unreachable { address: address.to_owned(), source: Arc::new(error) };
    }
    refused_before_scripts(address, error)
}

/// Each command, the key that it is tried on, and its arguments.
fn trials(keys: &Keys) -> Vec<(&'static str, &str, Vec<&str>)> {
    let (state, audit) = (keys.state(), keys.audit());
    let mut trials = vec![
        ("eval", "", vec!["return 1", "0"]),
        ("evalsha", "", vec![NO_SCRIPT, "0"]),
        ("info", "", vec!["server"]),
        ("time", "", vec![]),
        ("hget", state, vec![state, "head"]),
        ("hmget", state, vec![state, "head"]),
        ("hdel", state, vec![state, ""]),
        ("hscan", state, vec![state, "no-cursor"]),
        ("xadd", audit, vec![audit, "NOMKSTREAM", "no-id", "field", "value"]),
        ("xtrim", audit, vec![audit, "MAXLEN", "no-number"]),
        ("xrange", audit, vec![audit, "no-id", "+"]),
        ("xrevrange", audit, vec![audit, "no-id", "-"]),
        ("xinfo", audit, vec!["STREAM", audit]),
    ];
    for key in [state, keys.policy(), keys.usage(), keys.access()] {
        // A field without a value.
        trials.push(("hset", key, vec![key, "field", "value", "field"]));
    }
    for key in [state, keys.policy(), audit, keys.calls(), keys.records(), keys.usage(), keys.access()] {
        trials.push(("exists", key, vec![key]));
    }
    trials
}

/// Why a command was refused, if that is not for its arguments.
fn hindrance(error: &RedisError) -> Option<Hindrance> {
    let detail = error.detail().unwrap_or_default();
    if error.kind() != ErrorKind::Server(ServerErrorKind::NoPerm) {
        return detail.starts_with("unknown command").then_some(Hindrance::Unknown);
    }
    // 6.2: "no permissions to access one of the keys used as arguments"; 7.0: "No permissions to access a key".
    Some(if detail.contains("permissions to access") { Hindrance::Key } else { Hindrance::Command })
}

impl ServerFacts {
    fn read(info: &str) -> Self {
        let field = |name: &str| {
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let text = |name: &str| field(name).unwrap_or_default().to_owned();
        let number = |name: &str| field(name).and_then(|number| number.parse().ok()).unwrap_or_default();
        let redis_version = text("redis_version");
        Self {
            is_new_enough: is_new_enough(&redis_version),
            redis_version,
            valkey_version: field("valkey_version").map(str::to_owned),
            is_cluster: field("cluster_enabled") == Some("1"),
            is_replica: field("role") == Some("slave"),
            memory_bytes_max: number("maxmemory"),
            memory_bytes: number("used_memory"),
            memory_policy: text("maxmemory_policy"),
            appends_to_file: field("aof_enabled") == Some("1"),
            last_save_failed: ["rdb_last_bgsave_status", "aof_last_write_status"]
                .into_iter()
                .any(|name| field(name) == Some("err")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_off_what_it_says() {
        let facts = ServerFacts::read(
            "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\n# Memory\r\nused_memory:12\r\nmaxmemory:50\r\n\
             maxmemory_policy:allkeys-lru\r\nrole:slave\r\naof_enabled:1\r\naof_last_write_status:err\r\n",
        );
        assert_eq!(facts.valkey_version.as_deref(), Some("8.0.1"));
        assert_eq!((facts.memory_bytes, facts.memory_bytes_max), (12, 50));
        assert_eq!(facts.memory_policy, "allkeys-lru");
        assert!(facts.is_new_enough && facts.is_replica && facts.appends_to_file && facts.last_save_failed);
        assert_eq!(ServerFacts::read("").redis_version, "");
    }

    /// Every command of the user with the least rights is tried, and no other one.
    #[test]
    fn each_command_that_is_documented_is_tried() {
        let document = include_str!("../../../../../docs/OPERATIONS.md");
        let (_, line) =
            document.split_once("-@all +eval ").expect("the line of the user with the least rights");
        let line = line.lines().next().unwrap_or_default();
        let documented = line.split(' ').map(|word| word.trim_start_matches('+'));
        let documented: std::collections::BTreeSet<&str> = documented.chain(["eval"]).collect();
        let keys = Keys::of("shop");
        let tried: std::collections::BTreeSet<&str> =
            trials(&keys).into_iter().map(|(command, ..)| command).collect();
        assert_eq!(tried, documented);
    }
}
