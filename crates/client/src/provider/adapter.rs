//! The adapter: how the answers of one provider are understood.

use super::answer::Answer;
use super::backoff::Backoff;
use super::built_in;
use super::condition::{self, Condition};
use super::named::Named;
use super::quota::QuotaRule;
use super::reading::{Execution, QuotaReading, Reading, Throttled, Wait, WaitSource};
use super::source::Source;
use super::view::View;
use super::wait::WaitRule;
use std::sync::Arc;
use std::time::Duration;

/// Most quotas that are told of one answer.
const QUOTAS_MAX: usize = 32;

/// How the answers of one provider are understood; immutable, and shared by [`Arc`].
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use std::time::{Duration, SystemTime};
/// use tollgate::provider::{Adapter, Answer, WaitSource};
///
/// let genesys = Adapter::built_in("genesys-cloud").ok_or("there is one")?;
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "42".parse()?);
/// let body = br#"{"status":429,"limit":{"key":"user.rate.per.minute","namespace":"directory","value":180}}"#;
/// let answer = Answer { status: 429, headers: &headers, body: Some(body), received_at: SystemTime::UNIX_EPOCH };
///
/// let throttled = genesys.read(&answer).throttled.ok_or("a 429 is throttled")?;
/// assert_eq!(throttled.wait.duration, Duration::from_secs(42));
/// assert_eq!(throttled.wait.source, WaitSource::Told);
/// assert_eq!(throttled.limit.ok_or("it is named")?.name, "directory/user.rate.per.minute");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Adapter {
    pub(super) name: String,
    pub(super) throttled: Vec<ThrottledRule>,
    pub(super) waits: Vec<WaitRule>,
    pub(super) backoff: Backoff,
    pub(super) limit: Option<Named>,
    pub(super) quotas: Vec<QuotaRule>,
    pub(super) cost: Option<Source>,
    pub(super) body_bytes_max: usize,
}

/// Answers that mean throttled.
#[derive(Debug)]
pub(super) struct ThrottledRule {
    pub(super) statuses: Vec<u16>,
    pub(super) when: Option<Condition>,
    pub(super) execution: Execution,
}

impl Adapter {
    /// The adapter that is built in under a name, such as `genesys-cloud`. `docs/POLICY.md` lists them.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Arc<Adapter>> {
        built_in::find(name)
    }

    /// The names of those built in.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        built_in::FILES.iter().map(|(name, _)| *name)
    }

    /// Its name: that of a built-in one, or of a policy's own the policy's `provider`, or else `custom`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What an answer says.
    ///
    /// Nothing that an answer holds makes this fail. What is malformed is as if it were not there; of several header
    /// fields of one name the first that makes sense counts.
    #[must_use]
    pub fn read(&self, answer: &Answer<'_>) -> Reading {
        let view = View::new(answer, self.body_bytes_max);
        let mut quotas: Vec<QuotaReading> = self.quotas.iter().flat_map(|rule| rule.read(&view)).collect();
        quotas.truncate(QUOTAS_MAX);
        let rule = self.throttled.iter().find(|rule| rule.is_meant(&view));
        let throttled = rule.map(|rule| Throttled {
            wait: self.wait(&view, &quotas),
            limit: self.limit.as_ref().and_then(|limit| limit.read(&view)),
            execution: rule.execution,
        });
        let cost = self.cost.as_ref().and_then(|cost| cost.number(&view));
        Reading { throttled, quotas, cost: cost.map(super::decimal::Decimal::ceil) }
    }

    /// How long to wait after answers that do not tell, once calls have been throttled for so long without a break.
    ///
    /// More than nothing, and at most [`WAIT_MAX`](super::WAIT_MAX).
    #[must_use]
    pub fn default_wait(&self, throttled_for: Duration) -> Duration {
        self.backoff.wait(throttled_for)
    }

    /// How much of the body of an answer with this status is looked at, in bytes; none where the head tells it all.
    ///
    /// Whoever passes answers on need not keep more of a body than this. JSON that is longer is cut off and so not
    /// understood.
    #[must_use]
    pub fn body_bytes(&self, status: u16) -> usize {
        let mut may_throttle =
            self.throttled.iter().filter(|rule| rule.statuses.contains(&status)).peekable();
        let of_throttled = may_throttle.peek().is_some()
            && (self.waits.iter().any(WaitRule::looks_at_body)
                || self.limit.as_ref().is_some_and(Named::looks_at_body)
                || may_throttle.any(|rule| rule.when.as_ref().is_some_and(Condition::is_in_body)));
        let of_any = self.quotas.iter().any(QuotaRule::looks_at_body)
            || self.cost.as_ref().is_some_and(Source::is_in_body);
        if of_throttled || of_any { self.body_bytes_max } else { 0 }
    }

    fn wait(&self, view: &View<'_>, quotas: &[QuotaReading]) -> Wait {
        match self.waits.iter().find_map(|rule| rule.read(view, quotas)) {
            Some(duration) => Wait { duration, source: WaitSource::Told },
            None => Wait { duration: self.default_wait(Duration::ZERO), source: WaitSource::Default },
        }
    }
}

impl ThrottledRule {
    fn is_meant(&self, view: &View<'_>) -> bool {
        self.statuses.contains(&view.status) && condition::holds(self.when.as_ref(), view)
    }
}
