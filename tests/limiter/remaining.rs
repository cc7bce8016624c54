//! What a provider says is left of a quota, as an application tells it.

use std::time::Duration;

use anyhow::{Result, ensure};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tollgate::embedded::{Clock, EmbeddedStore, RuntimeClock};
use tollgate::provider::Answer;
use tollgate::{Begin, Decision, Policy, Tollgate};

use super::{call, granted};

const BEGIN_US: u64 = 1_790_000_000_000_000;

/// A limiter on the paused clock, whose limit is the provider's quota "day": ten at once and ten a second.
async fn gate(adapter: &str) -> Result<Tollgate> {
    let policy = Policy::from_toml(&format!(
        "namespace = 'test'\n{adapter}\n\
         [[limit]]\nname = 'org'\nnames = ['day', 'hour']\nper = ['org']\nrate = '10/s'\nburst = 10\n"
    ))?;
    let store = EmbeddedStore::new(Clock::Runtime(RuntimeClock::at_us(BEGIN_US)));
    let builder = Tollgate::builder("test").policy(policy).begin(Begin::Full);
    Ok(Box::pin(builder.embedded_store(store).connect()).await?)
}

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let field = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    fields.iter().map(field).collect()
}

/// The provider says so in the answer to the last of ten calls at once, after which the bucket holds nothing.
async fn told(gate: &Tollgate, fields: &[(&'static str, &'static str)]) -> Result<()> {
    for _ in 0..9 {
        granted(gate, &call("acme")).await?;
    }
    let last = granted(gate, &call("acme")).await?;
    let headers = headers(fields);
    let received_at = std::time::UNIX_EPOCH + Duration::from_micros(BEGIN_US);
    gate.observe(&last, &Answer { status: 200, headers: &headers, body: None, received_at }).await?;
    Ok(())
}

/// Goal: where nothing is left until a reset nothing passes until then, also where the bucket holds nothing just then:
/// it once earned what the provider refused. Method: a bucket is used up when the provider says that nothing is left
/// for 30 s; a second later a call is refused with the time, and at that time there is nothing but what has been earned
/// since.
#[tokio::test(start_paused = true)]
async fn an_empty_bucket_earns_nothing_where_nothing_is_left() -> Result<()> {
    let gate = gate("provider = 'ietf'").await?;
    told(&gate, &[("ratelimit", "\"day\";r=0;t=30")]).await?;
    tokio::time::advance(Duration::from_secs(1)).await;
    let Decision::Refused(refused) = gate.try_acquire(&call("acme")).await? else {
        anyhow::bail!("a call passed of which the provider has said that it would refuse it");
    };
    let left = Duration::from_millis(29_100);
    ensure!(refused.retry_after == left, "{refused:?}");
    tokio::time::advance(left).await;
    granted(&gate, &call("acme")).await?;
    ensure!(matches!(gate.try_acquire(&call("acme")).await?, Decision::Refused(_)));
    Ok(())
}

/// Goal: of all that an answer tells of a limit what binds it tightest counts, and nothing that is told of another part
/// of it. Once the first reading counted, whatever it was. Method: the answer tells two things of a bucket that holds
/// nothing; whether a call passes a second later shows which has counted.
#[tokio::test(start_paused = true)]
async fn of_what_is_told_of_a_limit_the_tightest_counts() -> Result<()> {
    for (told_of, is_paused) in [
        ("\"hour\";r=9;t=1, \"day\";r=0;t=30", true),
        ("\"day\";r=0;t=30, \"hour\";r=9;t=1", true),
        ("\"day\";r=0;t=30;pk=\"globex\", \"day\";r=9;t=30;pk=\"acme\"", false),
        ("\"day\";r=9;t=30;pk=\"acme\", \"day\";r=0;t=30;pk=\"globex\"", false),
        ("\"day\";r=9;t=30;pk=\"acme\", \"hour\";r=0;t=30", true),
        // By which keys the provider counts nobody has said: its own names for them are nobody else's.
        ("\"day\";r=0;t=30;pk=\"0f2c\"", true),
    ] {
        let gate = gate("provider = 'ietf'").await?;
        told(&gate, &[("ratelimit", told_of)]).await?;
        tokio::time::advance(Duration::from_secs(1)).await;
        let decision = gate.try_acquire(&call("acme")).await?;
        ensure!(
            matches!(decision, Decision::Refused(_)) == is_paused,
            "{told_of}: refused is not {is_paused}"
        );
    }
    Ok(())
}

/// Goal: a quota that comes back bit by bit is not waited for until it is whole. Method: the provider tells of a bucket
/// of 100 that holds nothing, then of one that holds one token, and earns ten a second: a tenth of a second later
/// another call passes.
#[tokio::test(start_paused = true)]
async fn a_quota_that_refills_evenly_is_not_waited_for_until_it_is_full() -> Result<()> {
    let adapter = "[adapter]\nextends = 'generic'\n[[adapter.quota]]\nname = 'day'\n\
        limit = { header = 'x-limit' }\nremaining = { header = 'x-remaining' }\nper_second = { header = 'x-rate' }";
    for remaining in ["0", "1"] {
        let gate = gate(adapter).await?;
        told(&gate, &[("x-limit", "100"), ("x-remaining", remaining), ("x-rate", "10")]).await?;
        tokio::time::advance(Duration::from_millis(500)).await;
        let late = granted(&gate, &call("acme")).await?;
        let headers = headers(&[("x-limit", "100"), ("x-remaining", "1"), ("x-rate", "10")]);
        let received_at = std::time::UNIX_EPOCH + Duration::from_micros(BEGIN_US);
        gate.observe(&late, &Answer { status: 200, headers: &headers, body: None, received_at }).await?;
        granted(&gate, &call("acme")).await?;
        ensure!(matches!(gate.try_acquire(&call("acme")).await?, Decision::Refused(_)), "one was left");
        tokio::time::advance(Duration::from_millis(100)).await;
        granted(&gate, &call("acme")).await?;
    }
    Ok(())
}
