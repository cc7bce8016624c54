//! What the tests read out of stored records, by a reader of their own: the head of a namespace and its clock.

/// The head of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) fence: String,
    pub(crate) epoch: u64,
    /// The time that was last written.
    pub(crate) seen_us: u64,
    /// What is added to the server's clock.
    pub(crate) offset_us: u64,
    /// Epochs that have begun and are not in the audit trail yet.
    pub(crate) untold: usize,
}

/// One value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Integer(u64),
    Negative(i64),
    Text(Vec<u8>),
    List(Vec<Value>),
}

/// How far the clock may step back and be waited for: the promise is a second.
const HOLD_US: u64 = 1_000_000;

impl Head {
    pub(crate) fn read(record: &[u8]) -> Self {
        let values = values(record);
        let [Value::Integer(1), Value::Text(fence), Value::Text(_), rest @ ..] = values.as_slice() else {
            panic!("a head that is none: {values:?}");
        };
        let [Value::Integer(epoch), Value::Integer(_), Value::Integer(seen), Value::Integer(offset), ..] =
            rest
        else {
            panic!("a head that is none: {values:?}");
        };
        let fence = String::from_utf8_lossy(fence).into_owned();
        let untold = rest.get(5).map_or(0, |begun| match begun {
            Value::List(begun) => begun.len() / 2,
            other => panic!("a head that is none: {other:?}"),
        });
        Self { fence, epoch: *epoch, seen_us: *seen, offset_us: *offset, untold }
    }

    /// The namespace's time when the server's clock shows `clock_us`, and the offset from then on: it never goes back,
    /// waits for a clock that stepped back by up to a second, and goes on at once after a longer step.
    pub(crate) fn tell(&self, clock_us: u64) -> (u64, u64) {
        let now = clock_us + self.offset_us;
        if now >= self.seen_us {
            (now, self.offset_us)
        } else if self.seen_us - now <= HOLD_US {
            (self.seen_us, self.offset_us)
        } else {
            (self.seen_us, self.seen_us - clock_us)
        }
    }
}

/// The values of a record: msgpack values one after the other. What our records have none of ends the test.
pub(crate) fn values(mut record: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    while !record.is_empty() {
        let (value, rest) = value(record);
        values.push(value);
        record = rest;
    }
    values
}

fn value(bytes: &[u8]) -> (Value, &[u8]) {
    let (&marker, rest) = bytes.split_first().expect("a whole value");
    match marker {
        // `false`: there is none, and others follow.
        0xc2 => (Value::List(Vec::new()), rest),
        0..=0x7f => (Value::Integer(marker.into()), rest),
        0xe0..=0xff => (Value::Negative(i64::from(marker.cast_signed())), rest),
        0xd0..=0xd3 => {
            let (number, rest) = rest.split_at(1 << (marker - 0xd0));
            let bits = 8 * u32::try_from(number.len()).expect("a few");
            (Value::Negative((big_endian(number) << (64 - bits)).cast_signed() >> (64 - bits)), rest)
        }
        0xcc..=0xcf => {
            let (number, rest) = rest.split_at(1 << (marker - 0xcc));
            (Value::Integer(big_endian(number)), rest)
        }
        0xa0..=0xbf => text(rest, usize::from(marker & 0x1f)),
        0xd9..=0xdb => {
            let (length, rest) = rest.split_at(1 << (marker - 0xd9));
            text(rest, usize::try_from(big_endian(length)).expect("a short text"))
        }
        0x90..=0x9f => list(rest, usize::from(marker & 0x0f)),
        0xdc => {
            let (length, rest) = rest.split_at(2);
            list(rest, usize::try_from(big_endian(length)).expect("a short list"))
        }
        _ => {
            panic!("a value in a record that is no whole number, text, list of them or `false`: {marker:#x}")
        }
    }
}

fn list(mut bytes: &[u8], length: usize) -> (Value, &[u8]) {
    let mut values = Vec::with_capacity(length);
    for _ in 0..length {
        let (value, rest) = value(bytes);
        values.push(value);
        bytes = rest;
    }
    (Value::List(values), bytes)
}

fn text(bytes: &[u8], length: usize) -> (Value, &[u8]) {
    let (text, rest) = bytes.split_at(length);
    (Value::Text(text.to_vec()), rest)
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
