//! What derived schemas have that readers of the document could do without.

use serde_json::Value;

/// Puts right all of the document, however deep.
pub(crate) fn polish(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    // Utoipa writes `u-int32` for what the registry of formats has as `uint32`.
                    ("format", Value::String(format)) => *format = format.replace("u-int", "uint"),
                    ("description" | "summary", Value::String(text)) => *text = unwrapped(text),
                    (_, value) => polish(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(polish),
        _ => {}
    }
}

/// The lines of a doc comment end where the editor does. Paragraphs and lists stay apart.
fn unwrapped(text: &str) -> String {
    let mut unwrapped = String::with_capacity(text.len());
    for line in text.lines() {
        let goes_on = !line.is_empty() && !line.starts_with("* ");
        if goes_on && !unwrapped.is_empty() && !unwrapped.ends_with('\n') {
            unwrapped.push(' ');
        } else if !unwrapped.is_empty() {
            unwrapped.push('\n');
        }
        unwrapped.push_str(line);
    }
    unwrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn formats_and_line_ends_are_put_right_however_deep() {
        let mut value = json!({"a": [{"format": "u-int32", "description": "one\nline\n\nanother\n* item"}]});
        polish(&mut value);
        assert_eq!(value["a"][0], json!({"format": "uint32", "description": "one line\n\nanother\n* item"}));
    }
}
