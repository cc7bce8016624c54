//! JSON for people: a line for each value, in the order in which it came.

/// The same document, indented by two spaces a level. It has to be JSON; `serde_json::Value` would put its fields into
/// another order.
pub(super) fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    // Whether a bracket was opened just now: what is empty stays on its line.
    let (mut depth, mut is_opened) = (0_usize, false);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for letter in json.chars() {
        if is_quoted {
            text.push(letter);
            (is_quoted, is_escaped) = (is_escaped || letter != '"', !is_escaped && letter == '\\');
            continue;
        }
        if letter.is_ascii_whitespace() {
            continue;
        }
        let is_end = matches!(letter, '}' | ']');
        if is_end {
            depth = depth.saturating_sub(1);
        }
        if is_end != is_opened {
            break_line(&mut text, depth);
        }
        text.push(letter);
        is_opened = matches!(letter, '{' | '[');
        match letter {
            '{' | '[' => depth += 1,
            ',' => break_line(&mut text, depth),
            ':' => text.push(' '),
            _ => is_quoted = letter == '"',
        }
    }
    text
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn fields_stay_in_their_order() {
        let shown = indented(r#"{"b":[1, {"z":{},"a":[]}],"a":"x, {\"y\\\": [ \\"}"#);
        let lines = [
            "{",
            r#"  "b": ["#,
            "    1,",
            "    {",
            r#"      "z": {},"#,
            r#"      "a": []"#,
            "    }",
            "  ],",
            r#"  "a": "x, {\"y\\\": [ \\""#,
            "}",
        ];
        assert_eq!(shown, lines.join("\n"));
    }

    /// `serde_json` puts fields into the order of the alphabet, and they stand in it here.
    #[test]
    fn it_is_what_serde_json_shows() {
        let value = json!({"a": {"b": [], "c": [null, true, 1.5e3, "\u{e4}\n\\"], "d": {"e": {}}}, "f": ""});
        for text in [value.to_string(), format!("{value:#}")] {
            assert_eq!(indented(&text), format!("{value:#}"));
            assert_eq!(serde_json::from_str::<Value>(&indented(&text)).ok(), Some(value.clone()));
        }
    }
}
