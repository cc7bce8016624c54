//! The `RateLimit` and `RateLimit-Policy` fields (draft-ietf-httpapi-ratelimit-headers), for clients that pace
//! themselves.
//!
//! A bucket is told as the quota `q` it earns in a window of `w` seconds, which is the time it takes to fill, rounded
//! up: whoever spreads `q` calls evenly over `w` seconds is not refused by it. `r` is what is left, `t` the seconds
//! until there is more than that to be had: until it is full, or after a refusal until it would be granted. The key is
//! the partition key `pk`, as bytes in base64, so nothing in it can end a field. Observed limits refuse nothing and are
//! left out, and so are gaps between calls and calls in flight, of which these fields can't tell.

use std::fmt::Write;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use tollgate::{LimitState, Measure, Mode, Refused, Terms};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Longest field, in bytes: most servers and proxies take 8 KiB of headers, and others need room too. Limits beyond it
/// are left out here; the body has them all.
const FIELD_BYTES_MAX: usize = 2_048;

/// Both fields, as they grow.
#[derive(Debug, Default)]
struct Fields {
    state: String,
    policy: String,
}

/// The fields of a granted call.
pub(crate) fn granted(limits: &[LimitState]) -> HeaderMap {
    let mut fields = Fields::default();
    let told = limits.iter().filter(|limit| limit.mode == Mode::Enforce && limit.measure == Measure::Tokens);
    for limit in told {
        fields.push(&limit.limit, &limit.key, limit.terms, limit.remaining, limit.reset_after);
    }
    fields.headers()
}

/// The fields of a refused call.
pub(crate) fn refused(refused: &Refused) -> HeaderMap {
    let mut fields = Fields::default();
    if refused.measure == Measure::Tokens {
        fields.push(&refused.limit, &refused.key, refused.terms, 0, refused.retry_after);
    }
    fields.headers()
}

impl Fields {
    fn push(&mut self, limit: &str, key: &str, terms: Terms, remaining: u64, until: Duration) {
        let partition = if key.is_empty() { String::new() } else { format!(";pk=:{}:", BASE64.encode(key)) };
        let (quota, window_s) = pace(terms);
        // Names of limits are letters, digits, dots, dashes and underscores: nothing needs escaping.
        let state = format!("\"{limit}\";r={remaining};t={}{partition}", seconds(until));
        let policy = format!("\"{limit}\";q={quota};w={window_s}{partition}");
        for (field, item) in [(&mut self.state, state), (&mut self.policy, policy)] {
            let separator = if field.is_empty() { "" } else { ", " };
            if field.len() + separator.len() + item.len() <= FIELD_BYTES_MAX {
                let _ = write!(field, "{separator}{item}");
            }
        }
    }

    fn headers(self) -> HeaderMap {
        let fields = [(RATELIMIT, self.state), (RATELIMIT_POLICY, self.policy)];
        let written = fields.into_iter().filter(|(_, text)| !text.is_empty());
        written.filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?))).collect()
    }
}

/// The tokens a bucket earns in a window of so many seconds, the fewest in which it fills.
fn pace(terms: Terms) -> (u64, u64) {
    let full_in_s = terms.capacity().div_ceil(terms.refill()).div_ceil(1_000_000).max(1);
    let earned = u128::from(terms.refill()) * u128::from(full_in_s) * 1_000_000 / u128::from(terms.credit());
    (u64::try_from(earned).unwrap_or(u64::MAX), full_in_s)
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::Policy;

    fn paced(limit: &str) -> (u64, u64) {
        let text = format!("namespace = \"n\"\nlimit = [{{ name = \"a\", per = [], {limit} }}]");
        pace(Policy::from_toml(&text).expect(limit).limits()[0].terms(Measure::Tokens).expect(limit))
    }

    #[test]
    fn a_bucket_is_told_as_what_it_earns_while_it_fills() {
        assert_eq!(paced(r#"rate = "10/s", burst = 10"#), (10, 1));
        assert_eq!(paced(r#"rate = "10/s", burst = 1"#), (10, 1));
        assert_eq!(paced(r#"rate = "10/s", burst = 100"#), (100, 10));
        assert_eq!(paced(r#"quota = "300/1m", burst = 30"#), (31, 7));
        assert_eq!(paced(r#"rate = "1/1h""#), (1, 3_600));
    }
}
