//! A server that answers as it is told to, for what neither the simulator nor the service ever does.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// It answers each request by the next of its answers, and all further ones by the last.
pub(super) struct Scripted {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

/// What becomes of a request.
#[derive(Clone)]
pub(super) enum Answer {
    Says(String),
    /// Nothing, for ever.
    Silence,
}

impl Scripted {
    pub(super) async fn start(answers: Vec<Answer>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let serving = tokio::spawn(serve(listener, answers, Arc::clone(&requests)));
        Ok(Self { address, requests, serving })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that have come, whole.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics in it").clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer of this status, with these header fields and this body.
pub(super) fn says(status: u16, fields: &[(&str, &str)], body: &str) -> Answer {
    let status_line = format!("HTTP/1.1 {status} X");
    let length = format!("content-length: {}", body.len());
    let fields = fields.iter().map(|(name, value)| format!("{name}: {value}"));
    let head: Vec<String> =
        [status_line, "connection: close".to_owned(), length].into_iter().chain(fields).collect();
    Answer::Says(format!("{}\r\n\r\n{body}", head.join("\r\n")))
}

async fn serve(listener: TcpListener, answers: Vec<Answer>, requests: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, answers.clone(), Arc::clone(&requests)));
    }
}

/// One request of a connection, which is then closed.
async fn answer(mut stream: TcpStream, answers: Vec<Answer>, requests: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read(&mut stream).await else { return };
    let number = {
        let mut requests = requests.lock().expect("no test panics in it");
        requests.push(request);
        requests.len() - 1
    };
    match &answers[number.min(answers.len() - 1)] {
        Answer::Says(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Answer::Silence => std::future::pending().await,
    }
}

/// A request with its body, if one comes.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let read = stream.read(&mut chunk).await.ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0_usize) {
            return Some(text.into_owned());
        }
    }
}
