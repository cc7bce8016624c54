//! The embedded engine: Tollgate's own Lua scripts, run in this process instead of in Redis.
//!
//! The limiter's algorithm is written once, in the scripts under `lua/`. Redis runs them for a fleet; this module runs
//! **the very same files** for one process, in the same Lua 5.1, over a small keyspace in memory and a clock that can
//! be set. That is what a store without Redis, the share of a replica during an outage, and simulations in virtual
//! time stand on.
//!
//! It is a host for fifteen commands, not a Redis in process: `TIME`, `HGET`, `HMGET`, `HSET`, `HDEL`, `HLEN`,
//! `HEXISTS`, `HSCAN`, `DEL`, `EXISTS`, `XADD`, `XTRIM`, `XRANGE`, `XREVRANGE`, `XINFO STREAM`; `redis.call`, `pcall`,
//! `error_reply` and `status_reply`; `cmsgpack.pack` and `unpack`; and what our scripts use of Lua's own libraries. The
//! suite `tests/engine_host` compares it with a real server.
//!
//! # What differs from Redis
//!
//! On purpose, and loudly: whatever lies outside our scripts' dialect ends the call with a [`ScriptError`], also where
//! the script would catch it. That is any other command, library function or global; a key that was not declared;
//! floats, maps and integers beyond 2^53 in msgpack, in replies and as arguments of commands; raising anything but a
//! string or `{err = "CODE text"}`; and going past the [`Limits`].
//!
//! Quietly, where a script can hardly tell: `TIME` stands still during a call, as it does from Redis 7.2 on; a large
//! hash is scanned in an order of its own, which Redis does not promise either; `XINFO STREAM` tells no more than the
//! length and the last id; `pairs` finds nothing in a library; `return cmsgpack.unpack(bad)` complains without the
//! line; an error reply comes without the script's digest and line. Keys don't expire, and what only a server can say
//! (`OOM`, `READONLY`, `NOSCRIPT`, ..) is never said here.
//!
//! Public for tests and simulations. There is **no stability promise** for anything in here.
//!
//! ```
//! use tollgate::embedded::{Clock, Engine, ManualClock, Reply};
//!
//! let clock = ManualClock::at_us(1_700_000_000_000_000);
//! let mut engine = Engine::new(Clock::Manual(clock.clone()));
//! let script = "redis.call('HSET', KEYS[1], 'seen', redis.call('TIME')[1]) return redis.call('HGET', KEYS[1], 'seen')";
//! assert_eq!(engine.call(script, &[b"gate"], &[])?, Reply::Bulk(b"1700000000".to_vec()));
//! # Ok::<(), tollgate::embedded::ScriptError>(())
//! ```

mod answer;
mod clock;
mod commands;
mod engine;
mod error;
mod glob;
mod hash;
mod keyspace;
mod machine;
mod msgpack;
mod reply;
mod sandbox;
mod scan;
mod session;
mod stream;
mod stream_commands;

pub use crate::store::{EmbeddedStore, Passage};
pub use clock::{Clock, ManualClock, RuntimeClock};
pub use engine::{Engine, Limits};
pub use error::ScriptError;
pub use keyspace::{KeyDump, Keyspace, KeyspaceDump, StreamDump};
pub use reply::Reply;
