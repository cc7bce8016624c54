//! One Lua machine: the sandbox, and the scripts compiled for it.

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaString, Value};

use super::engine::Limits;
use super::error::ScriptError;
use super::reply::{self, Reply};
use super::sandbox::{self, Sandbox};
use super::session::SharedSession;

/// Our scripts are a handful; what exceeds this is a test with many, and starts over.
const CHUNKS_MAX: usize = 64;

/// Costs about 0.6 ms to start and 0.14 MiB to keep.
pub(super) struct Machine {
    lua: Lua,
    sandbox: Sandbox,
    chunks: Vec<Chunk>,
    limits: Limits,
}

struct Chunk {
    source: Box<str>,
    function: Function,
}

impl Machine {
    /// Starts a machine whose scripts work on `session`.
    pub(super) fn start(session: &SharedSession, limits: Limits) -> Result<Machine, ScriptError> {
        let started = sandbox::bare_lua(limits)
            .and_then(|lua| sandbox::build(&lua, session, limits).map(|sandbox| (lua, sandbox)));
        match started {
            Ok((lua, sandbox)) => Ok(Machine { lua, sandbox, chunks: Vec::new(), limits }),
            Err(error) => Err(ScriptError::Start { message: error.to_string() }),
        }
    }

    /// Runs a script. A refusal noted in the session overrides what this returns.
    pub(super) fn run(&mut self, script: &str, keys: &[&[u8]], args: &[&[u8]]) -> Result<Reply, ScriptError> {
        let function = self.compiled(script)?;
        let outcome = self
            .declare("KEYS", keys)
            .and_then(|()| self.declare("ARGV", args))
            .and_then(|()| self.sandbox.run.call::<(bool, Value)>(function));
        match outcome {
            Ok((true, returned)) => reply::from_lua(&returned),
            Ok((false, raised)) => self.raised(&raised),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// The bytes the machine holds, garbage included.
    pub(super) fn memory_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    fn compiled(&mut self, script: &str) -> Result<Function, ScriptError> {
        // Comparing a few thousand bytes is quicker than hashing them.
        if let Some(chunk) = self.chunks.iter().find(|chunk| *chunk.source == *script) {
            return Ok(chunk.function.clone());
        }
        // The name that Redis 7 gives a script: it shows in messages.
        let chunk = self.lua.load(script).set_name("@user_script").set_mode(ChunkMode::Text);
        let function = match chunk.set_environment(self.sandbox.environment.clone()).into_function() {
            Ok(function) => function,
            Err(mlua::Error::SyntaxError { message, .. }) => return Err(ScriptError::Compile { message }),
            Err(error) => return Err(self.broken(&error)),
        };
        if self.chunks.len() == CHUNKS_MAX {
            self.chunks.clear();
        }
        self.chunks.push(Chunk { source: script.into(), function: function.clone() });
        Ok(function)
    }

    fn declare(&self, name: &str, values: &[&[u8]]) -> mlua::Result<()> {
        let array = self.lua.create_sequence_from(values.iter().map(LuaString::wrap))?;
        self.sandbox.scope.raw_set(name, array)
    }

    /// What a raised value means: a table is the script's answer, a string its failure.
    fn raised(&self, raised: &Value) -> Result<Reply, ScriptError> {
        match raised {
            Value::String(text) if text.as_bytes() == b"not enough memory" => Err(self.out_of_memory()),
            Value::String(text) => Err(ScriptError::Runtime { message: text.to_string_lossy() }),
            Value::Error(error) => Err(self.broken(error)),
            Value::Table(table) => match table.raw_get("err") {
                Ok(Value::String(text)) => Ok(reply::error(&text.as_bytes())),
                _ => Err(ScriptError::refused(
                    "raising a table without err = \"CODE text\", which crashes redis-server",
                )),
            },
            other => Err(ScriptError::refused(format!("raising a {}", other.type_name()))),
        }
    }

    /// An error of the machine's own.
    fn broken(&self, error: &mlua::Error) -> ScriptError {
        match error {
            mlua::Error::MemoryError(_) => self.out_of_memory(),
            mlua::Error::CallbackError { cause, .. } => self.broken(cause),
            other => ScriptError::Runtime { message: other.to_string() },
        }
    }

    fn out_of_memory(&self) -> ScriptError {
        ScriptError::MemoryLimit { limit_bytes: self.limits.memory_bytes }
    }
}
