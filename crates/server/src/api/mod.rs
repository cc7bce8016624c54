//! The handlers, one file for each resource.

pub(crate) mod acquire;
pub(crate) mod audit;
pub(crate) mod buckets;
mod call;
mod change;
pub(crate) mod diagnosis;
pub(crate) mod docs;
mod dry_run;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod observe;
pub(crate) mod overrides;
pub(crate) mod pauses;
pub(crate) mod permits;
pub(crate) mod policy;
mod policy_answer;
pub(crate) mod replicas;
mod time_param;
pub(crate) mod usage;
pub(crate) mod versions;
pub(crate) mod waiters;
mod words;

use std::time::Duration;

/// Whole milliseconds, rounded up: whoever waits that long has waited long enough.
fn ms_rounded_up(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_told_shorter_than_it_is() {
        for (us, ms) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(ms_rounded_up(Duration::from_micros(us)), ms, "{us} us");
        }
        assert_eq!(ms_rounded_up(Duration::from_nanos(1)), 1);
        assert_eq!(ms_rounded_up(Duration::MAX), u64::MAX);
    }
}
