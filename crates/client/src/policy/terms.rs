//! The terms of a bucket: its rate and burst in exact integer credits.

use super::measure::Measure;
use super::problem::Wrong;
use super::quantity::{Quantity, Span};
use serde::Serialize;
use std::time::Duration;

/// Most credits a bucket can hold.
///
/// The scripts count in doubles, which are exact up to 2^53; half of that is left for what is added to a
/// level before it is compared: the cost of a call, or a debt.
pub(super) const CAPACITY_MAX: u64 = 1 << 52;

/// What a bucket grants, in credits, so that nothing is ever rounded: a token costs [`credit`](Terms::credit)
/// credits, every microsecond earns [`refill`](Terms::refill) credits, and at most
/// [`capacity`](Terms::capacity) credits are held.
///
/// All are at least 1, the capacity is at most 2^52, and refill and credit have no common divisor. Only of calls in
/// flight the refill is 0.
///
/// A bucket stores its *debt*, the credits it has not earned back yet: 0 when it is full.
///
/// # A rate of `n` tokens in `s` microseconds
///
/// `refill = n`, `credit = s`: in `s` microseconds `n * s` credits are earned, the price of `n` tokens. In
/// any interval of length `t` at most `burst + n * t / s` tokens are granted: what the bucket held at its
/// start, and what it earned during it.
///
/// # A quota of `N` tokens in any window
///
/// A call granted now may arrive up to `slack` later, so the calls that arrive within one window were granted
/// within `L = window + slack` microseconds, both ends included. With a burst of `b` tokens, 1 to `N`:
///
/// `refill = N - b + 1`, `credit = L + 1`.
///
/// *Never over.* In a closed interval of length `L` the bucket spends at most what it held at the start and
/// what it earned in `L` microseconds. In tokens:
///
/// `granted <= b + (N - b + 1) * L / (L + 1) < b + (N - b + 1) = N + 1`
///
/// Tokens are granted whole, so `granted <= N`. The clock ticks in whole microseconds, rounded down, and two
/// grants that are at most `L` apart in time are at most `L` apart by such a clock: the bound holds for true
/// time as well.
///
/// *Nothing wasted.* The obvious `refill / credit = (N - b) / L` gives one token a window less, and nothing
/// at all for a quota of 1. Nor is there room above, unless the quota is a token a microsecond and more:
/// `L <= N - b`. With a burst of 2 or more, a bucket that is drawn on without pause never fills up, so the
/// bound is reached: `N` in a window, and `N + 1` with `refill = N - b + 2` or with `credit = L`. With a
/// burst of 1, grants are `floor(L / N) + 1` microseconds apart, the fewest for which `N + 1` of them take
/// longer than `L`.
///
/// # A spacing of `s` microseconds
///
/// `refill = 1`, `credit = capacity = s`: a bucket for one call, which is full again `s` microseconds after a grant.
///
/// # `n` calls at once
///
/// `refill = 0`, `credit = 1`, `capacity = n`: time earns nothing. What is owed is the number of calls in flight, and a
/// call that is over, or whose [`lease`](Terms::lease) has run out, is owed no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(
        description = "A token costs `credit` credits, a microsecond earns `refill` of them, and a full bucket holds `capacity`. Calls in flight have a lease, in microseconds."
    )
)]
pub struct Terms {
    refill: u64,
    credit: u64,
    capacity: u64,
    #[serde(skip_serializing_if = "is_zero")]
    lease_us: u64,
}

impl Terms {
    /// The terms of a rate. Its burst is what it gives in one second unless said otherwise, and at least 1.
    pub(super) fn of_rate(rate: Quantity, burst: Option<u64>) -> Result<Terms, Wrong> {
        let (tokens, span_us) = (rate.tokens(), rate.span().us());
        let burst = burst.unwrap_or_else(|| (tokens * 1_000_000 / span_us).max(1));
        Terms::reduced(tokens, span_us, burst)
    }

    /// The terms of a quota. Its burst is a tenth of it unless said otherwise, and at least 1.
    pub(super) fn of_quota(quota: Quantity, slack: Span, burst: Option<u64>) -> Result<Terms, Wrong> {
        let tokens = quota.tokens();
        let burst = burst.unwrap_or_else(|| (tokens / 10).max(1));
        if burst > tokens {
            return Err(Wrong::plain(burst.to_string(), format!("at most {tokens}, the quota")));
        }
        Terms::reduced(tokens - burst + 1, quota.span().us() + slack.us() + 1, burst)
    }

    /// The terms of a smallest gap between two grants.
    pub(super) fn of_spacing(gap: Span) -> Result<Terms, Wrong> {
        Terms::reduced(1, gap.us(), 1)
    }

    /// The terms of a number of calls in flight, each until its lease runs out or is renewed.
    pub(super) const fn of_concurrency(calls: u64, lease: Span) -> Terms {
        Terms { refill: 0, credit: 1, capacity: calls, lease_us: lease.us() }
    }

    /// Stands for the terms of what a limit does not count, but may come to: it is paused with the rest.
    pub(super) const fn uncounted(measure: Measure) -> Terms {
        match measure {
            Measure::Tokens | Measure::Spacing => Terms { refill: 1, credit: 1, capacity: 1, lease_us: 0 },
            Measure::InFlight => Terms { refill: 0, credit: 1, capacity: 1, lease_us: 1 },
        }
    }

    /// The smallest credits with this ratio: they leave the most room for the burst.
    pub(super) fn reduced(refill: u64, credit: u64, burst: u64) -> Result<Terms, Wrong> {
        let divisor = greatest_common_divisor(refill, credit);
        let (refill, credit) = (refill / divisor, credit / divisor);
        let capacity = burst.checked_mul(credit).filter(|capacity| (1..=CAPACITY_MAX).contains(capacity));
        let capacity = capacity.ok_or_else(|| {
            let burst_max = CAPACITY_MAX / credit;
            Wrong::plain(
                burst.to_string(),
                format!("1 to {burst_max}, what can be counted exactly over so long a span"),
            )
        })?;
        Ok(Terms { refill, credit, capacity, lease_us: 0 })
    }

    /// Credits earned in a microsecond.
    #[must_use]
    pub const fn refill(self) -> u64 {
        self.refill
    }

    /// Credits that one token costs.
    #[must_use]
    pub const fn credit(self) -> u64 {
        self.credit
    }

    /// Credits held when full.
    #[must_use]
    pub const fn capacity(self) -> u64 {
        self.capacity
    }

    /// Tokens held when full.
    #[must_use]
    pub const fn burst(self) -> u64 {
        self.capacity / self.credit
    }

    /// How long a call counts as in flight unless its lease is renewed, where calls in flight are counted.
    #[must_use]
    pub const fn lease(self) -> Option<Duration> {
        if self.counts_in_flight() { Some(Duration::from_micros(self.lease_us)) } else { None }
    }

    /// The same in microseconds, 0 where no calls in flight are counted.
    pub(crate) const fn lease_us(self) -> u64 {
        self.lease_us
    }

    /// Whether these are terms of calls in flight: time alone gives nothing back.
    pub(crate) const fn counts_in_flight(self) -> bool {
        self.refill == 0
    }

    /// Credits that are there with this debt. A debt beyond the capacity leaves none.
    pub(crate) const fn level(self, debt: u64) -> u64 {
        self.capacity.saturating_sub(debt)
    }

    /// Whole tokens that are there with this debt.
    pub(crate) const fn remaining_tokens(self, debt: u64) -> u64 {
        self.level(debt) / self.credit
    }

    /// Microseconds until `cost_tokens` fit, after the `ahead_tokens` that are granted before them; 0 if they
    /// fit now. Exact: they do not fit a microsecond earlier. Saturates at `u64::MAX`.
    ///
    /// A cost above the burst never fits; calls that cost so much are refused before it comes to this. When a call in
    /// flight will be over nobody knows: 0.
    pub(crate) fn wait_us(self, debt: u64, cost_tokens: u64, ahead_tokens: u64) -> u64 {
        if self.counts_in_flight() {
            return 0;
        }
        let need = (u128::from(cost_tokens) + u128::from(ahead_tokens)) * u128::from(self.credit);
        let missing = (u128::from(debt) + need).saturating_sub(u128::from(self.capacity));
        u64::try_from(missing.div_ceil(u128::from(self.refill))).unwrap_or(u64::MAX)
    }

    /// Of the two the terms that take longer to earn a token.
    pub(super) fn slower(self, other: Terms) -> Terms {
        let speed = |refill: u64, credit: u64| u128::from(refill) * u128::from(credit);
        if speed(other.refill, self.credit) < speed(self.refill, other.credit) { other } else { self }
    }

    /// Terms at which neither owes anything for longer: the slower ones, with the larger burst.
    pub(super) fn outlasting(self, other: Terms) -> Terms {
        let (slower, burst) = (self.slower(other), self.burst().max(other.burst()));
        Terms { capacity: burst.saturating_mul(slower.credit).min(CAPACITY_MAX), ..slower }
    }

    /// Microseconds in which so many tokens are earned, rounded down. Saturates at `u64::MAX`; 0 for calls in flight.
    pub(crate) fn earned_in_us(self, tokens: u64) -> u64 {
        if self.counts_in_flight() {
            return 0;
        }
        let credits = u128::from(tokens) * u128::from(self.credit);
        u64::try_from(credits / u128::from(self.refill)).unwrap_or(u64::MAX)
    }

    /// Microseconds until the bucket is full again; for calls in flight at the latest, if no lease is renewed.
    pub(crate) const fn full_in_us(self, debt: u64) -> u64 {
        if self.counts_in_flight() {
            return if debt > 0 { self.lease_us } else { 0 };
        }
        debt.div_ceil(self.refill)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
