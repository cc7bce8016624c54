//! The commands on streams, as far as our scripts use them: ids are given, and trimming is exact.
//!
//! What Redis also takes - ids that it makes itself, trimming that is about right, `LIMIT`, `NOMKSTREAM`, numbers
//! written in other ways than it prints them - is refused.

use super::answer::{Answer, Outcome};
use super::keyspace::Keyspace;
use super::scan::until_nul;
use super::stream::{Stream, StreamId};

const INVALID_ID: Answer<'static> =
    Answer::Error("ERR Invalid stream ID specified as stream command argument");
const NOT_AN_INTEGER: Answer<'static> = Answer::Error("ERR value is not an integer or out of range");
const SYNTAX: Answer<'static> = Answer::Error("ERR syntax error");

/// How a stream is cut.
enum Trim {
    /// To the newest so many.
    MaxLen(u64),
    /// To those from an id on.
    MinId(StreamId),
}

/// `XADD key MAXLEN|MINID = threshold id field value ..`
pub(super) fn xadd<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    let (trim, rest) = trim_of(&argv[2..])?;
    let Some((id, fields)) = rest.split_first() else {
        return Err(Answer::Error("ERR wrong number of arguments for 'xadd' command"));
    };
    if id == b"*" || id.ends_with(b"-*") {
        return Err(Answer::Refused("XADD with an id that the server makes; give one"));
    }
    let id = id_of(id, 0)?;
    if fields.is_empty() || fields.len() % 2 == 1 {
        return Err(Answer::Error("ERR wrong number of arguments for 'xadd' command"));
    }
    if id == StreamId::MIN {
        return Err(Answer::Error("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let stream = keyspace.stream_or_new(&argv[1])?;
    if stream.last_id() == StreamId::MAX {
        return Err(Answer::Error(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    if id <= stream.last_id() {
        return Err(Answer::Error(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ));
    }
    stream.add(id, fields);
    trim.cut(stream);
    Ok(Answer::text(id.to_string()))
}

/// `XTRIM key MAXLEN|MINID = threshold`
pub(super) fn xtrim<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    let (trim, rest) = trim_of(&argv[2..])?;
    if !rest.is_empty() {
        return Err(SYNTAX);
    }
    Ok(Answer::count(keyspace.stream_mut(&argv[1])?.map_or(0, |stream| trim.cut(stream))))
}

/// `XRANGE key first last [COUNT count]`
pub(super) fn xrange<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    range_of(keyspace, argv, Order::Rising)
}

/// `XREVRANGE key last first [COUNT count]`
pub(super) fn xrevrange<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    range_of(keyspace, argv, Order::Falling)
}

/// `XINFO STREAM key`: of what Redis tells no more than the length and the id given out last.
pub(super) fn xinfo<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    if !argv[1].eq_ignore_ascii_case(b"stream") {
        return Err(Answer::Refused("XINFO of anything but a STREAM"));
    }
    let stream = keyspace.stream(&argv[2])?.ok_or(Answer::Error("ERR no such key"))?;
    Ok(Answer::Array(vec![
        Answer::bytes(b"length"),
        Answer::count(stream.len()),
        Answer::bytes(b"last-generated-id"),
        Answer::text(stream.last_id().to_string()),
    ]))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Rising,
    Falling,
}

fn range_of<'k>(keyspace: &'k Keyspace, argv: &[Vec<u8>], order: Order) -> Outcome<'k> {
    // Both are read in the order of time, whichever stands first.
    let (first, last) = if order == Order::Rising { (2, 3) } else { (3, 2) };
    let (first, last) = (first_of(&argv[first])?, last_of(&argv[last])?);
    let mut count = None;
    for option in argv[4..].chunks(2) {
        let [name, value] = option else {
            return Err(SYNTAX);
        };
        if !until_nul(name).eq_ignore_ascii_case(b"count") {
            return Err(SYNTAX);
        }
        count = Some(usize::try_from(integer(value)?.max(0)).unwrap_or(usize::MAX));
    }
    let Some(stream) = keyspace.stream(&argv[1])? else {
        return Ok(Answer::Array(Vec::new()));
    };
    if count == Some(0) {
        return Ok(Answer::Bulk(None));
    }
    let entry = |(id, fields): (StreamId, &'k [Box<[u8]>])| {
        let fields = fields.iter().map(|text| Answer::bytes(text)).collect();
        Answer::Array(vec![Answer::text(id.to_string()), Answer::Array(fields)])
    };
    let (range, most) = (stream.range(first, last), count.unwrap_or(usize::MAX));
    Ok(Answer::Array(match order {
        Order::Rising => range.take(most).map(entry).collect(),
        Order::Falling => range.rev().take(most).map(entry).collect(),
    }))
}

impl Trim {
    fn cut(&self, stream: &mut Stream) -> usize {
        match *self {
            Self::MaxLen(most) => stream.keep_last(most),
            Self::MinId(first) => stream.keep_from(first),
        }
    }
}

/// The trimming that the arguments begin with, and the rest of them.
fn trim_of(args: &[Vec<u8>]) -> Result<(Trim, &[Vec<u8>]), Answer<'static>> {
    let [strategy, sign, threshold, rest @ ..] = args else {
        return Err(Answer::Refused("a stream command without `MAXLEN = n` or `MINID = id`"));
    };
    if sign != b"=" {
        return Err(Answer::Refused("trimming that is about right, which servers do differently; use ="));
    }
    if strategy.eq_ignore_ascii_case(b"maxlen") {
        let most = u64::try_from(integer(threshold)?)
            .map_err(|_| Answer::Error("ERR The MAXLEN argument must be >= 0."))?;
        Ok((Trim::MaxLen(most), rest))
    } else if strategy.eq_ignore_ascii_case(b"minid") {
        Ok((Trim::MinId(id_of(threshold, 0)?), rest))
    } else {
        Err(Answer::Refused("a stream command without `MAXLEN = n` or `MINID = id`"))
    }
}

/// The first id of a range: `-`, an id, or `(` and the one before it.
fn first_of(text: &[u8]) -> Result<StreamId, Answer<'static>> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        [b'(', id @ ..] => id_of(id, 0)?.next().ok_or(Answer::Error("ERR invalid start ID for the interval")),
        id => id_of(id, 0),
    }
}

/// The last id of a range: `+`, an id, or `(` and the one behind it.
fn last_of(text: &[u8]) -> Result<StreamId, Answer<'static>> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        [b'(', id @ ..] => {
            id_of(id, u64::MAX)?.previous().ok_or(Answer::Error("ERR invalid end ID for the interval"))
        }
        id => id_of(id, u64::MAX),
    }
}

/// `ms-sequence`, or `ms` with the sequence that is meant by none.
fn id_of(text: &[u8], sequence: u64) -> Result<StreamId, Answer<'static>> {
    let dash = text.iter().position(|byte| *byte == b'-');
    let (ms, rest) = text.split_at(dash.unwrap_or(text.len()));
    let sequence = if rest.is_empty() { sequence } else { number(&rest[1..])? };
    Ok(StreamId { ms: number(ms)?, sequence })
}

fn number(text: &[u8]) -> Result<u64, Answer<'static>> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
    match parsed {
        Some(number) if number.to_string().as_bytes() == text => Ok(number),
        _ if is_number_in_c(text) => {
            Err(Answer::Refused("a number in a stream id that is not written as it would be printed"))
        }
        _ => Err(INVALID_ID),
    }
}

/// Whether C's `strtoull`, which Redis leaves it to, reads a number in it up to a byte that is 0.
fn is_number_in_c(text: &[u8]) -> bool {
    let text = until_nul(text).trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.is_some_and(|digits| digits.parse::<u64>().is_ok())
}

/// Only the one way an integer is printed counts as one.
fn integer(text: &[u8]) -> Result<i64, Answer<'static>> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    parsed.filter(|number| number.to_string().as_bytes() == text).ok_or(NOT_AN_INTEGER)
}
