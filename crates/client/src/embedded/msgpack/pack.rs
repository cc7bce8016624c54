//! Lua values to msgpack.

use mlua::{Table, Value};
use rmp::Marker;

use super::{DEPTH_MAX, INTEGER_MAX, Unfit};

/// Appends `value` to `blob`.
pub(in super::super) fn pack(value: &Value, blob: &mut Vec<u8>) -> Result<(), Unfit> {
    pack_at(value, blob, 0)
}

fn pack_at(value: &Value, blob: &mut Vec<u8>, depth: usize) -> Result<(), Unfit> {
    match value {
        Value::Nil => blob.push(Marker::Null.to_u8()),
        Value::Boolean(false) => blob.push(Marker::False.to_u8()),
        Value::Boolean(true) => blob.push(Marker::True.to_u8()),
        Value::Integer(integer) if integer.unsigned_abs() <= INTEGER_MAX => pack_integer(*integer, blob),
        // Minus zero: to mlua no integer, to Redis's library 0.
        Value::Number(0.0) => pack_integer(0, blob),
        Value::Integer(_) | Value::Number(_) => {
            return Err(Unfit::Refused("cmsgpack.pack of a number that is no integer within 2^53"));
        }
        Value::String(bytes) => pack_string(&bytes.as_bytes(), blob),
        Value::Table(table) => pack_array(table, blob, depth)?,
        _ => return Err(Unfit::Refused("cmsgpack.pack of a function")),
    }
    Ok(())
}

/// The shortest form there is; unsigned where it can be.
fn pack_integer(integer: i64, blob: &mut Vec<u8>) {
    let bytes = integer.to_be_bytes();
    let (marker, length) = match integer {
        -0x20..=0x7f => return blob.push(bytes[7]),
        0x80..=0xff => (Marker::U8, 1),
        0x100..=0xffff => (Marker::U16, 2),
        0x1_0000..=0xffff_ffff => (Marker::U32, 4),
        0x1_0000_0000.. => (Marker::U64, 8),
        -0x80..=-0x21 => (Marker::I8, 1),
        -0x8000..=-0x81 => (Marker::I16, 2),
        -0x8000_0000..=-0x8001 => (Marker::I32, 4),
        ..=-0x8000_0001 => (Marker::I64, 8),
    };
    push_header(marker, &bytes[8 - length..], blob);
}

fn pack_string(bytes: &[u8], blob: &mut Vec<u8>) {
    let length = bytes.len().to_be_bytes();
    match bytes.len() {
        0..=0x1f => blob.push(Marker::FixStr(length[7]).to_u8()),
        0x20..=0xff => push_header(Marker::Str8, &length[7..], blob),
        0x100..=0xffff => push_header(Marker::Str16, &length[6..], blob),
        _ => push_header(Marker::Str32, &length[4..], blob),
    }
    blob.extend_from_slice(bytes);
}

fn pack_array(table: &Table, blob: &mut Vec<u8>, depth: usize) -> Result<(), Unfit> {
    if depth == DEPTH_MAX {
        return Err(Unfit::Refused("cmsgpack.pack of tables nested deeper than 16"));
    }
    let length = table.raw_len();
    let header = length.to_be_bytes();
    match length {
        0..=0xf => blob.push(Marker::FixArray(header[7]).to_u8()),
        0x10..=0xffff => push_header(Marker::Array16, &header[6..], blob),
        _ => push_header(Marker::Array32, &header[4..], blob),
    }
    let mut packed = 0;
    for item in table.sequence_values::<Value>() {
        pack_at(&item?, blob, depth + 1)?;
        packed += 1;
    }
    // As booleans, because anything converts to one without a copy.
    let mut entries = 0;
    table.for_each::<bool, bool>(|_, _| {
        entries += 1;
        Ok(())
    })?;
    // All of 1..length is there, and nothing beside it: an array.
    if packed == length && entries == length {
        Ok(())
    } else {
        Err(Unfit::Refused("cmsgpack.pack of a table that is no array"))
    }
}

fn push_header(marker: Marker, number: &[u8], blob: &mut Vec<u8>) {
    blob.push(marker.to_u8());
    blob.extend_from_slice(number);
}
