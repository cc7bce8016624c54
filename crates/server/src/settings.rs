//! The settings of `tollgate serve`: its configuration, checked once.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tollgate::{Begin, Policy, StoreAddress, StoreAddressError, StoreTls, StoreTlsError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::access::MAX_BAD_LOGINS_DEFAULT;
use crate::config::Config;
use crate::listen::{self, Insecure};
use crate::logging::LogFormat;
use crate::policy_file::{self, PolicyFileError};
use crate::server::MAX_CONNECTIONS_DEFAULT;
use crate::span::Span;
use crate::tls::{Tls, TlsError};

const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
const STORE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);
const STORE_TIMEOUT_LEAST: Duration = Duration::from_millis(10);
const STORE_TIMEOUT_MOST: Duration = Duration::from_secs(30);
const MAX_WAITING_DEFAULT: usize = 10_000;
const NUMBER_MOST: usize = 1_000_000;
const DRAIN_DEFAULT: Duration = Duration::from_secs(20);

/// What a newcomer starts with, who has no policy yet.
const EXAMPLE: &str = include_str!("../../../examples/genesys.toml");

/// What `tollgate serve` runs with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    /// Whether it is reached under whatever name.
    pub(crate) insecure: Insecure,
    /// Whether a key is asked for also while there is none.
    pub(crate) require_keys: bool,
    pub(crate) store: StoreAddress,
    pub(crate) store_tls: StoreTls,
    pub(crate) namespace: String,
    /// What the namespace begins with, where the store has no policy for it.
    pub(crate) policy: Option<Policy>,
    /// That is the built-in example.
    pub(crate) is_example: bool,
    /// How its buckets begin, if it has to be said.
    pub(crate) begin: Option<Begin>,
    pub(crate) store_timeout: Duration,
    /// What the port speaks, if not plain HTTP.
    pub(crate) tls: Option<Tls>,
    pub(crate) max_bad_logins: u32,
    pub(crate) max_connections: usize,
    pub(crate) max_waiting: usize,
    pub(crate) drain: Duration,
    pub(crate) log_format: LogFormat,
    pub(crate) log: EnvFilter,
}

/// Why a configuration can't be run with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{option}: {value:?}, expected {expected}")]
    Value { option: &'static str, value: String, expected: String },
    #[error(
        "listen: {0} is not a loopback address, and without an API key nobody who connects is asked who they are: anyone could take permits \
         and change the policy; make a key (`tollgate keys create --store`), listen on 127.0.0.1, have it ask from the start (--require-keys), or give \
         --insecure-listen where the network keeps strangers out"
    )]
    Open(SocketAddr),
    #[error(
        "require_keys: true, expected false with the embedded store: no key can be made in it, and everything would be refused; \
         or give a store (--store redis://host:6379)"
    )]
    NoKeys,
    #[error("store: {0}")]
    Store(#[from] StoreAddressError),
    #[error("{option}: can't read the file {path}")]
    UnreadablePem { option: &'static str, path: String, source: io::Error },
    #[error("{option}: the file {path} can't be used")]
    Pem { option: &'static str, path: String, source: StoreTlsError },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{option}: is for TLS, expected a store whose address begins with rediss://")]
    NotTls { option: &'static str },
    #[error("{option}: missing, expected a file in PEM, as {other} needs it")]
    Half { option: &'static str, other: &'static str },
    #[error("policy")]
    Policy(#[from] PolicyFileError),
    #[error("namespace: {given:?}, expected {policy:?}, which the policy is for")]
    OtherNamespace { given: String, policy: String },
    #[error(
        "namespace: missing; name one that the store has a policy for (--namespace), or give a first policy (--policy)"
    )]
    NoNamespace,
    #[error(
        "policy: missing, expected a policy file for namespace {namespace:?}; the built-in example is for {example:?}"
    )]
    NoPolicy { namespace: String, example: String },
}

impl TryFrom<Config> for Settings {
    type Error = SettingsError;

    fn try_from(config: Config) -> Result<Self, SettingsError> {
        let store = match &config.store {
            Some(url) => url.as_ref().parse()?,
            None => StoreAddress::Embedded,
        };
        let store_tls = store_tls(&config, &store)?;
        let policy = given_policy(&config)?;
        let is_example = policy.is_none() && matches!(store, StoreAddress::Embedded);
        let policy = if is_example { Some(example()?) } else { policy };
        let namespace = namespace(config.namespace.clone(), policy.as_ref(), is_example)?;
        Ok(Self {
            listen: listen(&config, &store)?,
            insecure: insecure(&config)?,
            require_keys: require_keys(&config, &store)?,
            store,
            store_tls,
            namespace,
            policy,
            is_example,
            begin: begin(config.begin.as_deref())?,
            tls: tls(&config)?,
            store_timeout: store_timeout(config.store_timeout)?,
            max_bad_logins: number("max_bad_logins", config.max_bad_logins)?
                .map_or(MAX_BAD_LOGINS_DEFAULT, |number| u32::try_from(number).unwrap_or(u32::MAX)),
            max_connections: number("max_connections", config.max_connections)?
                .unwrap_or(MAX_CONNECTIONS_DEFAULT),
            max_waiting: number("max_waiting", config.max_waiting)?.unwrap_or(MAX_WAITING_DEFAULT),
            drain: span("drain", config.drain)?.unwrap_or(DRAIN_DEFAULT),
            log_format: log_format(config.log_format.as_deref())?,
            log: log(config.log)?,
        })
    }
}

/// The certificates for the store, which must be one that uses them.
pub(crate) fn store_tls(config: &Config, store: &StoreAddress) -> Result<StoreTls, SettingsError> {
    let (ca, cert, key) = (&config.store_ca, &config.store_cert, &config.store_key);
    let given = [("store_ca", ca), ("store_cert", cert), ("store_key", key)];
    if let Some((option, _)) = given.into_iter().find(|(_, file)| file.is_some() && !store.is_tls()) {
        return Err(SettingsError::NotTls { option });
    }
    let mut tls = StoreTls::default();
    if let Some(path) = ca {
        tls = tls.trust_only(pem("store_ca", path)?).map_err(|source| unusable("store_ca", path, source))?;
    }
    match (cert, key) {
        (None, None) => Ok(tls),
        (None, Some(_)) => Err(SettingsError::Half { option: "store_cert", other: "store_key" }),
        (Some(_), None) => Err(SettingsError::Half { option: "store_key", other: "store_cert" }),
        (Some(cert), Some(key)) => {
            tls.identify_by(pem("store_cert", cert)?, pem("store_key", key)?).map_err(|source| match source {
                StoreTlsError::Key => unusable("store_key", key, source),
                _ => unusable("store_cert", cert, source),
            })
        }
    }
}

/// What the service's own port speaks.
fn tls(config: &Config) -> Result<Option<Tls>, SettingsError> {
    match (&config.tls_cert, &config.tls_key) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(SettingsError::Half { option: "tls_cert", other: "tls_key" }),
        (Some(_), None) => Err(SettingsError::Half { option: "tls_key", other: "tls_cert" }),
        (Some(cert), Some(key)) => Ok(Some(Tls::read(Path::new(cert), Path::new(key))?)),
    }
}

fn pem(option: &'static str, path: &str) -> Result<Vec<u8>, SettingsError> {
    fs::read(path).map_err(|source| SettingsError::UnreadablePem { option, path: path.to_owned(), source })
}

fn unusable(option: &'static str, path: &str, source: StoreTlsError) -> SettingsError {
    SettingsError::Pem { option, path: path.to_owned(), source }
}

fn given_policy(config: &Config) -> Result<Option<Policy>, PolicyFileError> {
    config.policy.as_ref().map(|file| policy_file::read(Path::new(file))).transpose()
}

fn example() -> Result<Policy, PolicyFileError> {
    Policy::from_toml(EXAMPLE)
        .map_err(|source| PolicyFileError::Invalid { path: "examples/genesys.toml".into(), source })
}

/// The namespace of the policy, which must be the one that was asked for, if one was.
fn namespace(
    given: Option<String>,
    policy: Option<&Policy>,
    is_example: bool,
) -> Result<String, SettingsError> {
    match (given, policy.map(|policy| policy.namespace().to_owned())) {
        (Some(given), Some(of_policy)) if given != of_policy => Err(if is_example {
            SettingsError::NoPolicy { namespace: given, example: of_policy }
        } else {
            SettingsError::OtherNamespace { given, policy: of_policy }
        }),
        (_, Some(of_policy)) => Ok(of_policy),
        (Some(given), None) => checked_name(given),
        (None, None) => Err(SettingsError::NoNamespace),
    }
}

/// The name of a namespace as policies have it. It becomes part of keys, in braces.
fn checked_name(name: String) -> Result<String, SettingsError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = (1..=64).contains(&name.len())
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|byte| plain(byte) || b"._-".contains(&byte));
    if fits {
        Ok(name)
    } else {
        Err(wrong("namespace", name, "1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit"))
    }
}

fn begin(text: Option<&str>) -> Result<Option<Begin>, SettingsError> {
    match text {
        None => Ok(None),
        Some("empty") => Ok(Some(Begin::Empty)),
        Some("full") => Ok(Some(Begin::Full)),
        Some(other) => Err(wrong("begin", other, "empty or full")),
    }
}

/// Whether the store has a key, so that others than this machine may be listened to, is found out when it is connected.
/// An embedded one never has.
fn listen(config: &Config, store: &StoreAddress) -> Result<SocketAddr, SettingsError> {
    let given = insecure(config)?;
    let insecure = if matches!(store, StoreAddress::Embedded) { given } else { Insecure::Allowed };
    let text = config.listen.as_deref().unwrap_or(LISTEN_DEFAULT);
    listen::parse(text, insecure).map_err(|refused| match refused {
        listen::Refused::Unreadable => wrong(
            "listen",
            text,
            "an IP address and a port, such as 127.0.0.1:8080, [::1]:8080 or localhost:8080",
        ),
        listen::Refused::Open(address) => SettingsError::Open(address),
    })
}

fn insecure(config: &Config) -> Result<Insecure, SettingsError> {
    let text = config.insecure_listen.as_deref();
    Insecure::parse(text).ok_or_else(|| wrong("insecure_listen", text.unwrap_or_default(), "true or false"))
}

/// The first key is made on the store by another process, which an embedded one is out of reach of.
fn require_keys(config: &Config, store: &StoreAddress) -> Result<bool, SettingsError> {
    match config.require_keys.as_deref() {
        None | Some("false" | "0" | "no") => Ok(false),
        Some("true" | "1" | "yes") if matches!(store, StoreAddress::Embedded) => Err(SettingsError::NoKeys),
        Some("true" | "1" | "yes") => Ok(true),
        Some(other) => Err(wrong("require_keys", other, "true or false")),
    }
}

fn number(option: &'static str, text: Option<String>) -> Result<Option<usize>, SettingsError> {
    let Some(text) = text else { return Ok(None) };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| plain && (1..=NUMBER_MOST).contains(number));
    number.map(Some).ok_or_else(|| wrong(option, text, format!("1 to {NUMBER_MOST}")))
}

fn store_timeout(text: Option<String>) -> Result<Duration, SettingsError> {
    let shown = text.clone().unwrap_or_default();
    let timeout = span("store_timeout", text)?.unwrap_or(STORE_TIMEOUT_DEFAULT);
    if (STORE_TIMEOUT_LEAST..=STORE_TIMEOUT_MOST).contains(&timeout) {
        return Ok(timeout);
    }
    Err(wrong("store_timeout", shown, "10ms to 30s"))
}

fn span(option: &'static str, text: Option<String>) -> Result<Option<Duration>, SettingsError> {
    let Some(text) = text else { return Ok(None) };
    match text.parse::<Span>() {
        Ok(span) => Ok(Some(span.duration())),
        Err(right) => Err(wrong(option, text, right.to_string())),
    }
}

fn log_format(text: Option<&str>) -> Result<LogFormat, SettingsError> {
    match text {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(wrong("log_format", other, "text or json")),
    }
}

fn log(text: Option<String>) -> Result<EnvFilter, SettingsError> {
    let text = text.unwrap_or_else(|| "info".to_owned());
    // A word that is no level would be taken for a module, and nothing else be logged, not even errors.
    let names_levels = text.split(',').all(|part| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        level.parse::<LevelFilter>().is_ok() && !level.is_empty()
    });
    EnvFilter::try_new(&text).ok().filter(|_| names_levels).ok_or_else(|| {
        wrong("log", text, "error, warn, info, debug or trace, also by module, such as info,tollgate=debug")
    })
}

fn wrong(option: &'static str, value: impl Into<String>, expected: impl Into<String>) -> SettingsError {
    SettingsError::Value { option, value: value.into(), expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, SettingsError> {
        toml::from_str::<Config>(text).expect(text).try_into()
    }

    #[test]
    fn nothing_at_all_is_enough_to_begin_with() {
        let settings = settings("").expect("the defaults are right");
        assert_eq!((settings.namespace.as_str(), settings.listen.port()), ("genesys", 8080));
        assert!(settings.is_example && settings.policy.is_some(), "{settings:?}");
    }

    #[test]
    fn a_log_filter_names_levels_also_by_module() {
        for text in ["error", "warn", "INFO", "debug", "trace", "off", "info,tollgate=debug,hyper=off"] {
            assert!(settings(&format!("log = '{text}'")).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_error_names_the_option_and_what_would_be_right() {
        for (text, option, right) in [
            ("listen = '8080'", "listen", "127.0.0.1:8080"),
            ("listen = '0.0.0.0:8080'", "listen", "--insecure-listen"),
            ("store = 'localhost'", "store", "redis://host:6379"),
            ("store = 'redis://localhost'", "namespace", "--policy"),
            ("store = 'redis://localhost'\nnamespace = 'A}b'", "namespace", "a-z"),
            ("namespace = 'other'", "policy", "genesys"),
            ("policy = 'policy.yaml'", "policy", ".toml or .json"),
            ("store = 'redis://h'\nstore_ca = 'ca.pem'", "store_ca", "rediss://"),
            ("store_key = 'key.pem'", "store_key", "rediss://"),
            (
                "store = 'rediss://h'\nstore_ca = '/nowhere/ca.pem'",
                "store_ca",
                "/nowhere/ca.pem: No such file",
            ),
            ("store = 'rediss://h'\nstore_ca = '/dev/null'", "store_ca", "BEGIN CERTIFICATE"),
            ("store = 'rediss://h'\nstore_cert = '/dev/null'", "store_key: missing", "store_cert"),
            ("store = 'rediss://h'\nstore_key = '/dev/null'", "store_cert: missing", "store_key"),
            ("tls_cert = '/dev/null'", "tls_key: missing", "tls_cert"),
            ("tls_key = '/dev/null'", "tls_cert: missing", "tls_key"),
            (
                "tls_key = '/dev/null'\ntls_cert = '/nowhere/c.pem'",
                "tls_cert",
                "/nowhere/c.pem: No such file",
            ),
            ("tls_key = '/dev/null'\ntls_cert = '/dev/null'", "tls_cert", "BEGIN CERTIFICATE"),
            ("max_bad_logins = '0'", "max_bad_logins", "1 to 1000000"),
            ("max_connections = '0'", "max_connections", "1 to 1000000"),
            ("max_connections = '+1'", "max_connections", "1 to 1000000"),
            ("max_waiting = '0'", "max_waiting", "1 to 1000000"),
            ("begin = 'half'", "begin", "empty or full"),
            ("store_timeout = '1'", "store_timeout", "250ms"),
            ("store_timeout = '1ms'", "store_timeout", "10ms to 30s"),
            ("drain = '2h'", "drain", "1h"),
            ("insecure_listen = 'maybe'", "insecure_listen", "true or false"),
            ("require_keys = 'maybe'", "require_keys", "true or false"),
            ("require_keys = 'true'", "require_keys", "--store"),
            ("log_format = 'xml'", "log_format", "text or json"),
            ("log = 'a=b=c'", "log", "info"),
            ("log = 'verbose'", "log", "debug"),
            ("log = 'info,tollgate='", "log", "tollgate=debug"),
        ] {
            let error = settings(text).expect_err(text);
            let shown = format!("{:#}", anyhow::Error::from(error));
            assert!(shown.starts_with(option) && shown.contains(right), "{text}: {shown}");
        }
    }
}
