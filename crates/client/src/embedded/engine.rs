//! The engine: one machine, one keyspace, one clock.

use super::clock::Clock;
use super::error::ScriptError;
use super::keyspace::Keyspace;
use super::machine::Machine;
use super::reply::Reply;
use super::session::SharedSession;

/// How far a script may go. The defaults are far above what ours need: they stop a mistake, not a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Instructions of the Lua machine per call, checked every 10,000. Default 100 million: about a second.
    ///
    /// A library function is one instruction, however long it runs: a pathological pattern is not stopped.
    pub instructions: u64,
    /// Bytes the Lua machine may hold, garbage included; the keyspace is not counted. Default 128 MiB.
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { instructions: 100_000_000, memory_bytes: 128 << 20 }
    }
}

/// Runs scripts as Redis would, one at a time, each to its end.
///
/// An engine belongs to one thread at a time; simulations give each thread its own.
pub struct Engine {
    clock: Clock,
    limits: Limits,
    keyspace: Keyspace,
    session: SharedSession,
    /// Started by the first call, and again by the first after a call that ruined it.
    machine: Option<Machine>,
}

impl Engine {
    /// An engine with an empty keyspace, under the default [`Limits`].
    #[must_use]
    pub fn new(clock: Clock) -> Engine {
        Engine::with_limits(clock, Limits::default())
    }

    /// An engine with an empty keyspace, under `limits`.
    #[must_use]
    pub fn with_limits(clock: Clock, limits: Limits) -> Engine {
        Engine {
            clock,
            limits,
            keyspace: Keyspace::default(),
            session: SharedSession::default(),
            machine: None,
        }
    }

    /// Runs `script`, a whole source text, as `EVAL` does: `keys` become `KEYS`, `args` become `ARGV`.
    ///
    /// `TIME` stands still during the call. The script is compiled once and found again by its text. A script that
    /// raises `{err = "CODE text"}`, by itself or through a failed `redis.call`, answers [`Reply::Error`] as in
    /// Redis, without the ` script: .., on ..` that Redis 7 puts behind.
    ///
    /// # Errors
    ///
    /// Every [`ScriptError`]. What the script wrote before it ended stays.
    pub fn call(&mut self, script: &str, keys: &[&[u8]], args: &[&[u8]]) -> Result<Reply, ScriptError> {
        // Out of its place while it runs: one that panics is not met again.
        let mut machine = match self.machine.take() {
            Some(machine) => machine,
            None => Machine::start(&self.session, self.limits)?,
        };
        let loan = self.session.begin(&mut self.keyspace, self.clock.now_us(), keys);
        let outcome = machine.run(script, keys, args);
        drop(loan);
        let outcome = self.session.take_refusal().map_or(outcome, Err);
        if !outcome.as_ref().is_err_and(ScriptError::ends_the_machine) {
            self.machine = Some(machine);
        }
        outcome
    }

    /// The keys as they are between calls.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// The keys, to change them by hand.
    pub fn keyspace_mut(&mut self) -> &mut Keyspace {
        &mut self.keyspace
    }

    /// Bytes the Lua machine holds, garbage included; 0 before the first call.
    #[must_use]
    pub fn machine_memory_bytes(&self) -> usize {
        self.machine.as_ref().map_or(0, Machine::memory_bytes)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("clock", &self.clock)
            .field("limits", &self.limits)
            .field("field_count", &self.keyspace.field_count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
