//! The world a script runs in: built once per machine, closed to writing.

use mlua::{
    BString, Function, HookTriggers, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value, VmState,
};

use super::answer::Answer;
use super::engine::Limits;
use super::error::ScriptError;
use super::msgpack;
use super::session::SharedSession;

/// How many instructions pass between two looks at the limit: 10,000 cost 2-5 % of a busy script's time.
const INSTRUCTIONS_PER_CHECK: u32 = 10_000;

/// What `host.lua` builds.
pub(super) struct Sandbox {
    /// The environment of every script.
    pub(super) environment: Table,
    /// Where the environment looks names up: `KEYS` and `ARGV` are put here for each call.
    pub(super) scope: Table,
    /// Runs a script; whether it ended well, and what it returned or raised.
    pub(super) run: Function,
}

/// A bare Lua with the libraries we allow something of.
pub(super) fn bare_lua(limits: Limits) -> mlua::Result<Lua> {
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::default())?;
    lua.set_memory_limit(limits.memory_bytes)?;
    Ok(lua)
}

/// Builds the sandbox in `lua`.
pub(super) fn build(lua: &Lua, session: &SharedSession, limits: Limits) -> mlua::Result<Sandbox> {
    limit_instructions(lua, session, limits)?;
    let host = lua.load(include_str!("host.lua")).set_name("=[host]");
    let (environment, scope, run) = host.call((
        command_function(lua, session, limits)?,
        pack_function(lua, session)?,
        unpack_function(lua, session, limits)?,
        refuse_function(lua, session)?,
        out_of_memory_function(lua, session, limits)?,
    ))?;
    Ok(Sandbox { environment, scope, run })
}

/// `command(texts) -> reply, failed`
fn command_function(lua: &Lua, session: &SharedSession, limits: Limits) -> mlua::Result<Function> {
    let session = session.clone();
    lua.create_function(move |lua, texts: Table| {
        let argv: Vec<Vec<u8>> = texts
            .sequence_values::<BString>()
            .map(|text| text.map(Vec::from))
            .collect::<mlua::Result<_>>()?;
        let mut session = session.lock();
        let answer = session.command(&argv)?;
        if let Answer::Refused(what) = answer {
            return Err(session.refuse(ScriptError::refused(what)));
        }
        let failed = answer.is_error();
        let reply = without_memory_limit(lua, limits, || lua.pack(answer))?;
        Ok((reply, failed))
    })
}

/// `pack(...) -> blob`
fn pack_function(lua: &Lua, session: &SharedSession) -> mlua::Result<Function> {
    let session = session.clone();
    lua.create_function(move |lua, values: MultiValue| {
        let mut blob = Vec::new();
        for value in &values {
            msgpack::pack(value, &mut blob).map_err(|unfit| unfit.raise(&session))?;
        }
        lua.create_string(&blob)
    })
}

/// `unpack(blob) -> nil | complaint, values..`
fn unpack_function(lua: &Lua, session: &SharedSession, limits: Limits) -> mlua::Result<Function> {
    let session = session.clone();
    lua.create_function(move |lua, blob: LuaString| {
        let blob = blob.as_bytes();
        match without_memory_limit(lua, limits, || msgpack::unpack_all(lua, &blob)) {
            Ok(mut values) => {
                values.push_front(Value::Nil);
                Ok(values)
            }
            Err(msgpack::Undecodable::Complaint(complaint)) => {
                Ok(MultiValue::from_vec(vec![lua.pack(complaint)?]))
            }
            Err(msgpack::Undecodable::Unfit(unfit)) => Err(unfit.raise(&session)),
        }
    })
}

/// Builds Lua values without asking before each whether there is memory, which takes longer than building it.
///
/// What is built is bounded by the keyspace or the blob it comes from; a script above its limit ends with the next
/// value it makes itself.
fn without_memory_limit<T, E: From<mlua::Error>>(
    lua: &Lua,
    limits: Limits,
    build: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    lua.set_memory_limit(0)?;
    let values = build();
    lua.set_memory_limit(limits.memory_bytes)?;
    values
}

/// `refuse(what)`
fn refuse_function(lua: &Lua, session: &SharedSession) -> mlua::Result<Function> {
    let session = session.clone();
    lua.create_function(move |_, what: String| -> mlua::Result<()> {
        Err(session.refuse(ScriptError::refused(what)))
    })
}

/// `out_of_memory()`
fn out_of_memory_function(lua: &Lua, session: &SharedSession, limits: Limits) -> mlua::Result<Function> {
    let session = session.clone();
    lua.create_function(move |_, ()| -> mlua::Result<()> {
        Err(session.refuse(ScriptError::MemoryLimit { limit_bytes: limits.memory_bytes }))
    })
}

fn limit_instructions(lua: &Lua, session: &SharedSession, limits: Limits) -> mlua::Result<()> {
    let session = session.clone();
    let triggers = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_PER_CHECK);
    lua.set_hook(triggers, move |_, _| {
        let mut session = session.lock();
        session.instructions += u64::from(INSTRUCTIONS_PER_CHECK);
        if session.instructions <= limits.instructions {
            return Ok(VmState::Continue);
        }
        // The script can't go on after this: `pcall` passes what we raise through (see `host.lua`).
        Err(session.refuse(ScriptError::InstructionLimit { limit: limits.instructions }))
    })
}
