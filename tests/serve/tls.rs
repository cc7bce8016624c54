//! A store behind TLS: whom a replica trusts, and how it shows who asks.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tollgate_testkit::{RedisServer, Replica, ReplicaBuilder};

use super::authority::Authority;
use super::client::{Api, PLENTY, call_of};

/// Puts TLS in front of a server, as `localhost`; with whoever shows no certificate of this authority it does not
/// speak. Not every build of Redis has TLS of its own. Gives the port.
pub(crate) async fn guard(authority: &Authority, server: &RedisServer) -> Result<u16> {
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority.issuer)?;
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let (acceptor, socket) = (TlsAcceptor::from(Arc::new(config)), server.socket());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, socket) = (acceptor.clone(), socket.clone());
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = UnixStream::connect(socket).await?;
                copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    Ok(port)
}

/// What a replica says that does not start.
async fn refusal(replica: ReplicaBuilder) -> Result<String> {
    let started = replica.policy(PLENTY).start().await;
    Ok(format!("{:#}", started.err().context("a replica that can't use its store must not start")?))
}

/// Goal: a store with a certificate of a private authority can be used, and is not trusted unasked. Method: TLS that
/// asks for certificates, in front of a private server; a replica with all files works, and without one of them says
/// why it does not.
#[tokio::test]
async fn a_store_of_a_private_authority_is_trusted_once_it_is_named() -> Result<()> {
    let (authority, stranger) = (Authority::new("ours")?, Authority::new("a stranger")?);
    for name in ["app", "other"] {
        authority.issue(name)?;
    }
    let server = RedisServer::start()?;
    let port = guard(&authority, &server).await?;
    let replica = |ca: &Authority, identified: bool| -> Result<ReplicaBuilder> {
        let store = Replica::builder().store(format!("rediss://localhost:{port}/"));
        let trusting = store.argument("--store-ca").argument(ca.argument("ca.pem")?);
        if !identified {
            return Ok(trusting);
        }
        let with_key = trusting.env("TOLLGATE_STORE_KEY", authority.argument("app.key")?);
        Ok(with_key.env("TOLLGATE_STORE_CERT", authority.argument("app.pem")?))
    };

    let begin_full = replica(&authority, true)?.argument("--begin").argument("full").policy(PLENTY);
    let api = Api::start(begin_full).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);

    let said = refusal(replica(&stranger, true)?).await?;
    assert!(said.contains("can't be reached") && said.contains("UnknownIssuer"), "{said}");
    let unnamed = refusal(Replica::builder().store(format!("rediss://localhost:{port}/"))).await?;
    assert!(unnamed.contains("UnknownIssuer"), "{unnamed}");
    let said = refusal(
        Replica::builder()
            .store(format!("rediss://127.0.0.1:{port}/"))
            .argument("--store-ca")
            .argument(authority.argument("ca.pem")?),
    )
    .await?;
    assert!(said.contains("certificate not valid for name"), "{said}");
    let said = refusal(replica(&authority, false)?).await?;
    assert!(said.contains("can't set up namespace shop"), "{said}");
    let mixed = replica(&authority, true)?.env("TOLLGATE_STORE_KEY", authority.argument("other.key")?);
    let said = refusal(mixed).await?;
    assert!(said.contains("can't set up namespace shop"), "{said}");
    Ok(())
}
