//! The lab: the embedded engine with a clock that is turned by hand.

use tollgate::embedded::{Clock, Engine, KeyspaceDump, ManualClock, Reply};
use tollgate::engine::{Keys, Script};

use crate::head::Head;
use crate::program::{Programs, REPLACED};

/// The fields of the two hashes of a namespace, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) state: Fields,
    pub(crate) policy: Fields,
}

/// Fields and their values, sorted by field.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// An engine for one namespace.
pub(crate) struct Lab {
    engine: Engine,
    clock: ManualClock,
    programs: Programs,
    keys: Keys,
}

impl Lab {
    pub(crate) fn new(programs: Programs) -> Self {
        let clock = ManualClock::default();
        let engine = Engine::new(Clock::Manual(clock.clone()));
        Self { engine, clock, programs, keys: Keys::of("history") }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Runs a program when the server's clock shows `clock_us`.
    pub(crate) fn run(
        &mut self,
        name: &str,
        keys: &[&str],
        args: &[&[u8]],
        clock_us: u64,
    ) -> Result<Reply, String> {
        self.clock.set(clock_us);
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        let program = self.programs.get(name);
        self.engine.call(&program.source, &keys, args).map_err(|error| format!("{name}: {error}"))
    }

    /// Runs one of the product's scripts, which answer with one string.
    pub(crate) fn ask(&mut self, script: &Script, argument: &[u8], clock_us: u64) -> Result<Vec<u8>, String> {
        let keys = self.keys.clone();
        match self.run(script.name(), &keys_of(script.name(), &keys), &[argument], clock_us)? {
            Reply::Bulk(reply) => Ok(reply),
            other => Err(format!("{} answered {other:?}", script.name())),
        }
    }

    /// Everything that is stored.
    pub(crate) fn state(&self) -> State {
        let mut state = State::default();
        for (key, fields) in self.dump() {
            if key == self.keys.state().as_bytes() {
                state.state = fields;
            } else {
                state.policy = fields;
            }
        }
        state
    }

    pub(crate) fn dump(&self) -> KeyspaceDump {
        self.engine.keyspace().dump()
    }

    /// Fields of all keys together.
    pub(crate) fn field_count(&self) -> usize {
        self.engine.keyspace().field_count()
    }

    /// Bytes that the Lua machine holds.
    pub(crate) fn machine_memory_bytes(&self) -> usize {
        self.engine.machine_memory_bytes()
    }

    /// Makes everything as it was.
    pub(crate) fn restore(&mut self, state: &State) -> Result<(), String> {
        let keys = self.keys.clone();
        for (key, fields) in [(keys.state(), &state.state), (keys.policy(), &state.policy)] {
            self.run(REPLACED, &[key], &flat(fields), 0)?;
        }
        Ok(())
    }
}

impl State {
    /// The head of the namespace, if there is one.
    pub(crate) fn head(&self) -> Option<Head> {
        self.get("head").map(Head::read)
    }

    /// A field of the state.
    pub(crate) fn get(&self, field: &str) -> Option<&[u8]> {
        let index = self.state.binary_search_by(|(known, _)| known.as_slice().cmp(field.as_bytes())).ok()?;
        Some(&self.state[index].1)
    }
}

/// Fields and values one after the other.
pub(crate) fn flat(fields: &Fields) -> Vec<&[u8]> {
    fields.iter().flat_map(|(field, value)| [field.as_slice(), value.as_slice()]).collect()
}

/// The keys that a script takes.
pub(crate) fn keys_of<'k>(script: &str, keys: &'k Keys) -> Vec<&'k str> {
    match script {
        "policy" => vec![keys.state(), keys.policy()],
        "policy_read" => vec![keys.policy()],
        _ => vec![keys.state()],
    }
}
