//! What a script answers, as a client of Redis would read it.

use mlua::{Table, Value};

use super::error::ScriptError;

/// Deeper arrays are a table that holds itself. Redis goes on until its stack ends.
const DEPTH_MAX: usize = 100;

/// The reply of a script, in the types of Redis's protocol (RESP 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: the script returned `nil` or `false`.
    Nil,
    /// A number, cut toward zero; `true` is 1.
    Integer(i64),
    /// A string, any bytes.
    Bulk(Vec<u8>),
    /// `redis.status_reply(..)`, one line.
    Status(String),
    /// An error the script answered or raised: "CODE text", one line.
    Error(String),
    /// A table's entries from 1 up to the first `nil`.
    Array(Vec<Reply>),
}

/// Converts what a script returned, by Redis's rules.
pub(super) fn from_lua(value: &Value) -> Result<Reply, ScriptError> {
    convert(value, 0)
}

/// An error reply: one line, as the protocol wants it.
pub(super) fn error(text: &[u8]) -> Reply {
    let text = until_nul(text);
    let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    Reply::Error(one_line(&text[..end]))
}

fn convert(value: &Value, depth: usize) -> Result<Reply, ScriptError> {
    match value {
        Value::Nil | Value::Boolean(false) => Ok(Reply::Nil),
        Value::Boolean(true) => Ok(Reply::Integer(1)),
        Value::Integer(integer) => Ok(Reply::Integer(*integer)),
        Value::Number(number) => truncated(*number),
        Value::String(bytes) => Ok(Reply::Bulk(bytes.as_bytes().to_vec())),
        Value::Table(_) if depth == DEPTH_MAX => {
            Err(ScriptError::refused(format!("a reply nested deeper than {DEPTH_MAX} tables")))
        }
        Value::Table(table) => match special(table)? {
            Some(reply) => Ok(reply),
            None => array(table, depth),
        },
        other => Err(ScriptError::refused(format!("a {} in a reply", other.type_name()))),
    }
}

fn truncated(number: f64) -> Result<Reply, ScriptError> {
    // 2^63, where C's conversion, which Redis leaves it to, is undefined.
    if number.abs() >= 9_223_372_036_854_775_808.0 || number.is_nan() {
        return Err(ScriptError::refused("a number in a reply that is no 64 bit integer"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range by the check above; the fraction goes, as in Redis"
    )]
    Ok(Reply::Integer(number as i64))
}

/// `{err = ..}` and `{ok = ..}`.
fn special(table: &Table) -> Result<Option<Reply>, ScriptError> {
    if let Value::String(text) = raw_get(table, "err")? {
        return Ok(Some(error(&text.as_bytes())));
    }
    if let Value::String(text) = raw_get(table, "ok")? {
        return Ok(Some(Reply::Status(one_line(until_nul(&text.as_bytes())))));
    }
    Ok(None)
}

fn array(table: &Table, depth: usize) -> Result<Reply, ScriptError> {
    refuse_named_entries(table)?;
    let mut items = Vec::with_capacity(table.raw_len());
    for value in table.sequence_values::<Value>() {
        items.push(convert(&value.map_err(|error| unexpected(&error))?, depth + 1)?);
    }
    Ok(Reply::Array(items))
}

/// Redis drops named entries without a word, or takes `map`, `double` and others for types of RESP 3.
fn refuse_named_entries(table: &Table) -> Result<(), ScriptError> {
    for entry in table.pairs::<Value, Value>() {
        let (key, _) = entry.map_err(|error| unexpected(&error))?;
        if !matches!(key, Value::Integer(1..)) {
            return Err(ScriptError::refused("a table with named entries in a reply"));
        }
    }
    Ok(())
}

fn raw_get(table: &Table, name: &str) -> Result<Value, ScriptError> {
    table.raw_get(name).map_err(|error| unexpected(&error))
}

/// Reading a table can only fail for want of memory or stack.
fn unexpected(error: &mlua::Error) -> ScriptError {
    ScriptError::Runtime { message: error.to_string() }
}

/// Redis hands these texts on as C strings.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn one_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(['\r', '\n'], " ")
}
