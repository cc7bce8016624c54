//! The time of a namespace, put forward: so that a test need not wait until a minute is over.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::redis_server::RedisServer;

/// The head of a namespace, in which the seventh value is what is added to the server's clock.
const PUT_FORWARD: &str = "
    local head = {cmsgpack.unpack(redis.call('HGET', KEYS[1], 'head'))}
    head[7] = head[7] + tonumber(ARGV[1])
    redis.call('HSET', KEYS[1], 'head', cmsgpack.pack(unpack(head)))";

/// Puts the time of a namespace forward, as if the server's clock had once been so far ahead.
///
/// # Errors
/// When the server can't be asked, or does not have the namespace.
pub fn put_forward(server: &RedisServer, namespace: &str, by: Duration) -> Result<()> {
    let mut command = redis::cmd("EVAL");
    command.arg(PUT_FORWARD).arg(1).arg(format!("tollgate:{{{namespace}}}:state"));
    let by_us = u64::try_from(by.as_micros()).context("a time that fits")?;
    command.arg(by_us).exec(&mut server.connection()?).context("the head is put forward")
}
