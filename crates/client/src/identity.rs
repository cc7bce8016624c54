//! Names that nobody else has, and the one of this machine.

use crate::engine::Announce;

/// 128 random bits in hexadecimal, from the operating system.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 16];
    // Where the system has no randomness to give, nothing that is built on it could be safe.
    #[expect(clippy::expect_used, reason = "a process without randomness can't name itself; it can't go on")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    hex(&bytes)
}

/// The name of this machine, of ASCII and no longer than names of machines may be; "" where the system does not tell.
pub(crate) fn host_name() -> String {
    // On Linux, where a container has a name of its own. Elsewhere shells mostly tell.
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    let told = told.unwrap_or_default();
    told.trim().chars().filter(char::is_ascii_graphic).take(Announce::TEXT_MAX).collect()
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
