//! A service that speaks TLS: with whom, how long it waits for a handshake, and how a certificate is renewed.

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tollgate_testkit::{Replica, ReplicaBuilder, eventually, replica_binary};

use super::authority::Authority;
use super::client::{PATIENCE, TEN_EACH};

/// A replica with the certificate of `localhost`.
fn replica(authority: &Authority) -> Result<ReplicaBuilder> {
    let replica =
        Replica::builder().policy(TEN_EACH).env("TOLLGATE_TLS_KEY", authority.argument("localhost.key")?);
    Ok(replica.argument("--tls-cert").argument(authority.argument("localhost.pem")?))
}

fn address(replica: &Replica) -> Result<&str> {
    replica.base_url().strip_prefix("https://").context("it speaks TLS")
}

/// A connection of a client that trusts this authority alone.
async fn connect(replica: &Replica, authority: &Authority) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address(replica)?).await?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?)
}

/// What is answered to `GET /healthz`.
async fn healthz(mut stream: TlsStream<TcpStream>) -> Result<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer)?)
}

async fn run(words: &[&str]) -> Result<(Option<i32>, String, String)> {
    let mut command = Command::new(replica_binary()?);
    command.args(words).env_remove("TOLLGATE_API_KEY").env("TOLLGATE_NAMESPACE", "shop");
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok((status.code(), String::from_utf8(stdout)?, String::from_utf8(stderr)?))
}

/// Whoever trusts its authority is served, commands too; nobody else, and no plain text.
#[tokio::test]
async fn tls_alone_is_spoken() -> Result<()> {
    let (authority, stranger) = (Authority::new("ours")?, Authority::new("a stranger")?);
    authority.issue("localhost")?;
    let replica = replica(&authority)?.start().await?;
    assert!(healthz(connect(&replica, &authority).await?).await?.starts_with("HTTP/1.1 200"));
    let error = connect(&replica, &stranger).await.err().context("a stranger is not trusted")?;
    assert!(format!("{error:#}").contains("UnknownIssuer"), "{error:#}");

    let mut plain = TcpStream::connect(address(&replica)?).await?;
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    // It may be reset, as what was sent was not read to its end.
    let _ = timeout(PATIENCE, plain.read_to_end(&mut answer)).await?;
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));

    let port = address(&replica)?.rsplit(':').next().context("a port")?;
    let (url, ca) = (format!("https://localhost:{port}"), authority.argument("ca.pem")?);
    let (code, printed, errors) = run(&["policy", "versions", "--url", &url, "--ca", &ca]).await?;
    assert!(code == Some(0) && printed.lines().count() == 2, "{printed} {errors}");
    let ready = format!("{url}/readyz");
    for ready in [&ready, &url] {
        let (code, _, errors) = run(&["health", "--url", ready, "--ca", &ca]).await?;
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{ready}");
    }
    let (plain, loopback) = (format!("http://localhost:{port}"), format!("https://127.0.0.1:{port}"));
    for (url, told) in [(&plain, "https:// if it speaks TLS"), (&loopback, "ask it by one of them")] {
        for words in [["policy", "versions"].as_slice(), &["health"]] {
            let (code, _, errors) = run(&[words, &["--url", url, "--ca", &ca]].concat()).await?;
            assert!(code == Some(1) && errors.contains(told), "{url}: {errors}");
        }
    }
    let other = stranger.argument("ca.pem")?;
    for words in
        [["policy", "versions", "--url", &url, "--ca", &other].as_slice(), &["health", "--url", &ready]]
    {
        let (code, _, errors) = run(words).await?;
        assert!(
            code == Some(1) && errors.contains("UnknownIssuer") && errors.contains("--ca"),
            "{words:?}: {errors}"
        );
    }
    let (code, _, errors) = run(&["policy", "versions", "--url", &url, "--ca", "/nowhere/ca.pem"]).await?;
    assert!(code == Some(2) && errors.contains("--ca /nowhere/ca.pem"), "{errors}");
    Ok(())
}

/// Who does not go on with his handshake holds up nobody, and is let go.
#[tokio::test]
async fn a_slow_handshake_holds_up_nobody() -> Result<()> {
    let authority = Authority::new("ours")?;
    authority.issue("localhost")?;
    let replica = replica(&authority)?.start().await?;
    let mut slow = Vec::new();
    for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address(&replica)?).await?;
            stream.write_all(beginning).await?;
            slow.push(stream);
        }
    }
    assert!(healthz(connect(&replica, &authority).await?).await?.starts_with("HTTP/1.1 200"));
    for stream in &mut slow {
        let ended = timeout(PATIENCE, stream.read(&mut [0; 64])).await.context("it is waited for")?;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
    Ok(())
}

/// A renewed certificate is shown without a restart; one that does not fit is told, and the old one is shown on.
#[tokio::test]
async fn a_renewed_certificate_is_taken_up() -> Result<()> {
    let authority = Authority::new("ours")?;
    authority.issue("localhost")?;
    let replica = replica(&authority)?.start().await?;
    let shown = async || -> Result<Vec<u8>> {
        let stream = connect(&replica, &authority).await?;
        let certificates = stream.get_ref().1.peer_certificates().context("a certificate")?;
        Ok(certificates[0].as_ref().to_vec())
    };
    let old = shown().await?;
    let (cert, key) = (authority.file("localhost.pem"), authority.file("localhost.key"));
    let (old_cert, old_key) = (fs::read(&cert)?, fs::read(&key)?);
    authority.issue("localhost")?;
    let (new_cert, new_key) = (fs::read(&cert)?, fs::read(&key)?);
    // The old key beside the new certificate.
    fs::write(&key, &old_key)?;
    eventually("the log tells it", PATIENCE, async || {
        let log = replica.log();
        let is_told = log.contains("can't be used, the old one is shown") && log.contains("tls_key");
        if is_told { Ok(()) } else { Err(log) }
    })
    .await?;
    assert!(shown().await? == old, "what does not fit is shown");
    fs::write(&key, &new_key)?;
    eventually("the new certificate", PATIENCE, async || match shown().await {
        Ok(now) if now != old => Ok(()),
        other => Err(format!("{:?}", other.err())),
    })
    .await?;
    assert_ne!(new_cert, old_cert);
    Ok(())
}

/// What can't be used is told by its option and its file, at the start.
#[tokio::test]
async fn a_wrong_file_is_told_by_its_option() -> Result<()> {
    let authority = Authority::new("ours")?;
    authority.issue("localhost")?;
    authority.issue("other")?;
    let file = |name: &str| authority.argument(name);
    for (cert, key, told) in [
        (file("localhost.pem")?, file("other.key")?, ["tls_key: the file", "other.key"]),
        (file("localhost.key")?, file("localhost.key")?, ["tls_cert: the file", "BEGIN CERTIFICATE"]),
        (file("localhost.pem")?, file("localhost.pem")?, ["tls_key: the file", "BEGIN PRIVATE KEY"]),
        (file("localhost.pem")?, file("none.key")?, ["tls_key: can't read", "none.key"]),
    ] {
        let (code, _, errors) =
            run(&["serve", "--namespace", "genesys", "--tls-cert", &cert, "--tls-key", &key]).await?;
        assert_eq!(code, Some(2), "{errors}");
        assert!(told.iter().all(|part| errors.contains(part)), "{told:?}: {errors}");
    }
    Ok(())
}
