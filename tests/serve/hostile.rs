//! Hostile input: large, deep, malformed and meant to break out of where it is put.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::client::{Api, TEN_EACH, call_of};

/// Bodies up to the limit are read, and a byte more is not; the answer reaches whoever has sent far too much.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let padded = |bytes: usize, body: &str| format!("{body}{}", " ".repeat(bytes - body.len()));
    let call = call_of("acme", 1).to_string();
    let kib = 1_024;
    let (acquire, policy) = ("/v1/shop/acquire", "/v1/shop/policy?dry_run=true");
    let json = "application/json";
    api.send(Method::POST, acquire, json, padded(64 * kib, &call)).await?.expect(200);
    for bytes in [64 * kib + 1, 1_000 * kib, 4_000 * kib] {
        api.send(Method::POST, acquire, json, padded(bytes, &call)).await?.expect_problem(
            413,
            "too-large",
            "",
        );
    }
    let toml = "application/toml";
    api.send(Method::PUT, policy, toml, padded(1_024 * kib, TEN_EACH)).await?.expect(200);
    api.send(Method::PUT, policy, toml, padded(1_024 * kib + 1, TEN_EACH)).await?.expect_problem(
        413,
        "too-large",
        "",
    );
    assert_eq!(api.remaining("org", "acme").await?, 9);
    Ok(())
}

/// Whatever a key holds, the fields it appears in stay one line of ASCII each, and other fields are not made.
#[tokio::test]
async fn a_key_can_not_break_out_of_a_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for org in [
        "a\";r=999, \"b",
        "a, b;x=1",
        "\\\"",
        "Zoë – 株式会社",
        "a:b:c",
        "a/b%0d%0ax: y",
        "\u{2028}\u{202e}",
        "=",
    ] {
        let answer = api.acquire(&call_of(org, 10)).await?;
        assert_eq!(answer.expect(200)["limits"][0]["key"], org);
        let refused = api.acquire(&call_of(org, 10)).await?;
        assert_eq!(refused.expect(429)["limited_by"]["key"], org);
        for answer in [answer, refused] {
            let field = answer.header("ratelimit");
            let (before, key) = field.split_once(";pk=:").expect(field);
            assert!(before.starts_with("\"org\";r=0;t="), "{field}");
            let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
            assert!(key.strip_suffix(':').is_some_and(|key| key.bytes().all(base64)), "{field}");
            assert!(!answer.headers.contains_key("x"), "{answer:?}");
        }
    }
    Ok(())
}

/// Many limits with long keys do not make a header that proxies choke on; the body has them all.
#[tokio::test]
async fn fields_stay_short_however_many_limits_apply() -> Result<()> {
    let limits: Vec<_> =
        (0..20).map(|n| json!({"name": format!("limit-{n}"), "per": ["org"], "rate": "1/1h"})).collect();
    let policy = json!({"namespace": "shop", "limit": limits});
    let api = Api::embedded(TEN_EACH).await?;
    let request = api.request(Method::PUT, "/v1/shop/policy").header("if-match", "*").json(&policy);
    super::client::Answer::of(request).await?.expect(200);
    let answer = api.acquire(&call_of(&"x".repeat(256), 1)).await?;
    assert_eq!(answer.expect(200)["limits"].as_array().map(Vec::len), Some(20));
    for field in ["ratelimit", "ratelimit-policy"] {
        assert!((1..=2_048).contains(&answer.header(field).len()), "{}", answer.header(field));
    }
    // The permit names all of them, and can still be given back.
    let permit = answer.expect(200)["permit"].as_str().expect("a permit").to_owned();
    let request = api.request(Method::DELETE, &format!("/v1/shop/permits/{permit}"));
    super::client::Answer::of(request).await?.expect(204);
    assert_eq!(api.remaining("limit-19", &"x".repeat(256)).await?, 1);
    Ok(())
}

/// Requests that are no HTTP are refused, and the service goes on.
#[tokio::test]
async fn bytes_that_are_no_request_do_no_harm() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let long = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nx y\r\n\r\n",
        b"POST /v1/shop/acquire HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/shop/acquire HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"\r\n\r\n\r\n\r\nx\r\n\r\n",
        long.as_bytes(),
    ] {
        // The connection may be gone before all is written; an answer, if there is one, is an error.
        let answer = api.raw(bytes).await.unwrap_or_default();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"),
            "{answer}"
        );
    }
    for target in
        ["/v1/shop/../shop/policy", "/v1/shop/permits/../../policy", "/../../etc/passwd", "//v1/shop/policy"]
    {
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = api.raw(request.as_bytes()).await?;
        assert!(answer.starts_with("HTTP/1.1 404"), "{target}: {answer}");
    }
    api.get("/healthz").await?.expect(200);
    Ok(())
}

/// A web page can have its own name lead here and then ask as if this were its own server; but the request carries the
/// name.
#[tokio::test]
async fn requests_for_the_host_of_a_stranger_are_refused() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let ask = async |api: &Api, host: &str| {
        let request = api.request(Method::POST, "/v1/shop/acquire").header("host", host);
        super::client::Answer::of(request.json(&call_of("acme", 1))).await
    };
    for host in ["rebound.example", "rebound.example:8080", "localhost.example", "192.168.0.1", ""] {
        ask(&api, host).await?.expect_problem(421, "unknown-host", "host");
    }
    assert_eq!(api.remaining("org", "acme").await?, 10);
    for host in ["localhost", "127.0.0.1:1", "[::1]:8080"] {
        ask(&api, host).await?.expect(200);
    }
    // Behind a proxy that passes on its own name.
    let told = tollgate_testkit::Replica::builder().policy(TEN_EACH).env("TOLLGATE_INSECURE_LISTEN", "true");
    ask(&Api::start(told).await?, "tollgate.internal").await?.expect(200);
    Ok(())
}

/// A body whose end never comes as announced is an error of the client, not of the service.
#[tokio::test]
async fn a_body_that_breaks_off_is_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let head = "POST /v1/shop/acquire HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n5\r\n{{\"cal\r\nzz\r\n");
    let answer = api.raw(chunked.as_bytes()).await?;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("urn:tollgate:problem:malformed"),
        "{answer}"
    );
    Ok(())
}
