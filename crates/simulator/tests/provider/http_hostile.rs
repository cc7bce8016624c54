//! Requests that nobody should send: each is answered or its connection closed, and the provider goes on.

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_simulator::{Seed, Server};

use super::settings::{STACKED, config};

/// What comes back until the server closes. A connection that it breaks off has answered as well.
async fn send(server: &Server, request: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(server.address()).await?;
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn hostile_requests_do_no_harm() -> Result<()> {
    let open = STACKED.split("[[client]]").next().unwrap_or_default();
    for text in [open, STACKED] {
        let server = Server::start(config(text), Seed::new(1)).await?;
        let huge = "x".repeat(1 << 20);
        let requests: Vec<Vec<u8>> = vec![
            format!("GET / HTTP/1.1\r\nhost: a\r\nx: {huge}\r\n\r\n").into_bytes(),
            format!("GET /{huge} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
            b"GET /\xff\xfe?\xff=%ff HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(),
            b"GET /a?pageSize=%ff&pageSize=&==&%&pageSize=99999999999999999999 HTTP/1.1\r\nhost: a\r\n\
              authorization: Bearer a/b\r\nconnection: close\r\n\r\n"
                .to_vec(),
            b"GET /a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \xff\xfe\r\nconnection: close\r\n\r\n".to_vec(),
            b"GET /a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ,,,/\"\r\nconnection: close\r\n\r\n".to_vec(),
            b"POST /oauth/token HTTP/1.1\r\nhost: a\r\nauthorization: Basic ////\r\nconnection: close\r\n\r\n".to_vec(),
            b"POST /oauth/token HTTP/1.1\r\nhost: a\r\nauthorization: Basic %%%\r\ncontent-length: 3\r\n\
              connection: close\r\n\r\n\xff\xfe\xfd"
                .to_vec(),
            b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(),
            b"M-SEARCH /../../etc HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(),
            b"GET /api/v2/organizations/limits/namespaces/%00/defaults HTTP/1.1\r\nhost: a\r\n\
              authorization: Bearer a/b\r\nconnection: close\r\n\r\n"
                .to_vec(),
            b"\x16\x03\x01\x00\xff\r\n\r\n".to_vec(),
        ];
        for request in requests {
            let answer = send(&server, &request).await?;
            let status = answer.split(' ').nth(1).unwrap_or_default();
            assert!(!status.starts_with('5'), "{answer}");
        }
        let well =
            send(&server, b"GET /_simulator/ledger HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
        assert!(well.starts_with("HTTP/1.1 200"), "{well}");
        assert_eq!(server.ledger().excesses(), vec![]);
    }
    Ok(())
}
