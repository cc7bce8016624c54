//! Keys: the text a bucket of a limit is found by.

use super::attribute::Attribute;
use super::problem::Wrong;
use crate::call::Call;

/// Appends the key that a call has at a limit: the values of `per`, in order, joined by `/`.
///
/// A value that stands alone is taken verbatim. Among several, `%` and `/` are written `%25` and `%2F`, so
/// that two combinations never share a key: the `/`s left are separators, and undoing the encoding gives the
/// values back. A limit counted per nothing has the one key `""`.
///
/// Fails with the attribute that the call does not name.
pub(super) fn push_key<'a>(
    name: &mut String,
    per: &'a [Attribute],
    call: &Call,
) -> Result<(), &'a Attribute> {
    for (index, attribute) in per.iter().enumerate() {
        let value = attribute.value(call).ok_or(attribute)?;
        if index > 0 {
            name.push('/');
        }
        match per {
            [_] => name.push_str(value),
            _ => push_encoded(name, value),
        }
    }
    Ok(())
}

/// How long the key will be, in bytes, unless a value needs encoding.
pub(super) fn key_bytes(per: &[Attribute], call: &Call) -> usize {
    per.iter().map(|attribute| attribute.value(call).map_or(0, str::len) + 1).sum::<usize>().saturating_sub(1)
}

/// Checks that some call could have this key.
pub(super) fn check_key(per: &[Attribute], key: &str) -> Result<(), Wrong> {
    match per {
        [] if key.is_empty() => Ok(()),
        [] => Err(Wrong::text(key, "\"\", the one key of a limit counted per nothing")),
        [attribute] => attribute.check(key),
        _ => check_parts(per, key),
    }
}

fn check_parts(per: &[Attribute], key: &str) -> Result<(), Wrong> {
    let parts: Vec<&str> = key.split('/').collect();
    if parts.len() != per.len() {
        let written: Vec<String> = per.iter().map(Attribute::to_string).collect();
        let expected =
            format!("{} parts, {}, with any '/' inside a part as %2F", per.len(), written.join("/"));
        return Err(Wrong::text(key, expected));
    }
    for (attribute, part) in per.iter().zip(parts) {
        let value = part.replace("%2F", "/").replace("%25", "%");
        let mut again = String::new();
        push_encoded(&mut again, &value);
        if again != part {
            return Err(Wrong::text(key, "'%' written %25 and '/' written %2F inside a part"));
        }
        attribute.check(&value)?;
    }
    Ok(())
}

/// The value of an attribute in a key, if that has it.
pub(super) fn value_of(attribute: &Attribute, per: &[Attribute], key: &str) -> Option<String> {
    let place = per.iter().position(|one| one == attribute)?;
    match per {
        [_] => Some(key.to_owned()),
        _ => key.split('/').nth(place).map(|part| part.replace("%2F", "/").replace("%25", "%")),
    }
}

fn push_encoded(name: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.find(['%', '/']) {
        name.push_str(&rest[..at]);
        name.push_str(if rest.as_bytes()[at] == b'%' { "%25" } else { "%2F" });
        rest = &rest[at + 1..];
    }
    name.push_str(rest);
}
