//! Connections to services: TCP, and TLS on it for https.

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use anyhow::{Context, Result, ensure};
use hyper::{Response, Uri};
use hyper_rustls::ConfigBuilderExt;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where nothing listens.
const NOBODY: &str = "nobody listens there: start the service, or name another one with --url";

/// Either of them.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Opens a connection to where a URL leads, which has a host. For https it trusts these authorities, in PEM, and nobody
/// else; without any, Mozilla's roots.
pub(super) async fn open(uri: &Uri, authorities_pem: Option<&[u8]>) -> Result<Box<dyn Connection>> {
    let is_https = uri.scheme_str() == Some("https");
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await.map_err(not_reached)?;
    if !is_https {
        return Ok(Box::new(stream));
    }
    let connector = TlsConnector::from(Arc::new(trusting(authorities_pem)?));
    let name =
        ServerName::try_from(host.to_owned()).context("the host is no name that a certificate could have")?;
    Ok(Box::new(connector.connect(name, stream).await.map_err(not_trusted)?))
}

/// What was answered, or what may stand there instead of a service.
pub(super) fn answered<B>(answer: hyper::Result<Response<B>>) -> Result<Response<B>> {
    answer.context("it gives no answer in HTTP: write https:// if it speaks TLS, or give another port")
}

fn not_reached(error: io::Error) -> anyhow::Error {
    let is_refused = error.kind() == io::ErrorKind::ConnectionRefused;
    let error = anyhow::Error::from(error);
    if is_refused { error.context(NOBODY) } else { error }
}

/// What to do about a handshake that has failed.
fn not_trusted(error: io::Error) -> anyhow::Error {
    let words = error.to_string();
    let advice = if words.contains("UnknownIssuer") {
        "nobody who is trusted has issued its certificate: name with --ca who has"
    } else if words.contains("CaUsedAsEndEntity") {
        "its certificate is an authority's: give the service one that is none (basicConstraints CA:FALSE), and name with --ca who has issued it"
    } else if ["NotValidForName", "not valid for name"].iter().any(|name| words.contains(name)) {
        "its certificate is for other names: ask it by one of them"
    } else if words.contains("certificate") {
        "its certificate can't be used"
    } else {
        "no TLS can be spoken with it: write http:// if it speaks none"
    };
    anyhow::Error::from(error).context(advice)
}

/// What checks certificates against these authorities, or Mozilla's roots.
pub(super) fn trusting(authorities_pem: Option<&[u8]>) -> Result<ClientConfig> {
    let provider = rustls::crypto::ring::default_provider();
    let config =
        ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
    let config = match authorities_pem {
        None => config.with_webpki_roots(),
        Some(pem) => config.with_root_certificates(authorities(pem)?),
    };
    Ok(config.with_no_client_auth())
}

fn authorities(pem: &[u8]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let usable = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        usable.context("a block in it is no certificate")?;
    }
    ensure!(!roots.is_empty(), "there is no \"-----BEGIN CERTIFICATE-----\" block in it");
    Ok(roots)
}

/// The file of `--ca`, if there is one.
pub(super) fn read_authorities(file: Option<&Path>) -> Result<Option<Vec<u8>>> {
    let read = |path: &Path| -> Result<Vec<u8>> {
        let pem = fs::read(path).map_err(|error: io::Error| anyhow::Error::from(error))?;
        authorities(&pem)?;
        Ok(pem)
    };
    let file = file.filter(|path| !path.as_os_str().is_empty());
    file.map(|path| read(path).with_context(|| format!("--ca {}", path.display()))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_authorities_is_told() {
        let block = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        for (pem, said) in
            [("", "BEGIN CERTIFICATE"), ("no PEM", "BEGIN CERTIFICATE"), (block, "no certificate")]
        {
            let error = trusting(Some(pem.as_bytes())).expect_err(pem).to_string();
            assert!(error.contains(said), "{pem}: {error}");
        }
        assert!(trusting(None).is_ok());
    }
}
