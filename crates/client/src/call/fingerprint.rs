//! Fingerprints: short names for long or secret texts.

use sha2::{Digest, Sha256};

/// The first 16 hex digits of the SHA-256 of a text.
///
/// 64 bits: among a million tokens the chance that any two share a fingerprint is about one in forty million.
pub(crate) fn fingerprint(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{first:016x}")
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn it_is_the_start_of_the_published_digest_of_abc() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea");
    }
}
