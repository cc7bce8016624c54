//! Who asks: an OAuth client with its secret, or a token. From the environment or a file, never from the command line,
//! which others on the machine can read.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

const CLIENT_ID: &str = "TOLLGATE_GENESYS_CLIENT_ID";
const CLIENT_SECRET: &str = "TOLLGATE_GENESYS_CLIENT_SECRET";
const TOKEN: &str = "TOLLGATE_GENESYS_TOKEN";

/// Who asks the provider. `Debug` shows no secret.
#[derive(Debug)]
pub(super) enum Credentials {
    Client { id: String, secret: SecretString },
    Token(SecretString),
}

/// As they are written in a file, or by variables.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    client_id: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    client_secret: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    token: Option<SecretString>,
}

/// Why there are no credentials. No message holds one.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialsError {
    #[error("credentials: can't read the file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "credentials: the file {}, line {line}: expected client_id and client_secret, or token, each a text in quotes",
        path.display()
    )]
    Invalid { path: PathBuf, line: usize },
    #[error("{name}: is not UTF-8")]
    NotUtf8 { name: &'static str },
    #[error(
        "credentials: missing; set {CLIENT_ID} and {CLIENT_SECRET}, or {TOKEN}, or name a file that has client_id and \
         client_secret, or token (--credentials)"
    )]
    Missing,
    #[error("credentials: {present} without {missing}, expected both, or a token alone")]
    Half { present: &'static str, missing: &'static str },
    #[error("credentials: a token beside a client, expected one of them")]
    Both,
}

impl Credentials {
    /// Those of the file, or else of the environment.
    pub(super) fn find(file: Option<&Path>) -> Result<Self, CredentialsError> {
        match file {
            Some(path) => Written::read(path)?.checked(),
            None => Written::of_environment()?.checked(),
        }
    }
}

impl Written {
    fn read(path: &Path) -> Result<Self, CredentialsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| CredentialsError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|line| CredentialsError::Invalid { path: path.to_owned(), line })
    }

    /// The error is the line alone: the parser's own words repeat what stands there.
    fn parse(text: &str) -> Result<Self, usize> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            before.matches('\n').count() + 1
        })
    }

    fn of_environment() -> Result<Self, CredentialsError> {
        Ok(Self {
            client_id: variable(CLIENT_ID)?,
            client_secret: variable(CLIENT_SECRET)?.map(SecretString::from),
            token: variable(TOKEN)?.map(SecretString::from),
        })
    }

    fn checked(self) -> Result<Credentials, CredentialsError> {
        let half = |present, missing| Err(CredentialsError::Half { present, missing });
        match (self.client_id, self.client_secret, self.token) {
            (Some(id), Some(secret), None) => Ok(Credentials::Client { id, secret }),
            (None, None, Some(token)) => Ok(Credentials::Token(token)),
            (Some(_), None, None) => half("a client's id", "its secret"),
            (None, Some(_), None) => half("a client's secret", "its id"),
            (None, None, None) => Err(CredentialsError::Missing),
            (_, _, Some(_)) => Err(CredentialsError::Both),
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(text.into()))
}

/// An empty variable says nothing: it is what compose files make of one that is not set.
fn variable(name: &'static str) -> Result<Option<String>, CredentialsError> {
    match env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(CredentialsError::NotUtf8 { name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Credentials, CredentialsError> {
        Written::parse(text).expect(text).checked()
    }

    #[test]
    fn a_client_has_both_parts_and_a_token_stands_alone() {
        let client = checked("client_id = 'app-1'\nclient_secret = 's3cret'").expect("a client");
        assert!(matches!(client, Credentials::Client { .. }));
        assert!(matches!(checked("token = 's3cret'"), Ok(Credentials::Token(_))));
        assert!(matches!(checked(""), Err(CredentialsError::Missing)));
        for half in ["client_id = 'app-1'", "client_secret = 's3cret'"] {
            assert!(matches!(checked(half), Err(CredentialsError::Half { .. })), "{half}");
        }
        let both = "client_id = 'app-1'\nclient_secret = 's3cret'\ntoken = 't'";
        assert!(matches!(checked(both), Err(CredentialsError::Both)));
    }

    #[test]
    fn a_secret_is_never_shown() {
        for text in ["client_id = 'app-1'\nclient_secret = 's3cret'", "token = 's3cret'"] {
            let shown = format!("{:?}", checked(text));
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        assert_eq!(Written::parse("client_id = 'a'\nclient_secret = s3cret").map(drop), Err(2));
        assert_eq!(Written::parse("client_id = 'a'\nsecret = 's3cret'").map(drop), Err(2));
    }
}
