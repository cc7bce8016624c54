//! The lab: the embedded engine with a clock that is turned by hand.

use tollgate::embedded::{Clock, Engine, KeyDump, KeyspaceDump, ManualClock, Reply, StreamDump};
use tollgate::engine::{Keys, Script};

use crate::head::Head;
use crate::program::{Programs, REPLACED, RESTREAMED};

/// The fields of the four hashes of a namespace, sorted, and the two streams of its audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "as the keys are called")]
pub(crate) struct State {
    pub(crate) state: Fields,
    pub(crate) policy: Fields,
    pub(crate) usage: Fields,
    pub(crate) audit: StreamDump,
    pub(crate) calls: StreamDump,
    pub(crate) keys: Fields,
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

    /// Runs any script on the key of the audit trail, or of what that tells of calls.
    pub(crate) fn eval_on_audit(&mut self, script: &str, argument: &[u8], is_of_calls: bool) {
        let key = if is_of_calls { self.keys.calls() } else { self.keys.audit() }.as_bytes();
        self.engine.call(script, &[key], &[argument]).expect("a script that ends");
    }

    /// Everything that is stored.
    pub(crate) fn state(&self) -> State {
        let mut state = State::default();
        for (key, kept) in self.dump() {
            match kept {
                KeyDump::Hash(fields) if key == self.keys.state().as_bytes() => state.state = fields,
                KeyDump::Hash(fields) if key == self.keys.usage().as_bytes() => state.usage = fields,
                KeyDump::Hash(fields) if key == self.keys.access().as_bytes() => state.keys = fields,
                KeyDump::Hash(fields) => state.policy = fields,
                KeyDump::Stream(calls) if key == self.keys.calls().as_bytes() => state.calls = calls,
                KeyDump::Stream(audit) => state.audit = audit,
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

    /// Pages of the books, and how far they go.
    pub(crate) fn usage_count(&self) -> usize {
        self.engine.keyspace().hash_len(self.keys.usage().as_bytes())
    }

    /// Bytes that the Lua machine holds.
    pub(crate) fn machine_memory_bytes(&self) -> usize {
        self.engine.machine_memory_bytes()
    }

    /// Makes everything as it was.
    pub(crate) fn restore(&mut self, state: &State) -> Result<(), String> {
        let keys = self.keys.clone();
        for (program, key, args) in state.put_back(&keys) {
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            self.run(program, &[key], &args, 0)?;
        }
        Ok(())
    }
}

impl State {
    /// The head of the namespace, if there is one.
    pub(crate) fn head(&self) -> Option<Head> {
        self.get("head").map(Head::read)
    }

    /// The programs that make it what is stored: of each the name, the key and the arguments.
    pub(crate) fn put_back<'k>(&self, keys: &'k Keys) -> [(&'static str, &'k str, Vec<Vec<u8>>); 6] {
        [
            (REPLACED, keys.state(), flat(&self.state)),
            (REPLACED, keys.policy(), flat(&self.policy)),
            (REPLACED, keys.usage(), flat(&self.usage)),
            (RESTREAMED, keys.audit(), flat_stream(&self.audit)),
            (RESTREAMED, keys.calls(), flat_stream(&self.calls)),
            (REPLACED, keys.access(), flat(&self.keys)),
        ]
    }

    /// The record of which policy is in force.
    pub(crate) fn policy_in_force(&self) -> Option<&[u8]> {
        self.policy.iter().find(|(field, _)| field == b"current").map(|(_, record)| record.as_slice())
    }

    /// A field of the state.
    pub(crate) fn get(&self, field: &str) -> Option<&[u8]> {
        let index = self.state.binary_search_by(|(known, _)| known.as_slice().cmp(field.as_bytes())).ok()?;
        Some(&self.state[index].1)
    }
}

/// Fields and values one after the other.
fn flat(fields: &Fields) -> Vec<Vec<u8>> {
    fields.iter().flat_map(|(field, value)| [field.clone(), value.clone()]).collect()
}

/// The id given out last, and of each entry its id, how many texts it has, and these.
fn flat_stream(stream: &StreamDump) -> Vec<Vec<u8>> {
    let entries = stream.entries.iter().flat_map(|(id, texts)| {
        [id.clone().into_bytes(), texts.len().to_string().into_bytes()]
            .into_iter()
            .chain(texts.iter().cloned())
    });
    [stream.last_id.clone().into_bytes()].into_iter().chain(entries).collect()
}

/// The keys that a script takes.
pub(crate) fn keys_of<'k>(script: &str, keys: &'k Keys) -> Vec<&'k str> {
    keys.of_script(script)
}
