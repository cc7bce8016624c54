//! JSON pointers (RFC 6901), with `*` for every item of a list.

use crate::policy::Wrong;
use serde_json::Value;

/// Deepest pointer. No answer that tells of limits nests deeper.
const SEGMENTS_MAX: usize = 16;

/// Where values stand in a JSON document, such as `/limit/key` or `/errors/*/extensions/code`.
#[derive(Debug, Clone)]
pub(super) struct Pointer {
    segments: Vec<String>,
}

impl Pointer {
    pub(super) fn parse(text: &str) -> Result<Pointer, Wrong> {
        let wrong = || Wrong::text(text, "a JSON pointer, such as \"/limit/key\" or \"/errors/*/code\"");
        let segments = text.strip_prefix('/').ok_or_else(wrong)?.split('/');
        let segments: Vec<String> = segments.map(unescaped).collect::<Option<_>>().ok_or_else(wrong)?;
        if segments.len() > SEGMENTS_MAX {
            return Err(Wrong::text(text, format!("at most {SEGMENTS_MAX} segments")));
        }
        Ok(Pointer { segments })
    }

    /// The first text or number it leads to that `accept` makes something of.
    pub(super) fn find<T>(&self, root: &Value, accept: &mut impl FnMut(&str) -> Option<T>) -> Option<T> {
        find(&self.segments, root, accept)
    }
}

/// A segment as it is meant: `~1` stands for `/`, `~0` for `~`, and `~` for nothing else.
fn unescaped(segment: &str) -> Option<String> {
    let mut parts = segment.split('~');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (escaped, rest) = if let Some(rest) = part.strip_prefix('1') {
            ('/', rest)
        } else {
            ('~', part.strip_prefix('0')?)
        };
        plain.push(escaped);
        plain.push_str(rest);
    }
    Some(plain)
}

fn find<T>(segments: &[String], value: &Value, accept: &mut impl FnMut(&str) -> Option<T>) -> Option<T> {
    let Some((segment, rest)) = segments.split_first() else {
        return match value {
            Value::String(text) => accept(text),
            Value::Number(number) => accept(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
    };
    match value {
        Value::Object(fields) => find(rest, fields.get(segment)?, accept),
        Value::Array(items) if segment == "*" => items.iter().find_map(|item| find(rest, item, accept)),
        Value::Array(items) => find(rest, items.get(segment.parse::<usize>().ok()?)?, accept),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_lead_to_texts_and_numbers() {
        let root = json!({
            "a": { "b/c": "x", "m~n": 5, "*": "star" },
            "list": [{ "code": null }, { "code": "first" }, { "code": "second" }],
            "no": [true, {}, 2.5],
        });
        let rows = [
            ("/a/b~1c", Some("x")),
            ("/a/m~0n", Some("5")),
            ("/a/*", Some("star")),
            ("/list/*/code", Some("first")),
            ("/list/2/code", Some("second")),
            ("/list/3/code", None),
            ("/list/-1/code", None),
            ("/no/0", None),
            ("/no/2", Some("2.5")),
            ("/a", None),
            ("/a/b", None),
        ];
        for (pointer, found) in rows {
            let pointed = Pointer::parse(pointer).unwrap().find(&root, &mut |text| Some(text.to_owned()));
            assert_eq!(pointed.as_deref(), found, "{pointer}");
        }
        for wrong in ["", "limit.key", "/a~", "/a~2", &"/a".repeat(17)] {
            assert!(Pointer::parse(wrong).is_err(), "{wrong}");
        }
    }
}
