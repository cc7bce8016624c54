//! `HSCAN key cursor [MATCH pattern] [COUNT count]`: a hash in pages.

use super::answer::{Answer, Outcome};
use super::glob;
use super::hash::{Hash, Place};
use super::keyspace::Keyspace;

/// Redis's page size where none is asked for.
const COUNT_DEFAULT: usize = 10;

struct Options<'a> {
    count: usize,
    pattern: Option<&'a [u8]>,
}

/// A missing key answers an empty last page even to options that make no sense: Redis looks at them later.
pub(super) fn hscan<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    let Some(cursor) = cursor(&argv[2]) else {
        return Err(Answer::Error("ERR invalid cursor"));
    };
    let Some(hash) = keyspace.hash(&argv[1])? else {
        return Ok(page_of(0, Vec::new()));
    };
    options(argv).map(|options| scan(hash, cursor, &options)).map_err(Answer::Error)
}

fn scan<'k>(hash: &'k Hash, cursor: Place, options: &Options) -> Answer<'k> {
    let (next, pairs) = hash.page(cursor, options.count);
    // Filtered after the page is cut, as in Redis: a page may be empty before the end.
    let matching = pairs
        .into_iter()
        .filter(|pair| options.pattern.is_none_or(|pattern| glob::matches(pattern, &pair.field)));
    page_of(
        next,
        matching.flat_map(|pair| [Answer::bytes(&pair.field), Answer::bytes(&pair.value)]).collect(),
    )
}

fn page_of(next: Place, pairs: Vec<Answer<'_>>) -> Answer<'_> {
    Answer::Array(vec![Answer::text(next.to_string()), Answer::Array(pairs)])
}

fn options(argv: &[Vec<u8>]) -> Result<Options<'_>, &'static str> {
    let mut options = Options { count: COUNT_DEFAULT, pattern: None };
    for option in argv[3..].chunks(2) {
        let [name, value] = option else {
            return Err("ERR syntax error");
        };
        match until_nul(name).to_ascii_lowercase().as_slice() {
            b"count" => options.count = count(value)?,
            // Not a shortcut: as a pattern, `*` does not match the empty field.
            b"match" => options.pattern = (value != b"*").then_some(value),
            _ => return Err("ERR syntax error"),
        }
    }
    Ok(options)
}

fn count(text: &[u8]) -> Result<usize, &'static str> {
    // Only the one way an integer is printed counts as one: no sign, space or zero in front.
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    let canonical = parsed.filter(|count| count.to_string().as_bytes() == text);
    match canonical {
        None => Err("ERR value is not an integer or out of range"),
        Some(count) if count < 1 => Err("ERR syntax error"),
        Some(count) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

/// What C's `strtoul` reads where Redis lets it: nothing is 0, a sign is allowed, a minus wraps around.
fn cursor(text: &[u8]) -> Option<Place> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0);
    }
    let negative = text.first() == Some(&b'-');
    let signed = negative || text.first() == Some(&b'+');
    let digits = &text[usize::from(signed)..];
    // `parse` alone would take a second sign.
    let number: u64 = if digits.iter().all(u8::is_ascii_digit) {
        std::str::from_utf8(digits).ok()?.parse().ok()?
    } else {
        return None;
    };
    Some(if negative { number.wrapping_neg() } else { number })
}

/// Redis reads cursors and option names as C strings.
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_strtoul_reads_it() {
        assert_eq!(cursor(b""), Some(0));
        assert_eq!(cursor(b"42"), Some(42));
        assert_eq!(cursor(b"+42\0junk"), Some(42));
        assert_eq!(cursor(b"-1"), Some(u64::MAX));
        for invalid in [&b" 1"[..], b"1 ", b"-", b"x", b"0x10", b"18446744073709551616"] {
            assert_eq!(cursor(invalid), None, "{invalid:?}");
        }
    }

    #[test]
    fn a_count_is_one_only_as_it_is_printed() {
        assert_eq!(count(b"10"), Ok(10));
        for invalid in [&b"+1"[..], b"01", b"-0", b"", b"1 ", b"9223372036854775808"] {
            assert_eq!(count(invalid), Err("ERR value is not an integer or out of range"), "{invalid:?}");
        }
        assert_eq!(count(b"0"), Err("ERR syntax error"));
    }
}
