//! Spans on their way to a collector, which this test plays: what is exported, and that nothing in it tells who called.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate_testkit::{Replica, eventually};

type Failure = Box<dyn std::error::Error>;

const PATIENCE: Duration = Duration::from_secs(30);

const POLICY: &str = "namespace = 'shop'
    [[limit]]
    name  = 'narrow-limit'
    per   = ['org']
    rate  = '20/s'
    burst = 1";

/// What has come in: the path, the media type, and the bytes, in which protobuf has texts as they are.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<(String, String, Bytes)>>>);

impl Collected {
    fn all(&self) -> Vec<(String, String, Bytes)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether all that came has these words in it.
    fn has(&self, words: &str) -> bool {
        self.all().iter().any(|(_, _, body)| body.windows(words.len()).any(|part| part == words.as_bytes()))
    }
}

async fn collect(State(collected): State<Collected>, request: Request) {
    let path = request.uri().path().to_owned();
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    collected.0.lock().unwrap_or_else(PoisonError::into_inner).push((path, kind, body));
}

/// A collector on a free port: what it has collected, and where it is.
async fn collector() -> Result<(Collected, String), Failure> {
    let collected = Collected::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(collect).with_state(collected.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((collected, url))
}

/// Goal: a trace shows which limit held a call up. Method: calls are granted, refused and waited for at a replica that
/// is told of a collector; it is ended, which sends what is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acquires_are_exported_as_spans() -> Result<(), Failure> {
    let (collected, url) = collector().await?;
    let replica = Replica::builder().binary(env!("CARGO_BIN_EXE_tollgate")).policy(POLICY);
    let replica = replica.env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mut replica = replica.start().await?;
    let http = reqwest::Client::new();
    let call = json!({"method": "GET", "path": "/secret-path", "org": "secret-org"});
    let mut permits = Vec::new();
    for (max_wait, status) in [("0ms", 200), ("0ms", 429), ("5s", 200)] {
        let asked =
            json!({"call": call, "max_wait": max_wait, "request_id": format!("secret-{max_wait}-{status}")});
        let answer = http.post(replica.url("/v1/shop/acquire")).json(&asked).send().await?;
        assert_eq!(answer.status(), status, "{max_wait}");
        let answer: Value = answer.json().await?;
        permits.extend(answer["permit"].as_str().map(str::to_owned));
    }
    eventually("spans to arrive by themselves", PATIENCE, async || {
        if collected.has("tollgate.acquire") { Ok(()) } else { Err("none") }
    })
    .await?;
    let metrics =
        http.get(replica.url("/metrics")).header("accept", "application/openmetrics-text").send().await?;
    let metrics = metrics.text().await?;
    let exemplar = "# {trace_id=\"";
    assert!(metrics.contains(exemplar), "no exemplar in {metrics}");

    assert!(replica.terminate().await?.success());
    for words in [
        "tollgate.acquire",
        "request",
        "/v1/{ns}/acquire",
        "outcome",
        "granted",
        "refused",
        "narrow-limit",
        "waited_us",
    ] {
        assert!(collected.has(words), "no {words} in {:?}", collected.all());
    }
    for words in ["service.name", "tollgate"] {
        assert!(collected.has(words), "no {words}");
    }
    // An exemplar leads to a trace that was exported.
    let trace = metrics.split(exemplar).nth(1).and_then(|rest| rest.get(..32)).ok_or("a trace id")?;
    let id: Vec<u8> = (0..16)
        .map(|byte| u8::from_str_radix(&trace[2 * byte..2 * byte + 2], 16))
        .collect::<Result<_, _>>()?;
    let is_known = collected.all().iter().any(|(_, _, body)| body.windows(16).any(|part| part == id));
    assert!(is_known, "{trace} was not exported");
    for (path, kind, _) in collected.all() {
        assert_eq!((path.as_str(), kind.as_str()), ("/v1/traces", "application/x-protobuf"));
    }
    for secret in ["secret", permits[0].as_str(), permits[1].as_str()] {
        assert!(!collected.has(secret), "{secret} was exported");
    }
    Ok(())
}

/// A collector that is gone holds up nothing: calls are answered, and the end is soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_holds_up_nothing() -> Result<(), Failure> {
    let replica = Replica::builder().binary(env!("CARGO_BIN_EXE_tollgate")).policy(POLICY);
    let mut replica = replica.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").start().await?;
    let call = json!({"call": {"method": "GET", "path": "/", "org": "acme"}});
    let answer = reqwest::Client::new().post(replica.url("/v1/shop/acquire")).json(&call).send().await?;
    assert_eq!(answer.status(), 200);
    assert!(replica.terminate().await?.success());
    Ok(())
}

/// An address that is none is told with the name of the variable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_can_not_be_is_told_at_the_start() -> Result<(), Failure> {
    let replica = Replica::builder().binary(env!("CARGO_BIN_EXE_tollgate")).policy(POLICY);
    let started = replica.env("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url").start().await;
    let error = format!("{:#}", started.err().ok_or("it has started")?);
    assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");
    Ok(())
}
