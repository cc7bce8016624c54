//! The engine and a real server side by side.

use tollgate::embedded::{Clock, Engine, KeyDump, KeyspaceDump, Reply, ScriptError, StreamDump};

use crate::real::Real;

/// The keys that every script of this suite declares.
pub(crate) const KEYS: [&[u8]; 3] = [b"compact", b"mixed", b"stream"];

/// Every key with its fields and values, or with its entries and the id given out last.
const DUMP: &str = "local out = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
    if redis.call('TYPE', key).ok == 'hash' then out[#out + 1] = {key, redis.call('HGETALL', key)} \
    else local info = redis.call('XINFO', 'STREAM', key) \
    for i = 1, #info, 2 do if info[i] == 'last-generated-id' then \
    out[#out + 1] = {key, redis.call('XRANGE', key, '-', '+'), info[i + 1]} end end end end return out";

/// Both, empty at the start.
pub(crate) struct Pair {
    host: Engine,
    real: Real,
    /// Put in front of each script on the host's side only: a deliberate mistake, in the suite's test of itself.
    host_prefix: String,
}

impl Pair {
    pub(crate) fn start() -> Pair {
        Pair::with_host_prefix(String::new())
    }

    pub(crate) fn with_host_prefix(host_prefix: String) -> Pair {
        Pair { host: Engine::new(Clock::System), real: Real::start(), host_prefix }
    }

    /// Forgets all keys on both.
    pub(crate) fn flush(&mut self) {
        self.host.keyspace_mut().flush();
        self.real.ask(&[b"FLUSHALL"]);
    }

    /// Runs a script on the host. Where Redis would answer an error, so does this, in its words.
    pub(crate) fn on_host(&mut self, script: &str, args: &[&[u8]]) -> Result<Reply, ScriptError> {
        let script = format!("{}{script}", self.host_prefix);
        match self.host.call(&script, &KEYS, args) {
            Err(ScriptError::Runtime { message }) => Ok(error_line("ERR ", &message)),
            Err(ScriptError::Compile { message }) => {
                Ok(error_line("ERR Error compiling script (new function): ", &message))
            }
            other => other,
        }
    }

    /// Runs a script on the real server.
    pub(crate) fn on_redis(&mut self, script: &str, args: &[&[u8]]) -> Reply {
        let mut command: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"3", KEYS[0], KEYS[1], KEYS[2]];
        command.extend(args);
        match self.real.ask(&command) {
            Reply::Error(text) => Reply::Error(without_position(&text)),
            other => other,
        }
    }

    /// Runs a script on both: replies and then states must be equal.
    pub(crate) fn check(&mut self, script: &str, args: &[&[u8]]) -> Result<(), String> {
        let host = self.on_host(script, args);
        let redis = self.on_redis(script, args);
        if host.as_ref() != Ok(&redis) {
            return Err(format!("replies differ\n script {script}\n host   {host:?}\n redis  {redis:?}"));
        }
        let (host, redis) = (self.host.keyspace().dump(), self.redis_state());
        if host != redis {
            return Err(format!("states differ\n script {script}\n host   {host:?}\n redis  {redis:?}"));
        }
        Ok(())
    }

    fn redis_state(&mut self) -> KeyspaceDump {
        let mut dump: KeyspaceDump = array(self.real.ask(&[b"EVAL", DUMP.as_bytes(), b"0"]))
            .into_iter()
            .map(|entry| {
                let mut parts = array(entry).into_iter();
                let mut next = || parts.next().expect("a key and what it holds");
                let (key, held) = (bytes(next()), array(next()));
                (key, parts.next().map_or_else(|| hash(&held), |last_id| stream(&held, last_id)))
            })
            .collect();
        dump.sort_by(|one, other| one.0.cmp(&other.0));
        dump
    }
}

fn hash(held: &[Reply]) -> KeyDump {
    let flat: Vec<_> = held.iter().cloned().map(bytes).collect();
    let mut fields: Vec<_> = flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    fields.sort();
    KeyDump::Hash(fields)
}

fn stream(held: &[Reply], last_id: Reply) -> KeyDump {
    let text = |reply| String::from_utf8_lossy(&bytes(reply)).into_owned();
    let entry = |entry: &Reply| {
        let [id, fields] = <[Reply; 2]>::try_from(array(entry.clone())).expect("an id and its fields");
        (text(id), array(fields).into_iter().map(bytes).collect())
    };
    KeyDump::Stream(StreamDump { last_id: text(last_id), entries: held.iter().map(entry).collect() })
}

fn array(reply: Reply) -> Vec<Reply> {
    let Reply::Array(items) = reply else { panic!("no array: {reply:?}") };
    items
}

fn bytes(reply: Reply) -> Vec<u8> {
    let Reply::Bulk(bytes) = reply else { panic!("no string: {reply:?}") };
    bytes
}

fn error_line(prefix: &str, message: &str) -> Reply {
    Reply::Error(format!("{prefix}{}", message.replace(['\r', '\n'], " ")))
}

/// Without the ` script: DIGEST, on @user_script:LINE.` that Redis 7 puts behind what a script raised.
fn without_position(text: &str) -> String {
    text.rfind(" script: ").map_or(text, |end| &text[..end]).to_owned()
}
