//! TLS to a store: whom it trusts, and how it shows who asks.

use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a `rediss://` connection checks the server's certificate against, and which one it shows itself.
///
/// By default it trusts Mozilla's roots, which are built in, and shows none.
///
/// # Examples
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tollgate::{StoreTls, Tollgate};
///
/// let tls = StoreTls::default()
///     .trust_only(std::fs::read("ca.pem")?)?
///     .identify_by(std::fs::read("client.pem")?, std::fs::read("client.key")?)?;
/// let gate = Tollgate::builder("genesys").store("rediss://redis.internal/".parse()?).store_tls(tls).connect().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct StoreTls {
    authorities: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// What is wrong with certificates or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreTlsError {
    /// The authorities can't be used.
    #[error("expected certificates of authorities in PEM, each a \"-----BEGIN CERTIFICATE-----\" block")]
    Authorities,
    /// The client's own certificate can't be used.
    #[error("expected a certificate in PEM, a \"-----BEGIN CERTIFICATE-----\" block, its issuers behind it")]
    Certificate,
    /// The private key can't be used.
    #[error("expected a private key in PEM without a passphrase, a \"-----BEGIN PRIVATE KEY-----\" block")]
    Key,
}

impl StoreTls {
    /// Trusts servers whose certificate one of these authorities has issued, in PEM, and nobody else.
    ///
    /// # Errors
    /// [`StoreTlsError::Authorities`]
    pub fn trust_only(mut self, authorities_pem: impl Into<Vec<u8>>) -> Result<Self, StoreTlsError> {
        let pem = authorities_pem.into();
        let certificates = certificates_in(&pem).ok_or(StoreTlsError::Authorities)?;
        let usable = |certificate| RootCertStore::empty().add(certificate).is_ok();
        if !certificates.into_iter().all(usable) {
            return Err(StoreTlsError::Authorities);
        }
        self.authorities = Some(pem);
        Ok(self)
    }

    /// Shows this certificate to servers that ask for one, with this private key, both in PEM.
    ///
    /// # Errors
    /// [`StoreTlsError::Certificate`] or [`StoreTlsError::Key`]
    pub fn identify_by(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Result<Self, StoreTlsError> {
        let (certificate, key) = (certificate_pem.into(), key_pem.into());
        certificates_in(&certificate).ok_or(StoreTlsError::Certificate)?;
        PrivateKeyDer::from_pem_slice(&key).map_err(|_| StoreTlsError::Key)?;
        self.identity = Some((certificate, key));
        Ok(self)
    }

    /// Whether there is anything that only TLS can use.
    pub(super) fn is_default(&self) -> bool {
        self.authorities.is_none() && self.identity.is_none()
    }

    pub(super) fn authorities(&self) -> Option<&[u8]> {
        self.authorities.as_deref()
    }

    /// The certificate and its key.
    pub(super) fn identity(&self) -> Option<(&[u8], &[u8])> {
        self.identity.as_ref().map(|(certificate, key)| (certificate.as_slice(), key.as_slice()))
    }
}

/// By hand, without the key.
impl fmt::Debug for StoreTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreTls")
            .field("trusts_only", &self.authorities.is_some())
            .field("identifies", &self.identity.is_some())
            .finish()
    }
}

/// One certificate or more.
fn certificates_in(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
    (!certificates.is_empty()).then_some(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pem_is_refused_by_what_it_should_be() {
        let block = |name: &str| format!("-----BEGIN {name}-----\nMAA=\n-----END {name}-----\n");
        for pem in [String::new(), "no PEM".to_owned(), block("PRIVATE KEY"), block("CERTIFICATE")] {
            let refused = StoreTls::default().trust_only(pem.clone()).expect_err(&pem);
            assert_eq!(refused, StoreTlsError::Authorities, "{pem}");
        }
        let identified = |certificate: &str, key: &str| {
            StoreTls::default().identify_by(block(certificate), block(key)).map(drop)
        };
        assert_eq!(identified("CERTIFICATE", "PRIVATE KEY"), Ok(()));
        assert_eq!(identified("PRIVATE KEY", "PRIVATE KEY"), Err(StoreTlsError::Certificate));
        assert_eq!(identified("CERTIFICATE", "ENCRYPTED PRIVATE KEY"), Err(StoreTlsError::Key));
    }

    #[test]
    fn a_private_key_is_never_shown() {
        let pem = |name: &str| format!("-----BEGIN {name}-----\nczNjcmV0\n-----END {name}-----\n");
        let tls = StoreTls::default().identify_by(pem("CERTIFICATE"), pem("PRIVATE KEY")).expect("it is PEM");
        assert_eq!(format!("{tls:?}"), "StoreTls { trusts_only: false, identifies: true }");
    }
}
