//! The configuration of `tollgate serve` as it is written: by flags, environment variables and a file.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs, io};

use clap::Args;
use serde::Deserialize;

/// Every option, each of them three ways: `--log-format json`, `TOLLGATE_LOG_FORMAT=json`, and in the file
/// `log_format = "json"`. A flag counts before a variable, a variable before the file, the file before the default.
///
/// All are texts until [`Settings`](crate::settings::Settings) are made from them, so that an error names the option
/// the same way wherever it was written. The comments are what `--help` shows.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where to listen: IP:PORT or localhost:PORT, port 0 takes a free one. Only the loopback, unless the namespace has
    /// an API key, which `tollgate keys create --store` makes, or --require-keys or --insecure-listen is given
    /// [default: 127.0.0.1:8080]
    #[arg(long, env = "TOLLGATE_LISTEN", value_name = "IP:PORT")]
    pub(crate) listen: Option<String>,

    #[expect(clippy::doc_markdown, reason = "shown by --help, as it is")]
    /// Where the counters are: redis://host, redis://user:password@host:6379/0, rediss:// for TLS,
    /// unix:///path/to/socket, or embedded: for none. All replicas on one store share its limits. A password is better
    /// given by the variable or the file, where `ps` does not show it [default: embedded:]
    #[arg(long, env = "TOLLGATE_STORE", value_name = "URL", hide_env_values = true)]
    pub(crate) store: Option<StoreUrl>,

    /// The authorities, in PEM, one of which has issued the certificate of a rediss:// store; nobody else is trusted
    /// then [default: Mozilla's roots]
    #[arg(long, env = "TOLLGATE_STORE_CA", value_name = "FILE")]
    pub(crate) store_ca: Option<String>,

    /// The certificate, in PEM, that is shown to a rediss:// store which asks for one; needs --store-key [default:
    /// none]
    #[arg(long, env = "TOLLGATE_STORE_CERT", value_name = "FILE")]
    pub(crate) store_cert: Option<String>,

    /// The private key of --store-cert, in PEM without a passphrase [default: none]
    #[arg(long, env = "TOLLGATE_STORE_KEY", value_name = "FILE")]
    pub(crate) store_key: Option<String>,

    /// The policy to begin with, in TOML or JSON, where the namespace has none yet; afterwards the store's counts and
    /// is changed by PUT /v1/{namespace}/policy [default: the stored one; embedded, a built-in example]
    #[arg(long, env = "TOLLGATE_POLICY", value_name = "FILE")]
    pub(crate) policy: Option<String>,

    /// The namespace to serve: one account at a provider [default: that of the policy]
    #[arg(long, env = "TOLLGATE_NAMESPACE", value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// How the buckets of a namespace begin that the store does not know: empty, which is safe where the store may have
    /// lost what was spent, or full, for a namespace that is new [default: empty; embedded, full]
    #[arg(long, env = "TOLLGATE_BEGIN", value_name = "empty|full")]
    pub(crate) begin: Option<String>,

    /// Longest that a call waits for the store to answer, 10ms to 30s; after that it is answered 503 [default: 1s]
    #[arg(long, env = "TOLLGATE_STORE_TIMEOUT", value_name = "TIME")]
    pub(crate) store_timeout: Option<String>,

    /// The certificate, in PEM with its issuers behind it, that is shown to callers: with it the port speaks TLS and
    /// nothing else. Taken up again when the file is renewed; needs --tls-key [default: none]
    #[arg(long, env = "TOLLGATE_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<String>,

    /// The private key of --tls-cert, in PEM without a passphrase [default: none]
    #[arg(long, env = "TOLLGATE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<String>,

    /// Most API keys that open nothing from one address in a minute, 1 to 1000000; further ones are answered 429, and
    /// good ones as ever [default: 30]
    #[arg(long, env = "TOLLGATE_MAX_BAD_LOGINS", value_name = "NUMBER")]
    pub(crate) max_bad_logins: Option<String>,

    /// Most connections at once, 1 to 1000000; further ones wait to be accepted. A call that waits holds one
    /// [default: 10000]
    #[arg(long, env = "TOLLGATE_MAX_CONNECTIONS", value_name = "NUMBER")]
    pub(crate) max_connections: Option<String>,

    /// Most calls of one organisation and priority that wait here at once, 1 to 1000000; further ones are answered 503
    /// [default: 10000]
    #[arg(long, env = "TOLLGATE_MAX_WAITING", value_name = "NUMBER")]
    pub(crate) max_waiting: Option<String>,

    /// How long waiting calls may go on after SIGTERM or ctrl-c, 0s to 1h; after that they are answered 503
    /// [default: 20s]
    #[arg(long, env = "TOLLGATE_DRAIN", value_name = "TIME")]
    pub(crate) drain: Option<String>,

    /// Ask for an API key from the start, also while the namespace has none: everything below /v1 and /metrics is then
    /// refused until `tollgate keys create --store` makes one. Without it nobody is asked before the first key, nor at
    /// a replica that starts when the store has lost all of them and no replica is left that knew them. Needs a store
    /// [default: false]
    #[arg(
        long,
        env = "TOLLGATE_REQUIRE_KEYS",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) require_keys: Option<String>,

    /// Listen on other addresses than the loopback, and to requests for other hosts than localhost, although the
    /// namespace has no API key: whoever reaches the port then takes permits and changes the policy. For containers and
    /// networks that keep strangers out [default: false]
    #[arg(
        long,
        env = "TOLLGATE_INSECURE_LISTEN",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) insecure_listen: Option<String>,

    /// How log lines are written, on standard error: text or json [default: text]
    #[arg(long, env = "TOLLGATE_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,

    /// What is logged: error, warn, info, debug or trace, also by module, such as info,tollgate=debug [default: info]
    #[arg(long, env = "TOLLGATE_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// The address of a store as it is written. It may hold a password and is never shown.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub(crate) struct StoreUrl(String);

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigFileError {
    #[error("can't read the configuration file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// Without the line itself, which may hold a password.
    #[error("the configuration file {}, line {line}: {message}", path.display())]
    Invalid { path: PathBuf, line: usize, message: String },
}

impl Config {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigFileError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            // Numbers and truths are what people write first.
            let quotes = if error.message().ends_with("expected a string") {
                " in quotes, such as \"20s\" or \"true\""
            } else {
                ""
            };
            ConfigFileError::Invalid {
                path: path.to_owned(),
                line,
                message: format!("{}{quotes}", error.message()),
            }
        })
    }

    /// These options, and for those that are not given the ones of `file`.
    pub(crate) fn over(self, file: Self) -> Self {
        Self {
            listen: first(self.listen, file.listen),
            store: first(self.store, file.store),
            store_ca: first(self.store_ca, file.store_ca),
            store_cert: first(self.store_cert, file.store_cert),
            store_key: first(self.store_key, file.store_key),
            policy: first(self.policy, file.policy),
            namespace: first(self.namespace, file.namespace),
            begin: first(self.begin, file.begin),
            store_timeout: first(self.store_timeout, file.store_timeout),
            tls_cert: first(self.tls_cert, file.tls_cert),
            tls_key: first(self.tls_key, file.tls_key),
            max_bad_logins: first(self.max_bad_logins, file.max_bad_logins),
            max_connections: first(self.max_connections, file.max_connections),
            max_waiting: first(self.max_waiting, file.max_waiting),
            drain: first(self.drain, file.drain),
            require_keys: first(self.require_keys, file.require_keys),
            insecure_listen: first(self.insecure_listen, file.insecure_listen),
            log_format: first(self.log_format, file.log_format),
            log: first(self.log, file.log),
        }
    }
}

/// The first that says anything. An empty text says nothing: it is what compose files make of a variable that is not
/// set.
fn first<T: AsRef<str>>(one: Option<T>, other: Option<T>) -> Option<T> {
    let says_anything = |text: &T| !text.as_ref().is_empty();
    one.filter(says_anything).or(other.filter(says_anything))
}

impl AsRef<str> for StoreUrl {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for StoreUrl {
    type Err = Infallible;

    /// Takes any text: an error of the command line's parser would show it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).expect(text)
    }

    #[test]
    fn what_is_given_first_counts_and_an_empty_text_is_not_given() {
        let over = config("listen = '127.0.0.1:1'\nlog = ''")
            .over(config("listen = 'x'\nlog = 'warn'\ndrain = '1s'"));
        assert_eq!(over, config("listen = '127.0.0.1:1'\nlog = 'warn'\ndrain = '1s'"));
    }

    #[test]
    fn the_address_of_a_store_is_never_shown() {
        let shown = format!("{:?}", config("store = 'redis://:s3cret@localhost'"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
