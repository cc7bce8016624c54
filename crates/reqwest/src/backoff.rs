//! How long to wait before the next try, so that not all come at once.

use std::time::Duration;

/// Before the first retry, at the most.
const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(10);

/// Where nobody says how long to wait: a random time, up to 200 ms before the first retry and twice as long before each
/// further one, at most 10 s. A half of it at least, so that a try is never at once.
pub(crate) fn guessed(tries: u32) -> Duration {
    let most = FIRST.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(MOST);
    most / 2 + up_to(most / 2)
}

/// Where somebody says it: that, and up to a tenth more, at least 50 ms and at most 2 s of it.
pub(crate) fn told(wait: Duration) -> Duration {
    wait.saturating_add(up_to((wait / 10).clamp(Duration::from_millis(50), Duration::from_secs(2))))
}

/// A random time, none to `most`.
fn up_to(most: Duration) -> Duration {
    most.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_never_undercut_and_not_much_exceeded() {
        for wait in [0, 1, 42, 86_400].map(Duration::from_secs) {
            let waits: Vec<_> = (0..100).map(|_| told(wait)).collect();
            assert!(
                waits.iter().all(|&each| each >= wait && each <= wait + Duration::from_secs(2)),
                "{waits:?}"
            );
            assert!(waits.iter().any(|&each| each != waits[0]), "all came back at once: {waits:?}");
        }
    }

    #[test]
    fn a_guess_grows_up_to_an_end() {
        for (tries, most) in [(1, 200), (2, 400), (5, 3_200), (6, 6_400), (7, 10_000), (u32::MAX, 10_000)] {
            let most = Duration::from_millis(most);
            let wait = guessed(tries);
            assert!(wait >= most / 2 && wait <= most, "{tries}: {wait:?}");
        }
    }
}
