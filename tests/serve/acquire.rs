//! Acquire: what is granted, refused and waited for, and how the answer says so.

use anyhow::Result;
use serde_json::json;
use tollgate_testkit::Replica;

use super::client::{Api, TEN_EACH, call_of, with};

/// The answer to a grant is exactly the one of the contract.
#[tokio::test]
async fn a_granted_call_gets_a_permit_and_is_told_what_is_left() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let answer = api.acquire(&call_of("acme", 3)).await?;
    let mut body = answer.expect(200);
    let (permit, granted_at_us) = (body["permit"].take(), body["granted_at_us"].take());
    // How long the answer took, which is not for the test to say.
    assert!(body["waited_ms"].take().is_u64());
    // Microseconds since 1970, in this century.
    assert!(granted_at_us.as_u64().is_some_and(|us| us / 1_000_000 > 1_700_000_000), "{granted_at_us}");
    assert!(
        permit
            .as_str()
            .is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)))
    );
    // Three tokens of one an hour, from the bucket's full state.
    let limit = json!({"name": "org", "key": "acme", "measure": "tokens", "remaining": 7, "reset_after_ms": 10_800_000});
    let granted =
        json!({"granted": true, "permit": null, "granted_at_us": null, "waited_ms": null, "limits": [limit]});
    assert_eq!(body, granted);
    assert_eq!(answer.header("ratelimit"), r#""org";r=7;t=10800;pk=:YWNtZQ==:"#);
    assert_eq!(answer.header("ratelimit-policy"), r#""org";q=10;w=36000;pk=:YWNtZQ==:"#);
    assert_eq!(answer.header("retry-after"), "");
    Ok(())
}

/// The answer to a refusal is exactly the one of the contract, and nothing is charged by it.
#[tokio::test]
async fn a_refused_call_is_told_by_which_limit_and_when_to_come_back() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 8)).await?.expect(200);
    let answer = api.acquire(&call_of("acme", 3)).await?;
    let body = answer.expect(429);
    let retry_after_ms = body["retry_after_ms"].as_u64().expect("a time to come back");
    // One token is missing, of which a little has been earned since.
    assert!((3_570_000..=3_600_000).contains(&retry_after_ms), "{body}");
    let expected = json!({"name": "org", "key": "acme", "measure": "tokens"});
    assert_eq!(body, json!({"granted": false, "limited_by": expected, "retry_after_ms": retry_after_ms}));
    let seconds = retry_after_ms.div_ceil(1_000);
    assert_eq!(answer.header("retry-after"), seconds.to_string());
    assert_eq!(answer.header("ratelimit"), format!(r#""org";r=0;t={seconds};pk=:YWNtZQ==:"#));
    assert_eq!(answer.header("ratelimit-policy"), r#""org";q=10;w=36000;pk=:YWNtZQ==:"#);
    assert_eq!(api.remaining("org", "acme").await?, 2, "a refused call changes nothing");
    Ok(())
}

/// However short the wait, the header says a whole second at least.
#[tokio::test]
async fn a_short_wait_is_a_second_in_the_header_and_exact_in_the_body() -> Result<()> {
    let api = Api::embedded(&TEN_EACH.replace("1/1h", "2/s").replace("burst = 10", "burst = 1")).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    let answer = api.acquire(&call_of("acme", 1)).await?;
    let retry_after_ms = answer.expect(429)["retry_after_ms"].as_u64().expect("a time to come back");
    assert!((1..=500).contains(&retry_after_ms), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    Ok(())
}

/// The time of a refusal is rounded up: come back after exactly that, nobody is refused again.
#[tokio::test]
async fn whoever_waits_as_long_as_told_is_granted() -> Result<()> {
    // 7 a second: no wait is a whole number of milliseconds.
    let api = Api::embedded(&TEN_EACH.replace("1/1h", "7/s").replace("burst = 10", "burst = 1")).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    for round in 0..10 {
        let answer = api.acquire(&call_of("acme", 1)).await?;
        if answer.status == 200 {
            continue;
        }
        let refused = answer.expect(429);
        let ms = refused["retry_after_ms"].as_u64().expect("a time to come back");
        let waited = api.acquire(&with(call_of("acme", 1), "max_wait", format!("{ms}ms"))).await?;
        // A busy machine may be late with the grant; a refusal would mean that the time told was too short.
        assert_ne!(waited.status, 429, "round {round}: {waited:?}");
    }
    Ok(())
}

/// A wait that can't end in time is refused at once, with the time that could work.
#[tokio::test]
async fn a_call_that_can_not_wait_long_enough_is_refused_at_once() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    let refused = api.acquire(&with(call_of("acme", 1), "max_wait", "50m")).await?.expect(429);
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|ms| ms > 50 * 60_000), "{refused}");
    Ok(())
}

/// A call that no limit applies to is granted, and its permit can be settled like any other.
#[tokio::test]
async fn a_call_without_limits_is_free() -> Result<()> {
    let api = Api::embedded(&TEN_EACH.replace("per ", "when = { path = \"/orders/**\" }\n    per ")).await?;
    let free = json!({"call": {"method": "GET", "path": "/elsewhere"}});
    let answer = api.acquire(&free).await?;
    let body = answer.expect(200);
    assert_eq!(body["limits"], json!([]));
    // The store, whose clock it would be, was not asked.
    assert_eq!(body.get("granted_at_us"), None, "{body}");
    assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
    let settle = format!("/v1/shop/permits/{}/settle", body["permit"].as_str().expect("a permit"));
    api.post(&settle, &json!({"cost": 2})).await?.expect(204);
    Ok(())
}

/// A dry run must not make anybody slow down: observed limits are told in the body and not in the fields.
#[tokio::test]
async fn an_observed_limit_is_not_in_the_fields_that_clients_pace_themselves_by() -> Result<()> {
    let api = Api::embedded(&format!(
        "{TEN_EACH}\n[[limit]]\nname = 'trial'\nper = []\nrate = '1/1h'\nmode = 'observe'"
    ))
    .await?;
    for _ in 0..3 {
        let answer = api.acquire(&call_of("acme", 1)).await?;
        assert_eq!(answer.expect(200)["limits"][1]["name"], "trial");
        assert!(!answer.header("ratelimit").contains("trial"), "{answer:?}");
        assert!(!answer.header("ratelimit-policy").contains("trial"), "{answer:?}");
    }
    Ok(())
}

/// The same request again, for want of an answer, is the same call.
#[tokio::test]
async fn a_request_id_is_charged_once() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for _ in 0..3 {
        api.acquire(&with(call_of("acme", 4), "request_id", "r-1")).await?.expect(200);
    }
    assert_eq!(api.remaining("org", "acme").await?, 6);
    // Under the same id another call is another call.
    api.acquire(&with(call_of("acme", 5), "request_id", "r-1")).await?.expect(200);
    assert_eq!(api.remaining("org", "acme").await?, 1);
    Ok(())
}

/// A request that is repeated while its first try still waits stands in the same place, and is charged with it.
#[tokio::test]
async fn two_who_wait_under_one_request_id_are_one_call() -> Result<()> {
    let api = Api::embedded(&TEN_EACH.replace("1/1h", "1/s").replace("burst = 10", "burst = 2")).await?;
    api.acquire(&call_of("acme", 2)).await?.expect(200);
    let asked = with(with(call_of("acme", 1), "max_wait", "10s"), "request_id", "r-1");
    let (one, other) = tokio::join!(api.acquire(&asked), api.acquire(&asked));
    let (one, other) = (one?.expect(200), other?.expect(200));
    // Whoever was charged second would have waited for a second token.
    for body in [one, other] {
        assert!(body["waited_ms"].as_u64().is_some_and(|ms| ms < 1_900), "{body}");
    }
    Ok(())
}

/// The route is what limits apply by, so it meets them however it is written.
#[tokio::test]
async fn a_path_with_dots_meets_the_limits_of_where_it_leads() -> Result<()> {
    let api = Api::embedded(&TEN_EACH.replace("per ", "when = { path = \"/orders/**\" }\n    per ")).await?;
    for path in ["/orders", "/elsewhere/../orders/7", "//orders/./", "/%6frders?page=1", "/x/..\\orders"] {
        let asked = json!({"call": {"method": "get", "path": path, "org": "acme"}});
        assert_eq!(api.acquire(&asked).await?.expect(200)["limits"][0]["name"], "org", "{path}");
    }
    Ok(())
}

/// Who comes when as many wait as may is told so at once, and to come back.
#[tokio::test]
async fn one_more_than_may_wait_is_turned_away() -> Result<()> {
    let replica = Replica::builder().policy(TEN_EACH).argument("--max-waiting").argument("1");
    let api = Api::start(replica).await?;
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    let waiting = with(call_of("acme", 1), "max_wait", "1h");
    let (first, second) = (api.acquire(&waiting), api.acquire(&waiting));
    // One of the two waits for an hour; the other has its answer.
    let answer = tokio::select! { answer = first => answer?, answer = second => answer? };
    answer.expect_problem(503, "too-many-waiting", "");
    assert_eq!(answer.header("retry-after"), "1");
    Ok(())
}
