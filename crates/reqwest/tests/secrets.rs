//! No secret and no token is shown: in no `Debug`, no error, no log.
//!
//! It is a program of its own: what is logged depends on who has logged first, and no other test may be before it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where what it relies on is not so")]

#[path = "middleware/setup.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod setup;
#[path = "middleware/stub.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod stub;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use reqwest_middleware::ClientBuilder;
use tollgate_reqwest::oauth::{Credentials, OauthMiddleware, TokenSource};

use setup::{LONG, WIDE, acme, gate, limited};
use stub::{Stub, done, says, token};

const SECRET: &str = "hunter2-secret";
const TOKEN: &str = "hunter2-token";
/// `app-1:hunter2-secret` as it is sent.
const BASIC: &str = "YXBwLTE6aHVudGVyMi1zZWNyZXQ";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics in it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test panics in it")).into_owned()
    }
}

fn assert_silent(what: &str, text: &str) {
    for secret in [SECRET, TOKEN, BASIC, "hunter2"] {
        assert!(!text.contains(secret), "{what} shows {secret}: {text}");
    }
}

/// One thread, so that the log of the test is that of all its tasks.
#[tokio::test(flavor = "current_thread")]
async fn nothing_shows_a_secret() -> Result<()> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let refusal = says(401, &[], r#"{"error":"hunter2-secret","error_description":"hunter2-secret"}"#);
    let endpoint = Stub::start(vec![token(TOKEN, 3600), refusal]).await;
    let api =
        Stub::start(vec![done(), says(429, &[("retry-after", "0")], "{}"), done(), says(401, &[], "")]).await;
    let gate = gate(WIDE).await;
    let tokens = TokenSource::new(reqwest::Client::new(), gate.adapter());
    let mut address = endpoint.url("/oauth/token");
    address.set_password(Some(SECRET)).expect("it can have one");
    let credentials = Credentials::new(address, "app-1", SECRET);
    assert_silent("credentials", &format!("{credentials:?}"));
    tokens.put("acme", credentials);
    let (oauth, limited) = (OauthMiddleware::new(tokens.clone()), limited(&gate).build());
    assert_silent("the middlewares", &format!("{oauth:?} {limited:?}"));
    let http = ClientBuilder::new(reqwest::Client::new()).with(oauth).with(limited).build();
    assert_silent("the client", &format!("{http:?}"));

    for _ in 0..2 {
        let answer = http.get(api.url("/x")).with_extension(acme()).send().await?;
        assert_silent("an answer", &format!("{answer:?}"));
    }
    assert_silent("a header", &format!("{:?}", tokens.authorization("acme", LONG).await?));
    assert_silent("the source", &format!("{tokens:#?}"));
    // The token is rejected, and the endpoint repeats the secret in its refusal.
    let error = http.get(api.url("/x")).with_extension(acme()).send().await.expect_err("no token is given");
    assert_silent("an error", &format!("{error} {error:?}"));

    let log = log.text();
    assert!(log.contains("a call is sent again") && log.contains("no token was given"), "{log}");
    assert_silent("the log", &log);
    Ok(())
}
