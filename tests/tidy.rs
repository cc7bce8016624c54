//! Placeholder.
#[test]
fn builds() {}
