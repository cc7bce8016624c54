//! Who an organisation's client is, and where it asks for tokens.

use std::fmt;

use reqwest::Url;
use secrecy::SecretString;

/// The OAuth client of an organisation: its id and secret, and the token endpoint of its tenant.
///
/// They are sent as HTTP Basic authentication, so the endpoint should be an `https` URL. `Debug` shows neither the
/// secret nor what else of it could be one.
///
/// # Examples
/// ```
/// use tollgate_reqwest::oauth::Credentials;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = "https://login.mypurecloud.ie/oauth/token".parse()?;
/// let credentials = Credentials::new(endpoint, "app-1", "xyzzy");
/// assert!(!format!("{credentials:?}").contains("xyzzy"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Credentials {
    pub(super) endpoint: Url,
    pub(super) client_id: String,
    pub(super) secret: SecretString,
}

impl Credentials {
    /// A client of this id and secret, of the tenant with this token endpoint.
    ///
    /// A user and a password in the URL are left out of it: it is the client that authenticates.
    pub fn new(mut endpoint: Url, client_id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        // They fail only for URLs that can't have such parts.
        let _ = endpoint.set_password(None);
        let _ = endpoint.set_username("");
        Self { endpoint, client_id: client_id.into(), secret: secret.into() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("host", &self.endpoint.host_str())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
