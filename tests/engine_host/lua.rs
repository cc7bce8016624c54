//! Values written as Lua source.

/// A string literal, any bytes.
pub(crate) fn string(bytes: &[u8]) -> String {
    let mut literal = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => literal.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => literal.push(char::from(*byte)),
            // Three digits, so that a digit may follow.
            other => literal.extend(format!("\\{other:03}").chars()),
        }
    }
    literal.push('"');
    literal
}

/// A list of expressions, as between the parentheses of a call.
pub(crate) fn list(items: &[String]) -> String {
    items.join(", ")
}
