//! Names that nobody else has.

/// 128 random bits in hexadecimal, from the operating system.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 16];
    // Where the system has no randomness to give, nothing that is built on it could be safe.
    #[expect(clippy::expect_used, reason = "a process without randomness can't name itself; it can't go on")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    hex(&bytes)
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
