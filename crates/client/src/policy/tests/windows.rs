//! The promise of a quota, checked on a bucket that counts in exact integers: never more in any window, and
//! nothing wasted.

use super::super::quantity::{Quantity, Span};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A bucket as the scripts have it: a debt, and when it was last looked at.
struct Naive {
    terms: Terms,
    debt: u128,
    at_us: u64,
}

impl Naive {
    fn full(terms: Terms) -> Naive {
        Naive { terms, debt: 0, at_us: 0 }
    }

    fn grants(&mut self, now_us: u64, tokens: u64) -> bool {
        let earned = u128::from(now_us - self.at_us) * u128::from(self.terms.refill());
        self.debt = self.debt.saturating_sub(earned);
        self.at_us = now_us;
        let debt = self.debt + u128::from(tokens) * u128::from(self.terms.credit());
        let fits = debt <= u128::from(self.terms.capacity());
        if fits {
            self.debt = debt;
        }
        fits
    }
}

/// A quota of `tokens` in `window_us`.
#[derive(Debug, Clone, Copy)]
struct Case {
    tokens: u64,
    burst: u64,
    window_us: u64,
    slack_us: u64,
}

impl Case {
    /// All small ones.
    fn small() -> impl Iterator<Item = Case> {
        let shapes = (1..=5).flat_map(|tokens| (1..=tokens).map(move |burst| (tokens, burst)));
        shapes.flat_map(|(tokens, burst)| {
            let spans = (1..=5).flat_map(|window_us| (0..=2).map(move |slack_us| (window_us, slack_us)));
            spans.map(move |(window_us, slack_us)| Case { tokens, burst, window_us, slack_us })
        })
    }

    fn terms(self) -> Terms {
        let quota = Quantity::parse(&format!("{}/{}us", self.tokens, self.window_us)).unwrap();
        let slack = Span::parse(&format!("{}us", self.slack_us)).unwrap();
        Terms::of_quota(quota, slack, Some(self.burst)).unwrap()
    }

    fn length_us(self) -> u64 {
        self.window_us + self.slack_us
    }
}

/// The most tokens in any closed interval of this length, of grants in order of time.
fn busiest(grants: &[(u64, u64)], length_us: u64) -> u64 {
    let within = |start: usize| {
        let end_us = grants[start].0 + length_us;
        grants[start..].iter().take_while(|grant| grant.0 <= end_us).map(|grant| grant.1).sum()
    };
    (0..grants.len()).map(within).max().unwrap_or(0)
}

/// Takes every token as soon as it is there.
fn greedy(terms: Terms, until_us: u64) -> Vec<(u64, u64)> {
    let mut bucket = Naive::full(terms);
    let mut grants = Vec::new();
    for now_us in 0..=until_us {
        while bucket.grants(now_us, 1) {
            grants.push((now_us, 1));
        }
    }
    grants
}

/// Every demand over the first microseconds: nothing, a token, or two at once, at each of them, for all small
/// quotas, bursts, windows and slacks.
#[test]
fn no_window_sees_more_than_the_quota_whatever_is_asked() {
    const TICKS: u32 = 9;
    for case in Case::small() {
        for demand in 0..3_u64.pow(TICKS) {
            let mut bucket = Naive::full(case.terms());
            let mut grants = Vec::new();
            for now_us in 0..u64::from(TICKS) {
                let tokens = demand / 3_u64.pow(u32::try_from(now_us).unwrap()) % 3;
                if tokens > 0 && bucket.grants(now_us, tokens) {
                    grants.push((now_us, tokens));
                }
            }
            let busiest = busiest(&grants, case.length_us());
            assert!(busiest <= case.tokens, "{busiest} in a window of {case:?}: {grants:?}");
        }
    }
}

/// Small quotas of a burst above 1, unless they ask for a token a microsecond and more.
fn bursting() -> impl Iterator<Item = Case> {
    Case::small().filter(|case| case.burst > 1 && case.length_us() > case.tokens - case.burst)
}

#[test]
fn greedy_demand_gets_the_whole_quota() {
    for case in bursting() {
        let grants = greedy(case.terms(), 2 * case.length_us());
        assert_eq!(busiest(&grants, case.length_us()), case.tokens, "wasted by {case:?}: {grants:?}");
    }
}

/// A refill one higher, or a token one credit cheaper, lets a window go over.
#[test]
fn the_terms_of_a_quota_are_the_best_there_are() {
    for case in bursting() {
        let refill = case.tokens - case.burst + 1;
        let (faster, cheaper) = ((refill + 1, case.length_us() + 1), (refill, case.length_us()));
        for (refill, credit) in [faster, cheaper] {
            let terms = Terms::reduced(refill, credit, case.burst).unwrap();
            let grants = greedy(terms, 2 * case.length_us());
            assert!(busiest(&grants, case.length_us()) > case.tokens, "{terms:?} is better for {case:?}");
        }
    }
}

#[test]
fn without_a_burst_grants_are_as_close_as_whole_microseconds_allow() {
    for case in Case::small().filter(|case| case.burst == 1) {
        let closest_us = case.length_us() / case.tokens + 1;
        let grants = greedy(case.terms(), 20 * case.length_us());
        let even = grants.windows(2).all(|pair| pair[1].0 - pair[0].0 == closest_us);
        assert!(even, "{case:?}: {grants:?}, {closest_us} us apart were possible");
    }
}

#[test]
fn a_quota_of_one_gives_one_a_window() {
    let terms = Terms::of_quota(Quantity::parse("1/1m").unwrap(), Span::default(), None).unwrap();
    assert_eq!((terms.refill(), terms.credit(), terms.capacity()), (1, 60_000_001, 60_000_001));
}

#[test]
fn terms_are_in_lowest_terms_with_their_default_burst() {
    let rows = [
        ("10/s", 10, 1, 100_000),
        ("1/m", 1, 1, 60_000_000),
        ("90/m", 1, 3, 2_000_000),
        ("3/2s", 1, 3, 2_000_000),
    ];
    for (rate, burst, refill, credit) in rows {
        let terms = Terms::of_rate(Quantity::parse(rate).unwrap(), None).unwrap();
        assert_eq!((terms.burst(), terms.refill(), terms.credit()), (burst, refill, credit), "{rate}");
    }
    let terms =
        Terms::of_quota(Quantity::parse("300/1m").unwrap(), Span::parse("500ms").unwrap(), None).unwrap();
    assert_eq!((terms.burst(), terms.refill(), terms.credit()), (30, 271, 60_500_001));
}

#[test]
fn a_bucket_tells_what_is_there_and_when_the_rest_comes() {
    // 10 tokens, one every 100 ms.
    let terms = Terms::of_rate(Quantity::parse("10/s").unwrap(), None).unwrap();
    let rows = [
        // debt, level, tokens left, wait for 1, wait for 10, wait for 1 behind 2
        (0, 1_000_000, 10, 0, 0, 0),
        (1, 999_999, 9, 0, 1, 0),
        (900_001, 99_999, 0, 1, 900_001, 200_001),
        (1_000_000, 0, 0, 100_000, 1_000_000, 300_000),
        (1_500_000, 0, 0, 600_000, 1_500_000, 800_000),
    ];
    for (debt, level, tokens, one, all, third) in rows {
        assert_eq!((terms.level(debt), terms.remaining_tokens(debt)), (level, tokens), "debt {debt}");
        let waits = [terms.wait_us(debt, 1, 0), terms.wait_us(debt, 10, 0), terms.wait_us(debt, 1, 2)];
        assert_eq!(waits, [one, all, third], "debt {debt}");
        assert_eq!(terms.full_in_us(debt), debt);
    }
    assert_eq!(terms.wait_us(u64::MAX, u64::MAX, u64::MAX), u64::MAX, "saturates");
}

fn any_quota() -> impl Strategy<Value = Case> {
    (1..=400_u64).prop_flat_map(|tokens| {
        let case = (1..=tokens, 1..=2_000_000_u64, 0..=100_000_u64);
        case.prop_map(move |(burst, window_us, slack_us)| Case { tokens, burst, window_us, slack_us })
    })
}

proptest! {
    /// Random demand, now asking at the very microsecond at which the next tokens are due, now a little late.
    #[test]
    fn no_window_sees_more_than_the_quota(
        case in any_quota(),
        asks in vec((1..=3_u64, prop_oneof![Just(0), 0..=3_u64, 0..=3_000_000_u64]), 1..800),
    ) {
        let terms = case.terms();
        let mut bucket = Naive::full(terms);
        let mut grants = Vec::new();
        for (tokens, late_us) in asks {
            let tokens = tokens.min(case.burst);
            let debt = u64::try_from(bucket.debt).unwrap();
            let now_us = bucket.at_us + terms.wait_us(debt, tokens, 0) + late_us;
            prop_assert!(bucket.grants(now_us, tokens), "a told wait was too short");
            grants.push((now_us, tokens));
        }
        let busiest = busiest(&grants, case.length_us());
        prop_assert!(busiest <= case.tokens, "{} in a window", busiest);
    }

    #[test]
    fn a_told_wait_is_exact(case in any_quota(), parts in 0..=1_000_u64, tokens in 1..=400_u64) {
        let terms = case.terms();
        let tokens = tokens.min(case.burst);
        let debt = terms.capacity() / 1_000 * parts;
        let bucket = || Naive { terms, debt: debt.into(), at_us: 0 };
        let wait_us = terms.wait_us(debt, tokens, 0);
        prop_assert!(bucket().grants(wait_us, tokens));
        prop_assert!(wait_us == 0 || !bucket().grants(wait_us - 1, tokens));
        let full_us = terms.full_in_us(debt);
        prop_assert!(bucket().grants(full_us, case.burst));
        prop_assert!(full_us == 0 || !bucket().grants(full_us - 1, case.burst));
    }
}
