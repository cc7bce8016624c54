//! A replica and an HTTP client for it.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_testkit::{Replica, ReplicaBuilder, eventually};

/// Ten tokens for each organisation, and no more of them while a test runs.
pub(crate) const TEN_EACH: &str = r#"
    namespace = "shop"
    [[limit]]
    name  = "org"
    per   = ["org"]
    rate  = "1/1h"
    burst = 10
"#;

/// So many tokens a second that nobody waits for them.
pub(crate) const PLENTY: &str = r#"
    namespace = "shop"
    [[limit]]
    name  = "org"
    per   = ["org"]
    rate  = "1000000/s"
    burst = 10
"#;

/// Longer than anything here takes, also on a machine busy with compilers.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A replica under test.
pub(crate) struct Api {
    pub(crate) replica: Replica,
    http: reqwest::Client,
    /// What it shows with every request.
    key: Option<String>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Api {
    /// A replica without a store.
    pub(crate) async fn embedded(policy: &str) -> Result<Self> {
        Self::start(Replica::builder().policy(policy)).await
    }

    /// The first replica on a store that is known to be new, by the policy [`TEN_EACH`].
    pub(crate) async fn with_ten(store: &str) -> Result<Self> {
        let replica = Replica::builder().store(store).policy(TEN_EACH);
        Self::start(replica.argument("--begin").argument("full")).await
    }

    /// One more replica on a store that has a policy.
    pub(crate) async fn joining(store: &str) -> Result<Self> {
        Self::start(Replica::builder().store(store).namespace("shop")).await
    }

    pub(crate) async fn start(builder: ReplicaBuilder) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { replica: builder.start().await?, http, key: None })
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.bare(method, path);
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// A request that shows no key.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.replica.url(path))
    }

    /// The same client, which shows this key from here on.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// The same, with an admin's key that it makes: the first one of the namespace.
    pub(crate) async fn keyed(self, namespace: &str) -> Result<Self> {
        let wanted = json!({"role": "admin", "label": "root"});
        let made = self.post(&format!("/v1/{namespace}/keys"), &wanted).await?.expect(201);
        Ok(self.with_key(made["key"].as_str().context("a key")?))
    }

    /// Makes a key of this role, and gives its id and itself.
    pub(crate) async fn make_key(&self, role: &str, label: &str) -> Result<(String, String)> {
        let made = self.post("/v1/shop/keys", &json!({"role": role, "label": label})).await?.expect(201);
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("a text");
        Ok((text("id")?, text("key")?))
    }

    /// The answer to a request that shows another key, or none.
    pub(crate) async fn shown(&self, method: Method, path: &str, key: Option<&str>) -> Result<Answer> {
        let request = self.bare(method, path);
        Answer::of(key.into_iter().fold(request, RequestBuilder::bearer_auth)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// A body of any kind.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Answer> {
        Answer::of(self.request(method, path).header(CONTENT_TYPE, kind).body(body.into())).await
    }

    pub(crate) async fn acquire(&self, asked: &Value) -> Result<Answer> {
        self.post("/v1/shop/acquire", asked).await
    }

    /// Puts a policy in TOML, under this condition.
    pub(crate) async fn put_policy(&self, if_match: &str, policy: &str) -> Result<Answer> {
        let request = self.request(Method::PUT, "/v1/shop/policy").header("if-match", if_match);
        Answer::of(request.header(CONTENT_TYPE, "application/toml").body(policy.to_owned())).await
    }

    /// When a call would be granted that stands behind all who wait for the same.
    pub(crate) async fn end_of_line_ms(&self, org: &str, cost: u64) -> Result<u64> {
        let answer = self.acquire(&with(call_of(org, cost), "max_wait", "100ms")).await?;
        let refused: Value = serde_json::from_str(&answer.text)?;
        refused["retry_after_ms"].as_u64().with_context(|| format!("{answer:?} says no time"))
    }

    /// Whole tokens in a bucket.
    pub(crate) async fn remaining(&self, limit: &str, key: &str) -> Result<u64> {
        let answer = self.get(&format!("/v1/shop/buckets?limit={limit}&key={key}")).await?;
        answer.expect(200)["buckets"][0]["remaining"].as_u64().context("a bucket says what remains")
    }

    /// What comes back for bytes that no HTTP client would send.
    pub(crate) async fn raw(&self, request: &[u8]) -> Result<String> {
        let mut stream = TcpStream::connect(self.replica.base_url().trim_start_matches("http://")).await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await??;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, text: response.text().await? })
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&self.text).expect("a body of JSON")
        }
    }

    /// The problem, if it is of this kind and status, and about this field ("" for none).
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, kind: &str, field: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(problem["type"], format!("urn:tollgate:problem:{kind}"), "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{self:?}");
        for text in ["title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        }
        problem
    }

    /// A header, "" if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of ASCII"))
    }
}

/// What a replica has logged, once these words are in it so many times: the log is read behind the replica's back.
pub(crate) async fn log_with(replica: &Replica, words: &str, times: usize) -> Result<String> {
    let logged = eventually(words, PATIENCE, async || {
        let log = replica.log();
        if log.matches(words).count() >= times { Ok(log) } else { Err(log) }
    });
    logged.await
}

/// A call of an organisation, at a cost.
pub(crate) fn call_of(org: &str, cost: u64) -> Value {
    json!({"call": {"method": "GET", "path": "/orders", "org": org}, "cost": cost})
}

/// The same with one more field.
pub(crate) fn with(mut asked: Value, field: &str, value: impl Into<Value>) -> Value {
    asked[field] = value.into();
    asked
}
