//! TLS in front of the service: its certificate, read again when the files are renewed.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{fmt, fs, io};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How often it is looked whether the files are other ones. Whatever renews certificates does so days before they
/// expire.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The certificate that is shown, and where it comes from.
#[derive(Clone)]
pub(crate) struct Tls {
    cert: PathBuf,
    key: PathBuf,
    shown: Arc<Shown>,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{option}: can't read the file {}", path.display())]
    Unreadable { option: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{option}: the file {}: expected a certificate in PEM, a \"-----BEGIN CERTIFICATE-----\" block, its issuers behind it",
        path.display()
    )]
    Certificate { option: &'static str, path: PathBuf },
    #[error(
        "{option}: the file {}: expected a private key in PEM without a passphrase, a \"-----BEGIN PRIVATE KEY-----\" block",
        path.display()
    )]
    Key { option: &'static str, path: PathBuf },
    #[error("{option}: the file {}: expected the private key of the certificate in {}", path.display(), cert.display())]
    Mismatch { option: &'static str, path: PathBuf, cert: PathBuf, source: Box<rustls::Error> },
}

const CERT: &str = "tls_cert";
const KEY: &str = "tls_key";

/// What was read last, and the certificate in it.
struct Shown(RwLock<Read>);

struct Read {
    files: [Vec<u8>; 2],
    certified: Arc<CertifiedKey>,
}

impl Tls {
    /// Reads both files.
    pub(crate) fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = read(cert, key)?;
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), shown: Arc::new(Shown(RwLock::new(read))) })
    }

    /// Accepts TLS 1.2 and 1.3, and HTTP/1.1 on it.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let shown = Arc::clone(&self.shown) as Arc<dyn ResolvesServerCert>;
        let mut config = config.with_no_client_auth().with_cert_resolver(shown);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Takes up files that are renewed, without end. Connections that stand keep what they began with. As long as the
    /// new files can't be used the old certificate is shown, and the log says why.
    pub(crate) async fn renew(self) {
        let mut told = String::new();
        loop {
            let _ = timeout(LOOK_AGAIN, pending::<()>()).await;
            match self.look() {
                Ok(true) => tracing::info!(file = %self.cert.display(), "the certificate has been renewed"),
                Ok(false) => told.clear(),
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    // Once for as long as it is the same: between two files that are written one after the other it is
                    // nothing.
                    if error != told {
                        tracing::warn!(
                            "the renewed certificate can't be used, the old one is shown: {error}"
                        );
                        told = error;
                    }
                }
            }
        }
    }

    /// Whether there was something new.
    fn look(&self) -> Result<bool, TlsError> {
        let files = files(&self.cert, &self.key)?;
        if self.shown.0.read().unwrap_or_else(PoisonError::into_inner).files == files {
            return Ok(false);
        }
        let certified = Arc::new(certified(&self.cert, &self.key, &files)?);
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = Read { files, certified };
        Ok(true)
    }
}

fn read(cert: &Path, key: &Path) -> Result<Read, TlsError> {
    let files = files(cert, key)?;
    let certified = Arc::new(certified(cert, key, &files)?);
    Ok(Read { files, certified })
}

fn files(cert: &Path, key: &Path) -> Result<[Vec<u8>; 2], TlsError> {
    let bytes = |option, path: &Path| {
        fs::read(path).map_err(|source| TlsError::Unreadable { option, path: path.to_owned(), source })
    };
    Ok([bytes(CERT, cert)?, bytes(KEY, key)?])
}

fn certified(cert: &Path, key: &Path, [chain, secret]: &[Vec<u8>; 2]) -> Result<CertifiedKey, TlsError> {
    let unfit = || TlsError::Certificate { option: CERT, path: cert.to_owned() };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|_| unfit())?;
    if chain.is_empty() {
        return Err(unfit());
    }
    let secret = PrivateKeyDer::from_pem_slice(secret)
        .map_err(|_| TlsError::Key { option: KEY, path: key.to_owned() })?;
    let certified = CertifiedKey::from_der(chain, secret, &rustls::crypto::ring::default_provider());
    certified.map_err(|source| match source {
        rustls::Error::InvalidCertificate(_) => unfit(),
        source => TlsError::Mismatch {
            option: KEY,
            path: key.to_owned(),
            cert: cert.to_owned(),
            source: source.into(),
        },
    })
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).certified))
    }
}

/// By hand, without the key.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("cert", &self.cert).field("key", &self.key).finish_non_exhaustive()
    }
}
