//! Which tables of a bench are asked for.

/// Whether a table is to be made: the command line names it, or no benchmark at all.
pub(crate) fn is_asked_for(table: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|name| table.contains(&name))
}
