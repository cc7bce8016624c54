//! The answer reaches the caller as the provider has sent it, whatever was read of it before.

use anyhow::Result;
use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::setup::{WIDE, acme, client, gate, limited};
use super::stub::{Make, Stub};

/// An adapter that looks into every body.
const LOOKS: &str = "namespace = 'n'\nprovider = 'shopify-graphql'\n\
    [[limit]]\nname = 'org'\nper = ['org']\nconcurrent = 5\n";

/// Bytes that repeat nowhere near.
fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

/// A body in one piece.
fn whole(body: Vec<u8>, encoding: &'static str) -> Make {
    Box::new(move || {
        let response = Response::builder().header("content-encoding", encoding);
        response.body(Body::from(body.clone())).expect("an answer")
    })
}

#[tokio::test]
async fn every_byte_reaches_the_caller() -> Result<()> {
    for policy in [LOOKS, WIDE] {
        for length in [0, 1, 65_535, 65_536, 65_537, 5_000_000] {
            let body = noise(length);
            let stub = Stub::start(vec![whole(body.clone(), "identity")]).await;
            let gate = gate(policy).await;
            let answer = client(limited(&gate)).get(stub.url("/x?y=1")).with_extension(acme()).send().await?;
            assert_eq!(answer.content_length(), Some(length as u64));
            assert_eq!(answer.url(), &stub.url("/x?y=1"));
            assert!(answer.remote_addr().is_some());
            assert!(answer.bytes().await? == body, "{length} bytes have changed on their way");
        }
    }
    Ok(())
}

/// Compressed, it is not looked into, and passed on with the field that says so.
#[tokio::test]
async fn a_compressed_body_is_passed_on_as_it_is() -> Result<()> {
    let body = noise(100_000);
    let stub = Stub::start(vec![whole(body.clone(), "gzip")]).await;
    let gate = gate(LOOKS).await;
    let answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert!(answer.bytes().await? == body, "it has changed on its way");
    Ok(())
}

/// In small pieces, of which the adapter wants more than one.
#[tokio::test]
async fn a_body_in_pieces_stays_complete() -> Result<()> {
    let pieces: Make = Box::new(|| {
        let pieces = noise(300_000)
            .chunks(1_000)
            .map(Bytes::copy_from_slice)
            .map(Ok::<_, std::io::Error>)
            .collect::<Vec<_>>();
        Response::new(Body::from_stream(stream::iter(pieces)))
    });
    let stub = Stub::start(vec![pieces]).await;
    let gate = gate(LOOKS).await;
    let answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    assert!(answer.bytes().await? == noise(300_000), "it has changed on its way");
    Ok(())
}

/// Where it breaks off the caller gets what came, and the error.
#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_for_the_caller() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/x", listener.local_addr()?);
    let torn = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 4096];
        assert_ne!(stream.read(&mut request).await?, 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").await?;
        stream.shutdown().await
    });
    let gate = gate(LOOKS).await;
    let mut answer = client(limited(&gate)).get(url).with_extension(acme()).send().await?;
    assert_eq!(answer.chunk().await?.as_deref(), Some(&b"begun"[..]));
    assert!(answer.chunk().await.is_err(), "it has not ended, it was torn");
    Ok(torn.await??)
}
