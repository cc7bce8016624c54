//! What a limit counts: tokens, gaps between grants, calls in flight; each in a bucket of its own.

use super::allowance::Allowance;
use super::document::{LimitDocument, Override};
use super::problem::{Problems, Wrong};
use super::quantity::Span;
use super::terms::Terms;
use serde::Serialize;

/// Most calls in flight: a bucket knows each of them, and is read with each call that passes it.
const CONCURRENT_MAX: u64 = 1_000;
/// How long a call counts as in flight, unless the limit says otherwise or its lease is renewed.
pub(super) const LEASE: &str = "30s";
/// Shortest and longest lease, in microseconds: a second and an hour.
const LEASE_US: std::ops::RangeInclusive<u64> = 1_000_000..=3_600_000_000;

/// What of a limit a bucket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// Tokens, by the `rate` or `quota`.
    Tokens,
    /// The gap between two grants, by the `spacing`.
    Spacing,
    /// Calls in flight, by `concurrent`.
    InFlight,
}

/// The terms of one key of a limit: of each measure that it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measures {
    tokens: Option<Terms>,
    spacing: Option<Terms>,
    in_flight: Option<Terms>,
}

impl Measure {
    pub(crate) const ALL: [Measure; 3] = [Measure::Tokens, Measure::Spacing, Measure::InFlight];

    /// Follows the name of the limit in the names of its buckets. No name of a limit has a slash in it.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Measure::Tokens => "",
            Measure::Spacing => "/spacing",
            Measure::InFlight => "/concurrent",
        }
    }

    /// The limit's name and the measure, of the name that its buckets have in front of their keys.
    pub(crate) fn split(counted: &str) -> (&str, Measure) {
        let name = counted.split('/').next().unwrap_or_default();
        let suffix = &counted[name.len()..];
        let measure = Measure::ALL.into_iter().find(|measure| measure.suffix() == suffix);
        measure.map_or((counted, Measure::Tokens), |measure| (name, measure))
    }
}

impl Measures {
    /// What a limit comes to, where no override says otherwise. What is wrong is noted.
    pub(super) fn of_limit(limit: &LimitDocument, field: &str, problems: &mut Problems) -> Option<Measures> {
        Measures::checked(limit, None, field, problems)
    }

    /// What a limit comes to for a key: as if it had been written with the fields of the override.
    pub(super) fn of_override(
        limit: &LimitDocument,
        other: &Override,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Measures> {
        let says_how_much = other.rate.is_some()
            || other.quota.is_some()
            || other.burst.is_some()
            || other.concurrent.is_some()
            || other.spacing.is_some();
        if !says_how_much {
            let value = "no rate, quota, burst, concurrent or spacing";
            problems.add(Wrong::plain(value, "at least one of them").at(field));
            return None;
        }
        if let Some(at) = other.expires_at.as_deref().filter(|_| other.expires_at_us().is_none()) {
            let expected = "a point in time as RFC 3339 has it, such as \"2027-01-31T00:00:00Z\"";
            problems.add(Wrong::text(at, expected).at(format!("{field}.expires_at")));
        }
        Measures::checked(limit, Some(other), field, problems)
    }

    fn checked(
        limit: &LimitDocument,
        other: Option<&Override>,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Measures> {
        let own = Allowance::of_limit(limit);
        let allowance = other.map_or(own, |other| own.overridden_by(other));
        let spacing = other.and_then(|other| other.spacing.as_deref()).or(limit.spacing.as_deref());
        let concurrent = other.and_then(|other| other.concurrent).or(limit.concurrent);
        let stands_alone = spacing.is_some() || concurrent.is_some();
        // Of what is wrong nothing is left but that: it has been noted.
        let tokens = if allowance.is_absent() && stands_alone {
            Ok(None)
        } else {
            allowance.terms(field, problems).map(Some).ok_or(())
        };
        let spacing = spacing
            .map(|gap| problems.take(format!("{field}.spacing"), checked_spacing(gap)).ok_or(()))
            .transpose();
        if let Some(lease) = limit.lease.as_deref().filter(|_| concurrent.is_none()) {
            let wrong =
                Wrong::text(lease, "no lease without concurrent: it is how long a call counts as in flight");
            problems.add(wrong.at(format!("{field}.lease")));
        }
        let in_flight =
            concurrent.map(|calls| in_flight(limit, calls, field, problems).ok_or(())).transpose();
        Some(Measures { tokens: tokens.ok()?, spacing: spacing.ok()?, in_flight: in_flight.ok()? })
    }

    /// The terms of one measure, if the limit has it.
    pub(super) fn get(&self, measure: Measure) -> Option<Terms> {
        match measure {
            Measure::Tokens => self.tokens,
            Measure::Spacing => self.spacing,
            Measure::InFlight => self.in_flight,
        }
    }

    /// The measures that the limit has, with their terms.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Measure, Terms)> + use<> {
        let measures = *self;
        Measure::ALL.into_iter().filter_map(move |measure| Some((measure, measures.get(measure)?)))
    }
}

fn checked_spacing(gap: &str) -> Result<Terms, Wrong> {
    let span = Span::parse(gap)?;
    if span.us() == 0 {
        return Err(Wrong::text(gap, "a gap of at least \"1us\""));
    }
    Terms::of_spacing(span)
}

fn in_flight(limit: &LimitDocument, calls: u64, field: &str, problems: &mut Problems) -> Option<Terms> {
    let lease = checked_lease(limit.lease.as_deref().unwrap_or(LEASE));
    let lease = problems.take(format!("{field}.lease"), lease);
    if !(1..=CONCURRENT_MAX).contains(&calls) {
        let wrong = Wrong::plain(calls.to_string(), format!("1 to {CONCURRENT_MAX}"));
        problems.add(wrong.at(format!("{field}.concurrent")));
        return None;
    }
    Some(Terms::of_concurrency(calls, lease?))
}

fn checked_lease(text: &str) -> Result<Span, Wrong> {
    let lease = Span::parse(text)?;
    if LEASE_US.contains(&lease.us()) { Ok(lease) } else { Err(Wrong::text(text, "\"1s\" to \"1h\"")) }
}
