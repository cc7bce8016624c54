//! Redis's glob patterns: `*`, `?`, `[a-c]`, `[^a]` and `\` before what is meant literally.

/// Whether the whole of `text` fits `pattern`.
///
/// Quirks are Redis's: no pattern but the empty one fits the empty text, an unclosed class reaches to the end.
/// Many stars cost exponential time; the patterns are our own scripts'.
pub(super) fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    while let ([symbol, after_symbol @ ..], [byte, after_byte @ ..]) = (pattern, text) {
        pattern = match (symbol, after_symbol) {
            (b'*', _) => {
                let rest = skip_stars(after_symbol);
                return rest.is_empty() || (0..text.len()).any(|start| matches(rest, &text[start..]));
            }
            (b'?', _) => after_symbol,
            (b'[', _) => match class(after_symbol, *byte) {
                Some(after_class) => after_class,
                None => return false,
            },
            (b'\\', [literal, rest @ ..]) if literal == byte => rest,
            (b'\\', [_, ..]) => return false,
            (literal, _) if literal == byte => after_symbol,
            _ => return false,
        };
        text = after_byte;
        if text.is_empty() {
            pattern = skip_stars(pattern);
        }
    }
    pattern.is_empty() && text.is_empty()
}

fn skip_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|symbol| **symbol == b'*').count();
    &pattern[stars..]
}

/// What follows the class that starts `pattern` (after its `[`), if `byte` is in it.
fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [b'\\', literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
            [b']', after @ ..] => return (found != negated).then_some(after),
            [] => return (found != negated).then_some(rest),
            [first, b'-', last, after @ ..] => {
                found |= in_range(byte, *first, *last);
                after
            }
            [literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
        };
    }
}

/// Either end may come first. C compares `char`s, which are signed where Redis usually runs.
fn in_range(byte: u8, first: u8, last: u8) -> bool {
    let (byte, first, last) = (byte.cast_signed(), first.cast_signed(), last.cast_signed());
    (first.min(last)..=first.max(last)).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn the_usual_patterns_match_what_they_say() {
        let cases: &[(&str, &str, bool)] = &[
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*", "", false),
            ("", "", true),
            ("a**", "a", true),
            ("[ab", "b", true),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), *fits, "{pattern} on {text}");
        }
    }
}
