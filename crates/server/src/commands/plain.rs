//! Texts of others on a terminal.

/// A text of somebody else's for a terminal: what would steer it, or turn what follows around, is written out.
pub(super) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        if letter.is_control() || is_bidirectional(letter) {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
        plain
    })
}

/// Whether a character changes the direction of what is beside it (Unicode, UAX #9).
fn is_bidirectional(letter: char) -> bool {
    matches!(letter, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(plain("a\u{1b}[2J\u{9b}b\u{202e}ü\n"), "a\\u{1b}[2J\\u{9b}b\\u{202e}ü\\n");
    }
}
