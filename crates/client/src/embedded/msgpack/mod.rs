//! `cmsgpack`, byte for byte as Redis's library writes and reads it, within the dialect of our blobs.
//!
//! The dialect: strings, integers within 2^53, booleans, nil, and arrays of them. Redis's library goes further (floats,
//! maps, larger integers, a silent `nil` for what it can't write); all that is refused, so that no blob can come out or
//! be read differently here.

mod pack;
mod unpack;

pub(super) use pack::pack;
pub(super) use unpack::{Undecodable, unpack_all};

use super::error::ScriptError;
use super::session::SharedSession;

/// 2^53: up to here every integer has its own double.
pub(super) const INTEGER_MAX: u64 = 1 << 53;

/// Redis's library writes `nil` for a table below this many others.
const DEPTH_MAX: usize = 16;

/// Why a value or a blob can't be converted.
pub(super) enum Unfit {
    /// Outside the dialect.
    Refused(&'static str),
    /// Lua could not go on: memory.
    Lua(mlua::Error),
}

impl Unfit {
    /// The error to raise, noted as what ends the call.
    pub(super) fn raise(self, session: &SharedSession) -> mlua::Error {
        match self {
            Unfit::Refused(what) => session.refuse(ScriptError::refused(what)),
            Unfit::Lua(error) => error,
        }
    }
}

impl From<mlua::Error> for Unfit {
    fn from(error: mlua::Error) -> Unfit {
        Unfit::Lua(error)
    }
}
