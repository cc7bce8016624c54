//! What a command answers, and how a script sees it.

use std::borrow::Cow;

use mlua::{IntoLua, Lua, LuaString, Value};

/// The answer of one command. It borrows from the keyspace: most answers are copied once, into Lua.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer<'k> {
    Integer(i64),
    /// `None` where there is nothing.
    Bulk(Option<Cow<'k, [u8]>>),
    Array(Vec<Answer<'k>>),
    /// "CODE text".
    Error(&'static str),
    /// Something that Redis has and this host leaves out: it ends the call.
    Refused(&'static str),
}

/// The answer of a command that ends early where something is wrong.
pub(super) type Outcome<'k> = Result<Answer<'k>, Answer<'static>>;

impl<'k> Answer<'k> {
    pub(super) fn count(count: usize) -> Answer<'static> {
        Answer::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn flag(flag: bool) -> Answer<'static> {
        Answer::Integer(i64::from(flag))
    }

    pub(super) fn bytes(bytes: &'k [u8]) -> Answer<'k> {
        Answer::Bulk(Some(Cow::Borrowed(bytes)))
    }

    pub(super) fn maybe(bytes: Option<&'k [u8]>) -> Answer<'k> {
        Answer::Bulk(bytes.map(Cow::Borrowed))
    }

    pub(super) fn text(text: String) -> Answer<'static> {
        Answer::Bulk(Some(Cow::Owned(text.into_bytes())))
    }

    pub(super) fn is_error(&self) -> bool {
        matches!(self, Answer::Error(_))
    }
}

/// Redis's conversions: nothing is `false` (an array could not hold `nil`), an integer is a double, an error a table.
impl IntoLua for Answer<'_> {
    fn into_lua(self, lua: &Lua) -> mlua::Result<Value> {
        match self {
            // Beyond 2^53 a double rounds. Our integers are counts.
            #[expect(clippy::cast_precision_loss, reason = "integers are doubles in Lua 5.1, in Redis too")]
            Answer::Integer(integer) => Ok(Value::Number(integer as f64)),
            Answer::Bulk(None) => Ok(Value::Boolean(false)),
            Answer::Bulk(Some(bytes)) => LuaString::wrap(bytes).into_lua(lua),
            Answer::Array(items) => lua.create_sequence_from(items)?.into_lua(lua),
            Answer::Error(code_and_text) | Answer::Refused(code_and_text) => {
                let table = lua.create_table_with_capacity(0, 1)?;
                table.raw_set("err", code_and_text)?;
                table.into_lua(lua)
            }
        }
    }
}
