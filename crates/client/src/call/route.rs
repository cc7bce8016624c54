//! Routes in one normal form, so that one route written in two ways meets the same limits.

use super::{CallError, fault_in};
use std::borrow::Cow;

/// Longest path in its normal form, in bytes.
pub(crate) const PATH_BYTES_MAX: usize = 2_048;

/// Longest part of a route, or of another text of a caller's, that the audit trail tells.
const TOLD_BYTES_MAX: usize = 200;

/// As much of a text as the audit trail tells.
pub(crate) fn cut_off(text: &str) -> &str {
    // `floor_char_boundary` is younger than the oldest compiler we support.
    let mut end = text.len().min(TOLD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The normal form of a path; [`Call`](super::Call) says what it is.
///
/// It is meant to be broader than the URL standard, which tells `/a,b` from `/a%2Cb`: for a limiter the worst
/// that can come of taking two routes for one is that they share a bucket, while taking one route for two
/// would let calls past a limit. Encoded slashes are the exception, as decoding them would change how many
/// segments there are and so which patterns match.
///
/// The normal form of a normal form is itself.
pub(crate) fn normalised(path: &str) -> String {
    let path = path.find(['?', '#']).map_or(path, |end| &path[..end]);
    let decoded = decoded(path);
    let mut normal = String::with_capacity(decoded.len());
    for segment in decoded.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            // Above the root there is only the root.
            ".." => normal.truncate(normal.rfind('/').unwrap_or(0)),
            _ => {
                normal.push('/');
                normal.push_str(segment);
            }
        }
    }
    if normal.is_empty() {
        normal.push('/');
    }
    normal
}

/// Undoes percent-encoding, except of what would mean something else then: slashes, `?`, `#`, the percent
/// sign itself (a lone one is encoded) and control characters. Bytes that aren't UTF-8 become U+FFFD.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len() + 2);
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = hex_pair(after);
        rest = code.map_or(after, |_| &after[2..]);
        match code.unwrap_or(b'%') {
            kept @ (b'/' | b'\\' | b'%' | b'?' | b'#' | 0..=0x1f | 0x7f) => {
                bytes.extend(format!("%{kept:02X}").bytes());
            }

            byte => bytes.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Checks a path as it was given, beside its normal form.
pub(super) fn check(path: &str, normal: &str) -> Result<(), CallError> {
    if path.is_empty() {
        return Err(CallError::Empty { field: "path".to_owned() });
    }
    if !path.starts_with('/') {
        return Err(CallError::PathNotAbsolute { path: path.chars().take(64).collect() });
    }
    fault_in(normal, PATH_BYTES_MAX, || "path".to_owned()).map_or(Ok(()), Err)
}

/// Whether a text is a token as HTTP means it, which methods are (RFC 9110, section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
