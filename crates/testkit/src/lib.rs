//! Private Redis and Valkey servers, replicas, faults and seeds for the tests; never part of the product.
//!
//! A test that needs a server starts its own, which is up in about 25 ms and gone when the test ends:
//!
//! ```
//! use tollgate_testkit::RedisServer;
//!
//! # fn main() -> anyhow::Result<()> {
//! let server = RedisServer::start()?;
//! let mut connection = server.connection()?;
//! redis::cmd("SET").arg("key").arg(1).exec(&mut connection)?;
//! println!("{} at {}", server.version()?, server.url());
//! # Ok(())
//! # }
//! ```

mod address;
mod contained_redis;
mod deadline;
mod docker;
mod fault_proxy;
mod flavor;
mod log;
mod namespace_time;
mod port;
mod process;
mod prometheus;
mod ran_on;
mod redis_server;
mod replica;
mod replica_binary;
mod seed;
mod server_config;
mod sizes;
mod version;
mod wait;

pub use address::Address;
pub use contained_redis::ContainedRedis;
pub use docker::{docker_answers, redis_image};
pub use fault_proxy::{Counters, Direction, FaultProxy};
pub use flavor::Flavor;
pub use namespace_time::put_forward;
pub use port::ReservedPort;
pub use prometheus::{Prometheus, promtool};
pub use ran_on::record_ran_on;
pub use redis_server::RedisServer;
pub use replica::{Replica, ReplicaBuilder};
pub use replica_binary::replica_binary;
pub use seed::Seed;
pub use server_config::RedisServerBuilder;
pub use sizes::Sizes;
pub use version::{Product, ServerVersion};
pub use wait::eventually;
