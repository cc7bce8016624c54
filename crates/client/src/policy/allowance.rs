//! The allowance: how much a limit or an override lets pass, as written, and the terms it comes to.

use super::document::{LimitDocument, Override};
use super::problem::{Problems, Wrong};
use super::quantity::{Quantity, Span};
use super::terms::Terms;

/// The fields that say how much may pass. An override replaces some of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance<'a> {
    rate: Option<&'a str>,
    quota: Option<&'a str>,
    burst: Option<u64>,
    slack: Option<&'a str>,
    burst_origin: BurstOrigin,
}

/// Where a burst comes from, which is told along with what is wrong about it.
#[derive(Debug, Clone, Copy)]
enum BurstOrigin {
    Named,
    Default,
    Inherited,
}

impl BurstOrigin {
    fn of(named: Option<u64>) -> BurstOrigin {
        if named.is_some() { BurstOrigin::Named } else { BurstOrigin::Default }
    }

    fn remark(self) -> &'static str {
        match self {
            BurstOrigin::Named => "",
            BurstOrigin::Default => " (this is the default: name another)",
            BurstOrigin::Inherited => " (this is the limit's: name another for the override)",
        }
    }
}

impl<'a> Allowance<'a> {
    pub(super) fn of_limit(limit: &'a LimitDocument) -> Allowance<'a> {
        Allowance {
            rate: limit.rate.as_deref(),
            quota: limit.quota.as_deref(),
            burst: limit.burst,
            slack: limit.slack.as_deref(),
            burst_origin: BurstOrigin::of(limit.burst),
        }
    }

    /// What holds for an overridden key: the limit as if it had been written with the fields of the override.
    ///
    /// A burst that the limit names is inherited, so that raising a rate does not raise the burst unasked; a
    /// burst it leaves to the default is worked out from the override's own quantity. A slack belongs to its
    /// quota and does not survive the change to a rate.
    pub(super) fn overridden_by(self, other: &'a Override) -> Allowance<'a> {
        let (rate, quota) = match (other.rate.as_deref(), other.quota.as_deref()) {
            (None, None) => (self.rate, self.quota),
            own => own,
        };
        let burst_origin = match (other.burst, self.burst) {
            (None, Some(_)) => BurstOrigin::Inherited,
            (own, _) => BurstOrigin::of(own),
        };
        let burst = other.burst.or(self.burst);
        let slack = other.slack.as_deref().or(quota.and(self.slack));
        Allowance { rate, quota, burst, slack, burst_origin }
    }

    /// Whether none of its fields is written.
    pub(super) fn is_absent(&self) -> bool {
        self.rate.is_none() && self.quota.is_none() && self.burst.is_none() && self.slack.is_none()
    }

    /// The terms this comes to. What is wrong is noted for the field of this place of the document.
    pub(super) fn terms(self, field: &str, problems: &mut Problems) -> Option<Terms> {
        match (self.rate, self.quota) {
            (Some(rate), None) => {
                if let Some(slack) = self.slack {
                    let expected = "no slack with a rate: it is how late a call may count against a quota";
                    problems.add(Wrong::text(slack, expected).at(format!("{field}.slack")));
                }
                let rate = problems.take(format!("{field}.rate"), Quantity::parse(rate))?;
                self.burst_checked(Terms::of_rate(rate, self.burst), field, problems)
            }
            (None, Some(quota)) => {
                let slack = self.slack.map_or(Ok(Span::default()), Span::parse);
                let slack = problems.take(format!("{field}.slack"), slack);
                let quota = problems.take(format!("{field}.quota"), Quantity::parse(quota));
                let terms = Terms::of_quota(quota?, slack?, self.burst);
                self.burst_checked(terms, field, problems)
            }
            (rate, _) => {
                let value = if rate.is_some() { "both rate and quota" } else { "neither rate nor quota" };
                let expected = "exactly one of them, or concurrent or spacing alone";
                problems.add(Wrong::plain(value, expected).at(field));
                None
            }
        }
    }

    /// Whatever is wrong with the terms of a right quantity is wrong with the burst.
    fn burst_checked(
        self,
        terms: Result<Terms, Wrong>,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Terms> {
        let terms = terms.map_err(|wrong| wrong.remark(self.burst_origin.remark()));
        problems.take(format!("{field}.burst"), terms)
    }
}
