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
                    // Of all header fields the one that every answer has that may have it; utoipa can't say so.
                    ("Retry-After", header) if header["schema"].is_object() => {
                        header["required"] = true.into();
                        polish(header);
                    }
                    ("parameters", Value::Array(parameters)) => {
                        for parameter in parameters {
                            without_null(&mut parameter["schema"]);
                            polish(parameter);
                        }
                    }
                    ("description" | "summary", Value::String(text)) => *text = unwrapped(text),
                    (_, value) => polish(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(polish),
        _ => {}
    }
}

/// An `Option` that is read from a body may be null there. In a header field or a query there is no null, only nothing
/// at all.
fn without_null(schema: &mut Value) {
    let null = |value: &Value| *value == "null" || value["type"] == "null";
    for choice in ["type", "oneOf"] {
        let Some(choices) = schema.get_mut(choice).and_then(Value::as_array_mut) else { continue };
        choices.retain(|value| !null(value));
        let (Some(only), true) = (choices.first().cloned(), choices.len() == 1) else { continue };
        match choice {
            "type" => schema["type"] = only,
            _ => *schema = only,
        }
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
    fn parameters_are_there_or_not_and_never_null() {
        for schema in
            [json!({"type": ["string", "null"]}), json!({"oneOf": [{"type": "string"}, {"type": "null"}]})]
        {
            let mut value =
                json!({"parameters": [{"schema": schema}], "schema": {"type": ["string", "null"]}});
            polish(&mut value);
            assert_eq!(value["parameters"][0]["schema"], json!({"type": "string"}));
            assert_eq!(value["schema"]["type"], json!(["string", "null"]));
        }
    }

    #[test]
    fn whoever_is_refused_is_told_when_to_come_back() {
        let mut value = json!({"headers": {"Retry-After": {"schema": {}}, "RateLimit": {"schema": {}}}});
        polish(&mut value);
        assert_eq!(value["headers"]["Retry-After"]["required"], true);
        assert_eq!(value["headers"]["RateLimit"].get("required"), None);
    }

    #[test]
    fn formats_and_line_ends_are_put_right_however_deep() {
        let mut value = json!({"a": [{"format": "u-int32", "description": "one\nline\n\nanother\n* item"}]});
        polish(&mut value);
        assert_eq!(value["a"][0], json!({"format": "uint32", "description": "one line\n\nanother\n* item"}));
    }
}
