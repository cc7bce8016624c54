//! Permits: settled once, by whoever has the id, and by nobody else.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::client::{Answer, Api, TEN_EACH, call_of, with};

async fn permit(api: &Api, cost: u64) -> Result<String> {
    let body = api.acquire(&call_of("acme", cost)).await?.expect(200);
    Ok(body["permit"].as_str().expect("a permit").to_owned())
}

async fn settle(api: &Api, id: &str, cost: u64) -> Result<Answer> {
    api.post(&format!("/v1/shop/permits/{id}/settle"), &json!({"cost": cost})).await
}

async fn give_back(api: &Api, id: &str) -> Result<Answer> {
    Answer::of(api.request(Method::DELETE, &format!("/v1/shop/permits/{id}"))).await
}

/// Less than charged comes back, more is charged, the same changes nothing.
#[tokio::test]
async fn a_settled_permit_has_cost_what_the_call_has_cost() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for (charged, cost, remaining) in [(4, 1, 9), (1, 3, 6), (2, 2, 4), (3, 0, 4)] {
        let id = permit(&api, charged).await?;
        assert!(settle(&api, &id, cost).await?.expect(204).is_null());
        assert_eq!(api.remaining("org", "acme").await?, remaining, "{charged} settled to {cost}");
    }
    Ok(())
}

/// A call that was not sent costs nothing.
#[tokio::test]
async fn a_deleted_permit_gives_everything_back() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let id = permit(&api, 10).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(429);
    give_back(&api, &id).await?.expect(204);
    assert_eq!(api.remaining("org", "acme").await?, 10);
    Ok(())
}

/// A call that turns out to have cost more than a bucket ever holds leaves a debt, told in numbers that make sense.
#[tokio::test]
async fn a_cost_beyond_all_bounds_is_a_long_wait() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let id = permit(&api, 1).await?;
    settle(&api, &id, u64::from(u32::MAX)).await?.expect(204);
    let refused = api.acquire(&call_of("acme", 1)).await?;
    let hundred_years_s = 100 * 366 * 86_400;
    let seconds: u64 = refused.header("retry-after").parse()?;
    assert!((hundred_years_s / 2..=hundred_years_s * 2).contains(&seconds), "{refused:?}");
    assert!(refused.expect(429)["retry_after_ms"].as_u64().is_some_and(|ms| ms.div_ceil(1_000) == seconds));
    assert_eq!(api.remaining("org", "acme").await?, 0);
    assert_eq!(api.remaining("org", "other").await?, 10);
    Ok(())
}

/// A client that repeats itself for want of an answer corrects once.
#[tokio::test]
async fn a_permit_is_settled_once() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let id = permit(&api, 5).await?;
    settle(&api, &id, 2).await?.expect(204);
    settle(&api, &id, 2).await?.expect_problem(409, "settled-before", "");
    give_back(&api, &id).await?.expect_problem(409, "settled-before", "");
    assert_eq!(api.remaining("org", "acme").await?, 8);
    Ok(())
}

/// Both answers to a repeated request bring a permit, of which one is settled.
#[tokio::test]
async fn two_permits_of_one_request_id_are_settled_once() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let body = api.acquire(&with(call_of("acme", 5), "request_id", "r-1")).await?.expect(200);
        ids.push(body["permit"].as_str().expect("a permit").to_owned());
    }
    give_back(&api, &ids[0]).await?.expect(204);
    give_back(&api, &ids[1]).await?.expect_problem(409, "settled-before", "");
    assert_eq!(api.remaining("org", "acme").await?, 10);
    Ok(())
}

/// Ids are sealed: nobody gives back what was never charged.
#[tokio::test]
async fn a_permit_that_was_not_given_out_is_unknown() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let id = permit(&api, 5).await?;
    let forged_first = format!("{}{}", if id.starts_with('A') { 'B' } else { 'A' }, &id[1..]);
    let twisted_last =
        format!("{}{}", &id[..id.len() - 4], if id.ends_with("AAAA") { "BBBB" } else { "AAAA" });
    let long = "A".repeat(16_000);
    let rows = [
        &id[..id.len() - 1],
        &id[..8],
        &forged_first,
        &twisted_last,
        &long,
        "x",
        "%00",
        "a%2Fb",
        "..%2F..",
        "%22",
    ];
    for row in rows {
        give_back(&api, row).await?.expect_problem(404, "unknown-permit", "");
        settle(&api, row, 1).await?.expect_problem(404, "unknown-permit", "");
    }
    // Padding and other spellings of the same bytes are no second id to settle by.
    for row in [format!("{id}="), format!("{id}A")] {
        give_back(&api, &row).await?.expect_problem(404, "unknown-permit", "");
    }
    assert_eq!(api.remaining("org", "acme").await?, 5);
    Ok(())
}

/// A permit belongs to the namespace that gave it out; embedded, to the process.
#[tokio::test]
async fn a_permit_of_another_service_is_unknown() -> Result<()> {
    let (here, there) = (Api::embedded(TEN_EACH).await?, Api::embedded(TEN_EACH).await?);
    let id = permit(&there, 5).await?;
    give_back(&here, &id).await?.expect_problem(404, "unknown-permit", "");
    Ok(())
}

const TWO_IN_FLIGHT: &str = r#"
    namespace = "shop"
    [[limit]]
    name  = "orders"
    per   = ["org"]
    concurrent = 2
    lease = "1s"
"#;

async fn beat(api: &Api, id: &str) -> Result<Answer> {
    Answer::of(api.request(Method::POST, &format!("/v1/shop/permits/{id}/heartbeat"))).await
}

/// A call that is in flight counts until it is settled or given back; the answer says for how long it does without a
/// heartbeat.
#[tokio::test]
async fn a_call_is_in_flight_until_its_permit_is_settled() -> Result<()> {
    let api = Api::embedded(TWO_IN_FLIGHT).await?;
    let first = api.acquire(&call_of("acme", 1)).await?.expect(200);
    assert_eq!(first["lease_ms"], 1_000);
    assert_eq!(first["limits"][0]["measure"], "in_flight", "{first}");
    assert_eq!(
        (&first["limits"][0]["name"], &first["limits"][0]["remaining"]),
        (&json!("orders"), &json!(1))
    );
    let second = permit(&api, 1).await?;
    for is_sent in [true, false] {
        let refused = api.acquire(&call_of("acme", 1)).await?.expect(429);
        assert_eq!(refused["limited_by"], json!({"name": "orders", "key": "acme", "measure": "in_flight"}));
        let ended = if is_sent {
            settle(&api, &second, 1).await?
        } else {
            give_back(&api, &permit_of(&first)).await?
        };
        ended.expect(204);
        permit(&api, 1).await?;
    }
    let page = api.get("/v1/shop/buckets?limit=orders&key=acme").await?.expect(200);
    assert_eq!(
        (&page["buckets"][0]["burst"], &page["buckets"][0]["remaining"]),
        (&json!(2), &json!(0)),
        "{page}"
    );
    Ok(())
}

fn permit_of(answer: &serde_json::Value) -> String {
    answer["permit"].as_str().expect("a permit").to_owned()
}

/// Heartbeats keep a call in flight beyond its lease, at whichever replica; without one its place is free. Method: of
/// two calls one has a heartbeat until somebody else has the place of the other.
#[tokio::test]
async fn heartbeats_keep_a_call_in_flight() -> Result<()> {
    let api = Api::embedded(TWO_IN_FLIGHT).await?;
    let (kept, lost) = (permit(&api, 1).await?, permit(&api, 1).await?);
    let mut beats = 0;
    let taken = loop {
        beat(&api, &kept).await?.expect(204);
        beats += 1;
        let answer = api.acquire(&with(call_of("acme", 1), "max_wait", "200ms")).await?;
        if answer.status == 200 {
            break permit_of(&answer.expect(200));
        }
    };
    assert!(beats > 3, "the lease is a second");
    api.acquire(&call_of("acme", 1)).await?.expect(429);
    settle(&api, &taken, 1).await?.expect(204);
    settle(&api, &lost, 1).await?.expect(204);
    beat(&api, &lost).await?.expect_problem(409, "settled-before", "");
    beat(&api, "none").await?.expect_problem(404, "unknown-permit", "");
    permit(&api, 1).await?;
    settle(&api, &kept, 1).await?.expect(204);
    permit(&api, 1).await?;
    Ok(())
}

/// A caller who hangs up before it has its answer leaves nothing in flight; a permit without a lease needs no
/// heartbeat.
#[tokio::test]
async fn a_heartbeat_of_a_permit_without_a_lease_is_none() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let granted = api.acquire(&call_of("acme", 1)).await?.expect(200);
    assert!(granted.get("lease_ms").is_none(), "{granted}");
    beat(&api, &permit_of(&granted)).await?.expect(204);
    assert_eq!(api.remaining("org", "acme").await?, 9);
    Ok(())
}

/// A cost is read off the query, a gap keeps calls apart, and both are told as what they are.
#[tokio::test]
async fn costs_are_read_off_the_query_and_gaps_are_kept() -> Result<()> {
    let policy = r#"
        namespace = "shop"
        [[limit]]
        name = "rows"
        per  = ["org"]
        rate = "1/1h"
        burst = 100
        spacing = "1h"
        cost = { query = "pageSize", per = 25 }
    "#;
    let api = Api::embedded(policy).await?;
    let asked = |org: &str, size: u64| json!({"call": {"method": "GET", "path": format!("/orders?pageSize={size}"), "org": org}});
    let granted = api.acquire(&asked("acme", 1_000)).await?.expect(200);
    assert_eq!(
        (&granted["limits"][0]["measure"], &granted["limits"][0]["remaining"]),
        (&json!("tokens"), &json!(60))
    );
    settle(&api, &permit_of(&granted), 10).await?.expect(204);
    assert_eq!(api.remaining("rows", "acme").await?, 90);
    let refused = api.acquire(&asked("acme", 25)).await?;
    assert_eq!(refused.header("ratelimit"), "", "these fields can't tell of gaps");
    assert_eq!(refused.expect(429)["limited_by"]["measure"], "spacing");
    let problem = api.acquire(&asked("bolt", 2_501)).await?;
    problem.expect_problem(422, "invalid-call", "cost");
    api.acquire(&asked("bolt", 2_500)).await?.expect(200);
    Ok(())
}
