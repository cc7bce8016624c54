//! What a bucket could have granted of calls of which only the minutes are known.

use crate::policy::Terms;

const MINUTE_US: u64 = 60_000_000;

/// A bucket that is given the calls of one minute after the other, and is as well off with each as any bucket of its
/// terms can be: full at first, and asked within a minute whenever that suits it best. What it can't grant no bucket of
/// these terms could.
///
/// # Why
/// In a minute a bucket grants no more than it holds at the beginning and earns meanwhile, and ends it with what is
/// left of these, or full at most. This one grants all of that if it is asked for, and ends the minute with all of the
/// rest. A token that is granted early is one less later, and never more than one, so nothing is won by holding back:
/// up to the end of any minute no bucket has granted more of these calls, each in its minute. What is given back is
/// there at once, and in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replay {
    terms: Terms,
    /// Credits at the beginning of the next minute.
    level: u128,
    /// The minute that comes next, counted from 1970.
    next: u64,
    /// Tokens that it could not grant.
    pub(super) over: u64,
    /// Minutes in which more was granted than a bucket can that begins them full.
    pub(super) minutes_over: u64,
    /// Most that was granted in a minute, and which it was.
    pub(super) busiest: (u64, u64),
}

impl Replay {
    /// A bucket that is full when the minute `first` begins. `None` for calls in flight, which time alone does not end.
    pub(super) fn full(terms: Terms, first: u64) -> Option<Self> {
        let level = terms.capacity().into();
        let replay = Self { terms, level, next: first, over: 0, minutes_over: 0, busiest: (0, first) };
        (!terms.counts_in_flight()).then_some(replay)
    }

    /// The calls of a minute, not before the next one: so many tokens, or so many given back.
    pub(super) fn minute(&mut self, minute: u64, tokens: i64) {
        let (capacity, credit) = (u128::from(self.terms.capacity()), u128::from(self.terms.credit()));
        let idle = u128::from(minute.saturating_sub(self.next)) * earned_in_a_minute(self.terms);
        let there = capacity.min(self.level + idle) + earned_in_a_minute(self.terms);
        self.next = minute + 1;
        let Ok(asked) = u64::try_from(tokens) else {
            self.level = capacity.min(there + u128::from(tokens.unsigned_abs()) * credit);
            return;
        };
        let granted = asked.min(u64::try_from(there / credit).unwrap_or(u64::MAX));
        self.level = capacity.min(there - u128::from(granted) * credit);
        self.over += asked - granted;
        self.minutes_over += u64::from(asked > granted_in_a_minute(self.terms));
        if asked > self.busiest.0 {
            self.busiest = (asked, minute);
        }
    }
}

fn earned_in_a_minute(terms: Terms) -> u128 {
    u128::from(terms.refill()) * u128::from(MINUTE_US)
}

/// Tokens that a bucket grants at most in a minute that it begins full.
fn granted_in_a_minute(terms: Terms) -> u64 {
    let credits = u128::from(terms.capacity()) + earned_in_a_minute(terms);
    u64::try_from(credits / u128::from(terms.credit())).unwrap_or(u64::MAX)
}

/// So many tokens in a minute, in hundredths of what a bucket can grant that begins it full; rounded down, and above
/// 100 where it is more.
pub(super) fn share_percent(terms: Terms, tokens: u64) -> u64 {
    // A bucket holds at least one token.
    let most = granted_in_a_minute(terms).max(1);
    let percent = u64::try_from(u128::from(tokens) * 100 / u128::from(most)).unwrap_or(u64::MAX);
    // What is over by less than a hundredth is over nevertheless.
    if tokens > most { percent.max(101) } else { percent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Measure, Policy};
    use proptest::prelude::*;

    fn terms(limit: &str) -> Terms {
        let text = format!("namespace = 'shop'\n[[limit]]\nname = 'org'\nper = ['org']\n{limit}");
        let policy = Policy::from_toml(&text).expect("a policy");
        let limit = &policy.limits()[0];
        limit.terms(Measure::Tokens).or(limit.terms(Measure::Spacing)).expect("terms")
    }

    fn replayed(terms: Terms, minutes: &[(u64, i64)]) -> Replay {
        let mut replay = Replay::full(terms, 0).expect("tokens");
        for &(minute, tokens) in minutes {
            replay.minute(minute, tokens);
        }
        replay
    }

    #[test]
    fn a_minute_that_no_bucket_can_grant_is_over() {
        // 60 earned in a minute, and 10 that were there.
        let of = |minutes: &[(u64, i64)]| {
            let replay = replayed(terms("rate = '1/s'\nburst = 10"), minutes);
            (replay.over, replay.minutes_over, replay.busiest)
        };
        assert_eq!(of(&[(0, 70)]), (0, 0, (70, 0)));
        assert_eq!(of(&[(0, 75)]), (5, 1, (75, 0)));
        // Each fits a full bucket; all of them together do not.
        assert_eq!(of(&[(0, 70), (1, 70), (2, 62)]), (12, 0, (70, 0)));
        // A minute in which nobody came fills it again, and no more than that.
        assert_eq!(of(&[(0, 70), (2, 70), (9, 71)]), (1, 1, (71, 9)));
        // What was given back may be granted again.
        assert_eq!(of(&[(0, 70), (1, -5), (2, 70)]), (0, 0, (70, 0)));
    }

    #[test]
    fn a_share_above_a_hundred_is_a_minute_over() {
        let terms = terms("rate = '1/s'\nburst = 10");
        assert_eq!([35, 70, 71, 140].map(|tokens| share_percent(terms, tokens)), [50, 100, 101, 200]);
        assert_eq!(share_percent(self::terms("quota = '300/1m'"), 300), 100);
        assert_eq!(share_percent(self::terms("rate = '10/s'\nburst = 1000"), 1_601), 101);
    }

    /// A bucket of these terms, to the microsecond: what it refuses of calls at these times, each with its cost, in
    /// tokens and minutes.
    fn refused_by_a_bucket(terms: Terms, level: u64, calls: &[(u64, u64)]) -> (u64, u64) {
        let (mut level, mut at, mut refused, mut minutes) = (u128::from(level), 0, 0, Vec::new());
        for &(time, cost) in calls {
            let earned = u128::from(time - at) * u128::from(terms.refill());
            level = u128::from(terms.capacity()).min(level + earned);
            at = time;
            if let Some(left) = level.checked_sub(u128::from(cost) * u128::from(terms.credit())) {
                level = left;
            } else {
                refused += cost;
                minutes.push(time / MINUTE_US);
            }
        }
        minutes.dedup();
        (refused, minutes.len() as u64)
    }

    proptest! {
        /// Whenever the calls come within their minutes, whatever the bucket holds at first: it refuses at least so
        /// many tokens, up to the end of any minute, and in at least so many minutes.
        #[test]
        fn no_bucket_refuses_less(
            (limit, mut calls, level) in (
                prop::sample::select(vec![
                    "rate = '1/s'\nburst = 10", "quota = '30/1m'", "quota = '1/1m'", "rate = '7/3s'\nburst = 100", "rate = '3/1h'\nburst = 20",
                    "spacing = '7s'",
                ]),
                prop::collection::vec((0..5 * MINUTE_US, 1_u64..8), 0..400),
                0_u64..=100,
            ),
        ) {
            let terms = terms(limit);
            calls.sort_unstable();
            for (_, cost) in &mut calls {
                *cost = terms.burst().min(*cost);
            }
            let level = terms.capacity() / 100 * level;
            let mut replay = Replay::full(terms, 0).expect("tokens");
            for minute in 0..5 {
                let in_it = calls.iter().filter(|(at, _)| at / MINUTE_US == minute);
                let tokens: u64 = in_it.map(|(_, cost)| cost).sum();
                if tokens > 0 {
                    replay.minute(minute, i64::try_from(tokens).expect("small"));
                }
                let so_far: Vec<_> = calls.iter().copied().filter(|(at, _)| at / MINUTE_US <= minute).collect();
                let (refused, minutes) = refused_by_a_bucket(terms, level, &so_far);
                prop_assert!(replay.over <= refused, "{replay:?}, and a bucket refuses {refused}");
                prop_assert!(replay.minutes_over <= minutes, "{replay:?}, and a bucket refuses in {minutes}");
            }
        }
    }
}
