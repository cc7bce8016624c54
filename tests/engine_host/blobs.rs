//! Blobs of msgpack: what one packs, and what it reads of any bytes.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use tollgate::embedded::{Reply, ScriptError};

use crate::cases::{Effort, explore};
use crate::lua;
use crate::pair::Pair;

/// The host reads our dialect; Redis's library reads more. The only refusals a blob may meet.
const REFUSALS: &[&str] = &[
    "cmsgpack.unpack of a float",
    "cmsgpack.unpack of a map",
    "cmsgpack.unpack of an integer beyond 2^53",
    "cmsgpack.unpack of arrays nested deeper than 16",
];

/// Writes values out so that no difference can hide: types, lengths, every digit, holes.
const SHOW: &str = "local function show(v) local kind = type(v) \
    if kind == 'number' then return string.format('%d', v) end \
    if kind == 'string' then return #v .. ':' .. v end \
    if kind ~= 'table' then return tostring(v) end \
    local out, last = {#v .. '['}, 0 for i in pairs(v) do if i > last then last = i end end \
    for i = 1, last do out[#out + 1] = show(v[i]) end return table.concat(out, ' ') .. ']' end \
    local function show_all(...) local out = {} for i = 1, select('#', ...) do out[i] = show((select(i, ...))) end \
    return out end ";

#[test]
fn what_one_packs_the_other_packs_and_both_read_back() {
    compare_packing(Pair::start(), Effort::full()).unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn any_bytes_are_read_as_the_same_or_refused_for_a_listed_reason() {
    compare_reading(Pair::start(), Effort::full()).unwrap_or_else(|difference| panic!("{difference}"));
}

/// What one packs the other packs, and both read it back, whole or cut off anywhere.
pub(crate) fn compare_packing(pair: Pair, effort: Effort) -> Result<(), String> {
    explore(pair, effort, &(vec(value(), 1..4), any::<Index>()), |pair, (values, cut)| {
        let script = format!("return cmsgpack.pack({})", lua::list(&values));
        pair.check(&script, &[])?;
        let Reply::Bulk(blob) = pair.on_redis(&script, &[]) else {
            return Err(format!("no blob: {script}"));
        };
        let read = format!("{SHOW}return show_all(pcall(cmsgpack.unpack, ARGV[1]))");
        pair.check(&read, &[&blob])?;
        pair.check(&read, &[&blob[..cut.index(blob.len())]])
    })
}

/// Any bytes are read as the same, complained about in the same words, or refused for a listed reason.
pub(crate) fn compare_reading(pair: Pair, effort: Effort) -> Result<(), String> {
    let script = format!("{SHOW}return show_all(pcall(cmsgpack.unpack, ARGV[1]))");
    let (compared, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    explore(pair, effort, &blob(), |pair, blob| {
        if let Err(ScriptError::Refused { what }) = pair.on_host(&script, &[&blob]) {
            refused.set(refused.get() + 1);
            return REFUSALS.contains(&what.as_str()).then_some(()).ok_or(what);
        }
        compared.set(compared.get() + 1);
        pair.check(&script, &[&blob]).map_err(|difference| format!("{blob:02x?}\n{difference}"))
    })?;
    let (compared, refused) = (compared.get(), refused.get());
    if compared < refused { Err(format!("only {compared} compared, {refused} refused")) } else { Ok(()) }
}

/// A value of the dialect, as Lua source. `nil` stands alone, not in an array.
fn value() -> impl Strategy<Value = String> {
    let short = vec(any::<u8>(), 0..40).prop_map(|bytes| lua::string(&bytes));
    let length = select(vec![0, 31, 32, 255, 256, 65_535, 65_536]);
    let long = length.prop_map(|length| format!("string.rep('x', {length})"));
    let leaf = prop_oneof![
        6 => integer().prop_map(|integer| integer.to_string()),
        4 => short,
        1 => long,
        1 => select(vec!["true", "false"]).prop_map(str::to_owned),
    ];
    let array = leaf.prop_recursive(4, 64, 20, |item| {
        vec(item, 0..20).prop_map(|items| format!("{{{}}}", lua::list(&items)))
    });
    prop_oneof![20 => array, 1 => Just("nil".to_owned())]
}

/// Within 2^53, every other one at an edge between two widths.
fn integer() -> impl Strategy<Value = i64> {
    const MOST: i64 = 1 << 53;
    let edge = select(vec![0, 0x20, 0x80, 0x100, 0x8000, 0x1_0000, 0x8000_0000, 0x1_0000_0000, MOST]);
    let near_edge = (edge, -2..=2_i64, any::<bool>()).prop_map(|(edge, by, negative)| {
        let integer = if negative { -edge } else { edge } + by;
        integer.clamp(-MOST, MOST)
    });
    prop_oneof![near_edge, -MOST..=MOST]
}

/// Any bytes, most of them msgpack with some damage.
fn blob() -> impl Strategy<Value = Vec<u8>> {
    let item = prop_oneof![
        // Arrays and strings whose length promises what may not follow.
        3 => select((0x90..=0x94).chain(0xa0..=0xa4).collect::<Vec<u8>>()).prop_map(|byte| vec![byte]),
        // Every marker, known or not; and a length for those that have one.
        3 => (0xc0..=0xdf_u8).prop_map(|byte| vec![byte]),
        2 => (0..4_u8).prop_map(|length| vec![0, 0, 0, length]),
        3 => vec(any::<u8>(), 1..3),
        2 => (0..0x80_u8).prop_map(|byte| vec![byte]),
    ];
    vec(item, 0..12).prop_map(|items| items.concat())
}
