//! What adapters make of answers, and which adapters there can be.

mod built_in;
mod documents;
mod genesys;
mod hostile;
mod ietf;
mod shopify;
mod vendors;
mod waits;

use super::*;
use crate::Policy;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When answers come, in seconds since 1970: Fri, 15 Jan 2027 08:00:00 GMT.
const NOW_S: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_S)
}

fn built_in(name: &str) -> Arc<Adapter> {
    Adapter::built_in(name).unwrap_or_else(|| panic!("there is no adapter {name:?}"))
}

/// The adapter of a policy with these further lines.
fn described(lines: &str) -> Arc<Adapter> {
    let text = format!("namespace = 'n'\n{lines}");
    let policy = Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Arc::clone(policy.adapter())
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(field).collect()
}

/// What an adapter makes of an answer that came just now.
fn read(adapter: &Adapter, status: u16, fields: &[(&str, &str)], body: &str) -> Reading {
    let headers = headers(fields);
    adapter.read(&Answer { status, headers: &headers, body: Some(body.as_bytes()), received_at: now() })
}

/// The wait and who says so, of an answer that is throttled.
fn wait_of(reading: &Reading) -> (Duration, WaitSource) {
    let throttled = reading.throttled.as_ref().expect("it is throttled");
    (throttled.wait.duration, throttled.wait.source)
}

/// The name of the limit that was hit and what it allows.
fn limit_of(reading: &Reading) -> Option<(&str, Option<u64>)> {
    let limit = reading.throttled.as_ref()?.limit.as_ref()?;
    Some((limit.name.as_str(), limit.value))
}

fn told(seconds: u64) -> (Duration, WaitSource) {
    (Duration::from_secs(seconds), WaitSource::Told)
}

fn by_default(seconds: u64) -> (Duration, WaitSource) {
    (Duration::from_secs(seconds), WaitSource::Default)
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be told")]
fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}
