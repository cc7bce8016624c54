//! What somebody shows as a key, compared with the keys that there are.

use subtle::ConstantTimeEq;

use super::key::{ApiKey, ID_DIGITS, PREFIX, SECRET_DIGITS, digest_of};

/// What somebody shows as a key. It may be anything.
///
/// How long it takes to see that it opens nothing does not depend on what is wrong with it.
#[derive(Clone, Debug)]
pub struct Presented {
    id: String,
    digest: String,
}

/// No digest begins like this, so nothing opens a key that is not there.
const NO_DIGEST: &str = "----------------------------------------------------------------";

impl Presented {
    /// Reads any bytes. Of the text itself only a digest is kept.
    #[must_use]
    pub fn read(token: &[u8]) -> Self {
        Self { id: id_in(token).unwrap_or_default().to_owned(), digest: digest_of(token) }
    }

    /// The id of the key that it claims to be, "" if it looks like no key at all.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is the token of `key`, the one of that id if there is one.
    #[must_use]
    pub fn opens(&self, key: Option<&ApiKey>) -> bool {
        let expected = key.map_or(NO_DIGEST, |key| key.digest.as_str());
        self.digest.as_bytes().ct_eq(expected.as_bytes()).into()
    }
}

fn id_in(token: &[u8]) -> Option<&str> {
    let rest = std::str::from_utf8(token).ok()?.strip_prefix(PREFIX)?;
    let (id, secret) = rest.split_once('_')?;
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let fits = id.len() == ID_DIGITS && secret.len() == SECRET_DIGITS && is_hex(id) && is_hex(secret);
    fits.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::key::KeyToken;
    use crate::access::role::Role;

    fn key(token: &KeyToken) -> ApiKey {
        ApiKey {
            id: "0123456789abcdef".to_owned(),
            role: Role::Viewer,
            label: "x".to_owned(),
            author: String::new(),
            made_at_us: 1,
            expires_at_us: None,
            used_at_us: None,
            digest: token.digest(),
        }
    }

    #[test]
    fn only_the_token_itself_opens_its_key() {
        let token = KeyToken::of("0123456789abcdef", &"a".repeat(SECRET_DIGITS));
        let key = key(&token);
        let right = Presented::read(token.expose().as_bytes());
        assert_eq!(right.id(), key.id);
        assert!(right.opens(Some(&key)) && !right.opens(None));
        let other = KeyToken::of("0123456789abcdef", &format!("{}b", "a".repeat(SECRET_DIGITS - 1)));
        assert!(!Presented::read(other.expose().as_bytes()).opens(Some(&key)));
        for text in [
            "",
            "tg_",
            "tg__",
            token.expose().trim_end_matches('a'),
            &token.expose().to_uppercase(),
            "\u{e4}",
        ] {
            let wrong = Presented::read(text.as_bytes());
            assert!(wrong.id().is_empty() && !wrong.opens(Some(&key)) && !wrong.opens(None), "{text}");
        }
        assert!(!Presented::read(&[0xff]).opens(Some(&key)));
        assert!(!Presented::read(NO_DIGEST.as_bytes()).opens(None));
    }

    #[test]
    fn a_token_is_never_shown() {
        let token = KeyToken::of("0123456789abcdef", &"a".repeat(SECRET_DIGITS));
        let shown = format!("{token:?} {:?}", Presented::read(token.expose().as_bytes()));
        assert!(!shown.contains("aaaa"), "{shown}");
    }
}
