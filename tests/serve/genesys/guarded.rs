//! A provider behind TLS: trusted only if the authority of its certificate is.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::command::Run;
use super::taking_over::{PROVIDER, SHOP, provider, service};

/// TLS in front of a server, as `localhost`, by an authority of one's own. Gives the port, and the folder with
/// `ca.pem`.
async fn guard(server: SocketAddr) -> Result<(u16, TempDir)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("ca.pem"), issuer.pem())?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(server).await?;
                copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    Ok((port, folder))
}

/// Token and limits come over TLS; without its authority nobody is trusted with the secret.
#[tokio::test]
async fn a_provider_behind_tls_is_asked_if_it_is_trusted() -> Result<()> {
    let (api, provider) = (service().await?, provider(PROVIDER).await?);
    let (port, folder) = guard(provider.address()).await?;
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().context("a path of UTF-8")?;
    let url = format!("https://localhost:{port}");
    let run = || Run::new(api.replica.base_url(), &url).map(|run| run.arguments(&SHOP));
    let trusted = run()?.arguments(&["--ca", ca]).end().await?;
    assert!(trusted.done().contains("600/1m"), "{trusted:?}");
    let arrived = provider.ledger().all().count();
    let stranger = run()?.arguments(&["--timeout", "1s"]).end().await?;
    stranger.failed(1, &["no token from localhost", "certificate"]);
    assert_eq!(provider.ledger().all().count(), arrived, "nothing was sent to it");
    Ok(())
}
