//! Msgpack to Lua values.

use mlua::{Lua, MultiValue, Value};
use rmp::Marker;

use super::{DEPTH_MAX, INTEGER_MAX, Unfit};

/// Why a blob gives no values.
pub(in super::super) enum Undecodable {
    /// What Redis's library says too.
    Complaint(&'static str),
    /// What it would have read.
    Unfit(Unfit),
}

impl From<mlua::Error> for Undecodable {
    fn from(error: mlua::Error) -> Undecodable {
        Undecodable::Unfit(Unfit::Lua(error))
    }
}

/// Every value in `blob`, one after the other.
pub(in super::super) fn unpack_all(lua: &Lua, blob: &[u8]) -> Result<MultiValue, Undecodable> {
    let mut reader = Reader { lua, rest: blob };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        values.push(reader.value(0)?);
    }
    Ok(MultiValue::from_vec(values))
}

struct Reader<'b> {
    lua: &'b Lua,
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn value(&mut self, depth: usize) -> Result<Value, Undecodable> {
        let marker = match self.bytes(1)? {
            [marker] => Marker::from_u8(*marker),
            _ => return Err(MISSING),
        };
        match marker {
            Marker::Null => Ok(Value::Nil),
            Marker::False => Ok(Value::Boolean(false)),
            Marker::True => Ok(Value::Boolean(true)),
            Marker::FixPos(integer) => Ok(Value::Integer(integer.into())),
            Marker::FixNeg(integer) => Ok(Value::Integer(integer.into())),
            Marker::FixStr(length) => self.string(length.into()),
            Marker::FixArray(length) => self.array(length.into(), depth),
            Marker::U8 => self.unsigned(1),
            Marker::U16 => self.unsigned(2),
            Marker::U32 => self.unsigned(4),
            Marker::U64 => self.unsigned(8),
            Marker::I8 => self.signed(1),
            Marker::I16 => self.signed(2),
            Marker::I32 => self.signed(4),
            Marker::I64 => self.signed(8),
            Marker::Str8 => self.number(1).and_then(|length| self.string(length)),
            Marker::Str16 => self.number(2).and_then(|length| self.string(length)),
            Marker::Str32 => self.number(4).and_then(|length| self.string(length)),
            Marker::Array16 => self.number(2).and_then(|length| self.array(length, depth)),
            Marker::Array32 => self.number(4).and_then(|length| self.array(length, depth)),
            Marker::F32 | Marker::F64 => Err(refused("cmsgpack.unpack of a float")),
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => Err(refused("cmsgpack.unpack of a map")),
            // Bin and ext are younger than Redis's library.
            _ => Err(Undecodable::Complaint("Bad data format in input.")),
        }
    }

    fn unsigned(&mut self, width: usize) -> Result<Value, Undecodable> {
        let number = self.number(width)?;
        match i64::try_from(number) {
            Ok(integer) if number <= INTEGER_MAX => Ok(Value::Integer(integer)),
            _ => Err(refused(TOO_LARGE)),
        }
    }

    fn signed(&mut self, width: usize) -> Result<Value, Undecodable> {
        // To the top of the word and back: the shift down brings the sign along.
        let spare_bits = 64 - 8 * width;
        let integer = (self.number(width)? << spare_bits).cast_signed() >> spare_bits;
        if integer.unsigned_abs() > INTEGER_MAX {
            return Err(refused(TOO_LARGE));
        }
        Ok(Value::Integer(integer))
    }

    fn string(&mut self, length: u64) -> Result<Value, Undecodable> {
        let bytes = self.bytes(length)?;
        Ok(Value::String(self.lua.create_string(bytes)?))
    }

    fn array(&mut self, length: u64, depth: usize) -> Result<Value, Undecodable> {
        if depth == DEPTH_MAX {
            return Err(refused("cmsgpack.unpack of arrays nested deeper than 16"));
        }
        // Unsized, as Redis's library makes it: where an array holds nil, `#` depends on it.
        let table = self.lua.create_table()?;
        for index in 1..=length {
            let item = self.value(depth + 1)?;
            table.raw_set(index, item)?;
        }
        Ok(Value::Table(table))
    }

    /// The big-endian number in the next `width` bytes.
    fn number(&mut self, width: usize) -> Result<u64, Undecodable> {
        let bytes = self.bytes(width as u64)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn bytes(&mut self, length: u64) -> Result<&'b [u8], Undecodable> {
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (bytes, rest) = split.ok_or(MISSING)?;
        self.rest = rest;
        Ok(bytes)
    }
}

const MISSING: Undecodable = Undecodable::Complaint("Missing bytes in input.");
const TOO_LARGE: &str = "cmsgpack.unpack of an integer beyond 2^53";

fn refused(what: &'static str) -> Undecodable {
    Undecodable::Unfit(Unfit::Refused(what))
}
