//! What one script call works on: the keyspace, the time, the declared keys, and what went wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answer::Answer;
use super::commands;
use super::error::ScriptError;
use super::keyspace::Keyspace;

const WRONG_COUNT: &str = "ERR Wrong number of args calling Redis command from script";

/// The state that the functions of a machine share with the engine. The keyspace is lent to it for a call.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) keyspace: Keyspace,
    pub(super) now_us: u64,
    pub(super) declared_keys: Vec<Vec<u8>>,
    pub(super) instructions: u64,
    /// The first thing refused. It ends the call even where the script catches the error that it raises.
    refusal: Option<ScriptError>,
}

/// The functions of a machine each hold one. Calls don't overlap, so the lock is never waited for.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedSession(Arc<Mutex<Session>>);

impl SharedSession {
    pub(super) fn lock(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes ready for a call: it works on `keyspace` until the loan ends.
    pub(super) fn begin<'e>(&'e self, keyspace: &'e mut Keyspace, now_us: u64, keys: &[&[u8]]) -> Loan<'e> {
        let mut session = self.lock();
        std::mem::swap(&mut session.keyspace, keyspace);
        session.now_us = now_us;
        session.declared_keys.clear();
        session.declared_keys.extend(keys.iter().map(|key| key.to_vec()));
        session.instructions = 0;
        session.refusal = None;
        Loan { keyspace, session: self }
    }

    /// Ends the call with `refusal`, however the script takes the error this returns.
    pub(super) fn refuse(&self, refusal: ScriptError) -> mlua::Error {
        self.lock().refuse(refusal)
    }

    /// What the call was refused, if it was: it overrides the outcome.
    pub(super) fn take_refusal(&self) -> Option<ScriptError> {
        self.lock().refusal.take()
    }
}

/// A keyspace lent to a session. It comes home when this is dropped, also by a panic.
pub(super) struct Loan<'e> {
    keyspace: &'e mut Keyspace,
    session: &'e SharedSession,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        std::mem::swap(&mut self.session.lock().keyspace, self.keyspace);
    }
}

impl Session {
    pub(super) fn refuse(&mut self, refusal: ScriptError) -> mlua::Error {
        let refusal = self.refusal.get_or_insert(refusal);
        mlua::Error::external(refusal.clone())
    }

    /// One `redis.call`: the command's name, then its arguments. Checked in Redis's order.
    pub(super) fn command(&mut self, argv: &[Vec<u8>]) -> mlua::Result<Answer<'_>> {
        let name = argv.first().map(Vec::as_slice).unwrap_or_default();
        let Some(command) = commands::find(name) else {
            let name = name.escape_ascii().to_string();
            return Err(self.refuse(ScriptError::UnknownCommand { name }));
        };
        if !command.takes(argv) {
            return Ok(Answer::Error(WRONG_COUNT));
        }
        let is_undeclared = |key: &&Vec<u8>| !self.declared_keys.contains(key);
        if let Some(key) = command.keys(argv).iter().find(is_undeclared) {
            let (command, key) = (command.name, key.escape_ascii().to_string());
            return Err(self.refuse(ScriptError::UndeclaredKey { command, key }));
        }
        Ok(command.run(&mut self.keyspace, argv, self.now_us))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn the_keyspace_comes_home_from_a_call_that_panics() {
        let session = SharedSession::default();
        let mut keyspace = Keyspace::default();
        keyspace.hash_or_new(b"key").expect("a hash").set(b"field", b"value");
        let before = keyspace.dump();
        let call = || {
            let _loan = session.begin(&mut keyspace, 0, &[]);
            let _guard = session.lock();
            panic!("as a bug would, with the lock held");
        };
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        assert_eq!(keyspace.dump(), before);
    }
}
