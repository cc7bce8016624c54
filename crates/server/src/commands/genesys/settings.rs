//! The options of `tollgate genesys limits`, checked once.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use clap::Args;
use reqwest::Url;
use reqwest::header::{HeaderValue, InvalidHeaderValue};

use super::super::api_key::KeyText;
use super::credentials::{Credentials, CredentialsError};
use crate::span::Span;

const URL_DEFAULT: &str = "http://127.0.0.1:8080";
const NAMESPACE_DEFAULT: &str = "genesys";
const AUTHOR_DEFAULT: &str = "tollgate genesys limits";
const ORG_BYTES_MAX: usize = 256;
const AUTHOR_BYTES_MAX: usize = 256;
const REASON_BYTES_MAX: usize = 1_024;
const TIMEOUT_LEAST: Duration = Duration::from_millis(100);
const TIMEOUT_MOST: Duration = Duration::from_secs(120);

/// As they are written. An empty text is one that was not given: it is what compose files make of a variable that is
/// not set.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The organisation whose limits they are, by the name that calls give it: the key of its overrides
    #[arg(long, value_name = "NAME")]
    org: String,

    #[expect(clippy::doc_markdown, reason = "shown by --help, as it is")]
    /// The provider's API, https://api.REGION such as https://api.mypurecloud.ie
    #[arg(long, env = "TOLLGATE_GENESYS_API_URL", value_name = "URL", hide_env_values = true)]
    api_url: String,

    /// Where it gives tokens to clients [default: /oauth/token at login.REGION, or at the API's own host if that is not
    /// api.REGION]
    #[arg(long, env = "TOLLGATE_GENESYS_TOKEN_URL", value_name = "URL", hide_env_values = true)]
    token_url: Option<String>,

    #[expect(clippy::doc_markdown, reason = "shown by --help, as it is")]
    /// A TOML file with client_id and client_secret of an OAuth client of the organisation, or with token [default:
    /// TOLLGATE_GENESYS_CLIENT_ID and TOLLGATE_GENESYS_CLIENT_SECRET, or TOLLGATE_GENESYS_TOKEN, of the environment]
    #[arg(long, env = "TOLLGATE_GENESYS_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,

    /// Send credentials over plain http:// to other machines too, where the network keeps strangers out
    #[arg(long)]
    insecure_http: bool,

    /// The authorities, in PEM, one of which has issued the certificates of https:// hosts; nobody else is trusted then
    /// [default: Mozilla's roots]
    #[arg(long, env = "TOLLGATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The running service whose policy it is
    #[arg(long, env = "TOLLGATE_URL", value_name = "URL", default_value = URL_DEFAULT, hide_env_values = true)]
    url: String,

    /// The namespace that it serves
    #[arg(long, env = "TOLLGATE_NAMESPACE", value_name = "NAME", default_value = NAMESPACE_DEFAULT)]
    namespace: String,

    /// The API key to show that service, where it asks for one; better given by the variable, as `ps` shows options
    /// [default: none]
    #[arg(long, env = "TOLLGATE_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: Option<KeyText>,

    /// Only this limit of the policy; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    limit: Vec<String>,

    /// Only the limits of this namespace of the provider, such as platform.api; may be given several times [default:
    /// all]
    #[arg(long, value_name = "NAME")]
    provider_namespace: Vec<String>,

    /// Longest that each answer is waited for, 100ms to 2m
    #[arg(long, value_name = "TIME", default_value = "10s")]
    timeout: String,

    /// Who changes the policy, for its history
    #[arg(long, env = "TOLLGATE_AUTHOR", value_name = "NAME", default_value = AUTHOR_DEFAULT)]
    author: String,

    /// What for [default: that these are the limits of the organisation]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// What the command runs with.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) org: String,
    pub(super) api_url: Url,
    pub(super) token_url: Url,
    pub(super) credentials: Credentials,
    pub(super) authorities_pem: Option<Vec<u8>>,
    pub(super) url: Url,
    pub(super) namespace: String,
    pub(super) authorization: Option<HeaderValue>,
    /// All of them where it is empty; so is the next.
    pub(super) limits: Vec<String>,
    pub(super) provider_namespaces: Vec<String>,
    pub(super) timeout: Duration,
    pub(super) author: HeaderValue,
    pub(super) reason: HeaderValue,
}

/// Why options can't be run with.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error("{option}: {value:?}, expected {expected}")]
    Value { option: &'static str, value: String, expected: String },
    /// Without the URL, which may hold a secret.
    #[error(
        "{option}: has a user, a password, a query or a fragment, expected http(s)://HOST alone, with a path at most"
    )]
    UrlParts { option: &'static str },
    #[error(
        "{option}: plain http:// to {host} would show the credentials to the network; use https://, or give --insecure-http where \
         the network keeps strangers out"
    )]
    Plain { option: &'static str, host: String },
    #[error("ca: can't read the file {path}", path = path.display())]
    Authorities { path: PathBuf, source: io::Error },
    #[error("{0}")]
    ApiKey(anyhow::Error),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl TryFrom<Options> for Settings {
    type Error = SettingsError;

    fn try_from(options: Options) -> Result<Self, SettingsError> {
        let org = text("org", &options.org, ORG_BYTES_MAX)?.to_owned();
        let api_url = credentials_url("api_url", &options.api_url, options.insecure_http)?;
        let token_url = match options.token_url.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => credentials_url("token_url", text, options.insecure_http)?,
            None => token_url_of(&api_url),
        };
        let reason = options.reason.unwrap_or_else(|| format!("limits of {org} as Genesys Cloud has them"));
        let file = options.credentials.filter(|path| !path.as_os_str().is_empty());
        Ok(Self {
            api_url,
            token_url,
            credentials: Credentials::find(file.as_deref())?,
            authorities_pem: options.ca.filter(|path| !path.as_os_str().is_empty()).map(pem).transpose()?,
            url: url("url", given(&options.url, URL_DEFAULT))?,
            namespace: given(&options.namespace, NAMESPACE_DEFAULT).to_owned(),
            authorization: options
                .api_key
                .unwrap_or_default()
                .authorization()
                .map_err(SettingsError::ApiKey)?,
            limits: options.limit,
            provider_namespaces: options.provider_namespace,
            timeout: timeout(&options.timeout)?,
            author: field("author", given(&options.author, AUTHOR_DEFAULT), AUTHOR_BYTES_MAX)?,
            reason: field("reason", &reason, REASON_BYTES_MAX)?,
            org,
        })
    }
}

/// What was given, or the default where that is empty.
fn given<'a>(text: &'a str, default: &'static str) -> &'a str {
    if text.is_empty() { default } else { text }
}

fn text<'a>(option: &'static str, text: &'a str, bytes_max: usize) -> Result<&'a str, SettingsError> {
    if (1..=bytes_max).contains(&text.len()) && !text.contains(char::is_control) {
        return Ok(text);
    }
    Err(wrong(option, text, format!("1 to {bytes_max} bytes without control characters")))
}

/// A text as the value of a header field.
fn field(option: &'static str, value: &str, bytes_max: usize) -> Result<HeaderValue, SettingsError> {
    let value = text(option, value, bytes_max)?;
    let field: Result<_, InvalidHeaderValue> = HeaderValue::from_bytes(value.as_bytes());
    field.map_err(|_| wrong(option, value, "text without control characters"))
}

/// A URL without what would not be used, or should not be shown.
fn url(option: &'static str, text: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(text).ok().filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        // Whatever it is, it may have a password or a key in it.
        let shown = if text.contains(['@', '?', '#']) { "" } else { text };
        return Err(wrong(option, shown, "http://HOST:PORT or https://HOST"));
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || url.query().is_some() || url.fragment().is_some() {
        return Err(SettingsError::UrlParts { option });
    }
    Ok(url)
}

/// One that credentials are sent to.
fn credentials_url(option: &'static str, text: &str, insecure: bool) -> Result<Url, SettingsError> {
    let url = url(option, text)?;
    let host = url.host_str().unwrap_or_default();
    if url.scheme() == "http" && !insecure && !is_loopback(host) {
        return Err(SettingsError::Plain { option, host: host.to_owned() });
    }
    Ok(url)
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// `login.REGION` beside `api.REGION`; else the same host, which is then a gateway, or a stand-in for both.
fn token_url_of(api_url: &Url) -> Url {
    let mut url = api_url.clone();
    let region = url.host_str().and_then(|host| host.strip_prefix("api.")).map(str::to_owned);
    if let Some(region) = region {
        // It is a host with another first label.
        let _ = url.set_host(Some(&format!("login.{region}")));
    }
    url.set_path("/oauth/token");
    url
}

fn timeout(text: &str) -> Result<Duration, SettingsError> {
    let timeout = text.parse::<Span>().ok().map(Span::duration);
    let timeout = timeout.filter(|timeout| (TIMEOUT_LEAST..=TIMEOUT_MOST).contains(timeout));
    timeout.ok_or_else(|| wrong("timeout", text, "100ms to 2m, with the unit"))
}

fn pem(path: PathBuf) -> Result<Vec<u8>, SettingsError> {
    fs::read(&path).map_err(|source| SettingsError::Authorities { path, source })
}

fn wrong(option: &'static str, value: &str, expected: impl Into<String>) -> SettingsError {
    SettingsError::Value { option, value: value.to_owned(), expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_given_at_the_login_host_of_the_region() {
        let token_url = |api: &str| token_url_of(&url("api_url", api).expect(api)).to_string();
        assert_eq!(token_url("https://api.mypurecloud.ie"), "https://login.mypurecloud.ie/oauth/token");
        assert_eq!(token_url("https://api.usw2.pure.cloud/"), "https://login.usw2.pure.cloud/oauth/token");
        assert_eq!(token_url("http://127.0.0.1:8090"), "http://127.0.0.1:8090/oauth/token");
    }

    #[test]
    fn credentials_go_in_the_clear_to_this_machine_alone() {
        for plain in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "https://api.example.com"] {
            assert!(credentials_url("api_url", plain, false).is_ok(), "{plain}");
        }
        for open in ["http://api.example.com", "http://10.0.0.1", "http://localhost.example.com"] {
            assert!(
                matches!(credentials_url("api_url", open, false), Err(SettingsError::Plain { .. })),
                "{open}"
            );
            assert!(credentials_url("api_url", open, true).is_ok(), "{open}");
        }
    }

    #[test]
    fn a_url_that_is_none_or_holds_a_password_is_told_without_it() {
        for text in ["", "example.com", "ftp://example.com", "http://", "https://u:s3cret@h", "s3cret@h"] {
            let error = url("url", text).expect_err(text).to_string();
            assert!(error.starts_with("url: ") && !error.contains("s3cret"), "{text}: {error}");
        }
        for text in ["https://h/?key=s3cret", "https://h/#s3cret"] {
            assert!(!url("url", text).expect_err(text).to_string().contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn what_becomes_a_header_field_or_a_key_has_no_control_characters() {
        assert!(field("reason", "ein höherer Tarif", 64).is_ok());
        assert!(field("reason", "a\nb", 64).is_err());
        assert!(field("author", &"x".repeat(257), AUTHOR_BYTES_MAX).is_err());
        assert!(text("org", "", ORG_BYTES_MAX).is_err());
    }

    #[test]
    fn a_timeout_has_a_unit_and_an_end() {
        assert_eq!(timeout("10s").expect("a time"), Duration::from_secs(10));
        for text in ["10", "10ms", "3m", "-1s"] {
            assert!(timeout(text).is_err(), "{text}");
        }
    }
}
