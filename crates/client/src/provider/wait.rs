//! How long to wait: where that stands in an answer, or how it is worked out.

use super::condition::{self, Condition};
use super::document::{RefillDocument, SourceDocument, TimeDocument, WaitDocument};
use super::reading::QuotaReading;
use super::source::{Source, Use};
use super::time::{Unit, WAIT_MAX};
use super::view::View;
use crate::policy::{Problems, Wrong};
use std::time::Duration;

/// A time that stands in an answer.
#[derive(Debug, Clone)]
pub(super) struct TimeSource {
    source: Source,
    unit: Unit,
}

impl TimeSource {
    pub(super) fn check(document: &TimeDocument, field: &str, problems: &mut Problems) -> Option<TimeSource> {
        let unit = unit(document.unit, field, problems);
        let source = Source::check(document.written(), Use::Value, field, problems);
        Some(TimeSource { source: source?, unit: unit? })
    }

    pub(super) fn unit(&self) -> Unit {
        self.unit
    }

    pub(super) fn is_in_body(&self) -> bool {
        self.source.is_in_body()
    }

    /// The time, from now on.
    pub(super) fn read(&self, view: &View<'_>) -> Option<Duration> {
        self.source.find(view, |text| self.unit.read(text, view.now()))
    }
}

fn unit(written: Option<Unit>, field: &str, problems: &mut Problems) -> Option<Unit> {
    if written.is_none() {
        let expected = "what the number counts, such as \"seconds\" or \"epoch-seconds\"";
        problems.add(Wrong::plain("missing", expected).at(format!("{field}.as")));
    }
    written
}

/// One way to know the wait.
#[derive(Debug, Clone)]
pub(super) struct WaitRule {
    when: Option<Condition>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// It stands there.
    Told(TimeSource),
    /// Until the last of the quotas has reset, those left out of which something remains: they have refused nothing.
    UsedUp,
    /// Until a bucket that refills evenly holds what the call wanted.
    Refill(Refill),
}

#[derive(Debug, Clone)]
struct Refill {
    wanted: Source,
    available: Source,
    per_second: Source,
}

impl WaitRule {
    pub(super) fn check(document: &WaitDocument, field: &str, problems: &mut Problems) -> Option<WaitRule> {
        let when = condition::optional(document.when.as_ref(), &format!("{field}.when"), problems);
        let written = document.written();
        let is_told = written.header.is_some() || written.body.is_some() || written.pattern.is_some();
        let kind = match (is_told || document.unit.is_some(), document.quota, &document.refill) {
            (true, None, None) => {
                let unit = unit(document.unit, field, problems);
                let source = Source::check(written, Use::Value, field, problems);
                source.zip(unit).map(|(source, unit)| Kind::Told(TimeSource { source, unit }))
            }
            (false, Some(_), None) => Some(Kind::UsedUp),
            (false, None, Some(refill)) => Refill::check(refill, field, problems).map(Kind::Refill),
            (false, None, None) => {
                let expected = "a header, a place in the body, a pattern, quota or refill";
                problems.add(Wrong::plain("nothing to wait for", expected).at(field));
                None
            }
            _ => {
                let expected = "one of a place in the answer, quota and refill";
                problems.add(Wrong::plain("several things to wait for", expected).at(field));
                None
            }
        };
        Some(WaitRule { when, kind: kind? })
    }

    pub(super) fn looks_at_body(&self) -> bool {
        let told = match &self.kind {
            Kind::Told(time) => time.is_in_body(),
            Kind::UsedUp => false,
            Kind::Refill(Refill { wanted, available, per_second }) => {
                [wanted, available, per_second].into_iter().any(Source::is_in_body)
            }
        };
        told || self.when.as_ref().is_some_and(Condition::is_in_body)
    }

    /// The wait, if it can be known in this way.
    pub(super) fn read(&self, view: &View<'_>, quotas: &[QuotaReading]) -> Option<Duration> {
        if !condition::holds(self.when.as_ref(), view) {
            return None;
        }
        let wait = match &self.kind {
            Kind::Told(time) => time.read(view),
            Kind::UsedUp => {
                let used_up = quotas.iter().filter(|quota| quota.remaining.is_none_or(|left| left == 0));
                used_up.filter_map(|quota| quota.resets_in).max()
            }
            Kind::Refill(refill) => refill.read(view),
        };
        wait.map(|wait| wait.min(WAIT_MAX))
    }
}

impl Refill {
    fn check(document: &RefillDocument, field: &str, problems: &mut Problems) -> Option<Refill> {
        let mut part = |name: &str, part: Option<&SourceDocument>| {
            let field = format!("{field}.refill.{name}");
            let Some(part) = part else {
                problems.add(Wrong::plain("missing", "where it stands in the answer").at(field));
                return None;
            };
            Source::check(part.written(), Use::Value, &field, problems)
        };
        let wanted = part("wanted", document.wanted.as_ref());
        let available = part("available", document.available.as_ref());
        let per_second = part("per_second", document.per_second.as_ref());
        Some(Refill { wanted: wanted?, available: available?, per_second: per_second? })
    }

    fn read(&self, view: &View<'_>) -> Option<Duration> {
        let available = self.available.number(view)?;
        let missing = available.missing_to(self.wanted.number(view)?);
        missing.at_rate(self.per_second.number(view)?)
    }
}
