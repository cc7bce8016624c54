//! What callers were told that the store does not know: which calls were refused, and how long others had waited. It
//! goes with the next batch, to be counted there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::Report;

/// Most buckets that something is kept of. While the store can't be reached there may be more; what they have to tell
/// is lost.
const BUCKETS_MOST: usize = 10_000;

/// Of each bucket, by its name, what was not reported yet.
#[derive(Debug, Default)]
pub(crate) struct Reports(Mutex<HashMap<String, Report>>);

impl Reports {
    /// Notes that a call was refused for a bucket. Whether this is the first thing to tell since the last batch took
    /// everything along.
    #[must_use]
    pub(crate) fn refused(&self, bucket: &str) -> bool {
        self.note(bucket, |report| report.refused += 1)
    }

    /// Notes that a call was granted that had waited for a bucket. Whether this is the first thing to tell.
    #[must_use]
    pub(crate) fn waited(&self, bucket: &str, waited: Duration) -> bool {
        let waited_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.note(bucket, |report| {
            report.add(&Report { waits: 1, waited_us, longest_us: waited_us, refused: 0 });
        })
    }

    fn note(&self, bucket: &str, note: impl FnOnce(&mut Report)) -> bool {
        let mut reports = self.all();
        let is_first = reports.is_empty();
        if let Some(report) = reports.get_mut(bucket) {
            note(report);
        } else if reports.len() < BUCKETS_MOST {
            note(reports.entry(bucket.to_owned()).or_default());
        }
        is_first
    }

    /// Takes as much as goes into a batch. Whether there is more.
    pub(super) fn take(&self, most: usize) -> (Vec<(String, Report)>, bool) {
        let mut reports = self.all();
        let taken: Vec<_> = if reports.len() <= most {
            reports.drain().collect()
        } else {
            let names: Vec<_> = reports.keys().take(most).cloned().collect();
            names.into_iter().filter_map(|name| reports.remove_entry(&name)).collect()
        };
        (taken, !reports.is_empty())
    }

    /// Keeps what a batch has not been able to tell.
    pub(super) fn put_back(&self, told: Vec<(String, Report)>) {
        let mut reports = self.all();
        for (bucket, report) in told {
            if reports.len() < BUCKETS_MOST || reports.contains_key(&bucket) {
                reports.entry(bucket).or_default().add(&report);
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Report>> {
        // Sums stay right whatever a thread has been doing with the others.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_taken_once_and_what_comes_back_is_added() {
        let reports = Reports::default();
        assert!(reports.refused("org:a") && !reports.refused("org:a"));
        assert!(!reports.waited("org:b", Duration::from_millis(2)));
        let (taken, more) = reports.take(1);
        assert!(taken.len() == 1 && more);
        reports.put_back(taken);
        assert!(!reports.waited("org:b", Duration::from_millis(1)));
        let (mut taken, more) = reports.take(10);
        taken.sort_by(|one, other| one.0.cmp(&other.0));
        let refused = Report { refused: 2, ..Report::default() };
        let waited = Report { waits: 2, waited_us: 3_000, longest_us: 2_000, refused: 0 };
        assert_eq!(taken, [("org:a".to_owned(), refused), ("org:b".to_owned(), waited)]);
        assert!(!more && reports.take(10).0.is_empty());
    }
}
