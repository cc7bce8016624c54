//! The pages of the books, read as a test does: which row says what, whatever order a server has met the buckets in.

use std::collections::BTreeMap;

use crate::head::{Value, values};
use crate::lab::Fields;

/// Of each page, limit and key (`None`: all others together) what its row counts.
pub(crate) type Rows = BTreeMap<(String, Vec<u8>, Option<Vec<u8>>), Vec<i64>>;

/// Values of a row.
const COUNTS: usize = 8;

/// The rows of all pages. What is no page stays as it is stored, byte by byte.
pub(crate) fn rows(usage: &Fields) -> Rows {
    let mut rows = Rows::new();
    for (field, record) in usage {
        let name = String::from_utf8(field.clone()).expect("a field of the books is a text");
        let stored = values(record);
        let [Value::Integer(1), Value::List(parts)] = stored.as_slice() else {
            rows.insert((name, Vec::new(), None), record.iter().map(|&byte| byte.into()).collect());
            continue;
        };
        for pair in parts.chunks(2) {
            let [Value::Text(limit), Value::Text(part)] = pair else { panic!("no part: {pair:?}") };
            let part = values(part);
            let [Value::List(part)] = part.as_slice() else { panic!("no part: {part:?}") };
            let (others, keys) = part.split_at(COUNTS);
            rows.insert((name.clone(), limit.clone(), None), others.iter().map(integer).collect());
            for row in keys.chunks(COUNTS + 1) {
                let [Value::Text(key), counts @ ..] = row else { panic!("no row: {row:?}") };
                let counts = counts.iter().map(integer).collect();
                let before = rows.insert((name.clone(), limit.clone(), Some(key.clone())), counts);
                assert_eq!(before, None, "{key:?} has two rows in {name}");
            }
        }
    }
    rows
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => i64::try_from(*number).expect("below 2^53"),
        Value::Negative(number) => *number,
        other => panic!("no whole number: {other:?}"),
    }
}
