//! Who calls from where, and when somebody clicks: drawn from the seed, the same for every client.

use std::time::Duration;

use crate::settings::Settings;

/// What the first organisation asks for, in callers of another.
const GREED: usize = 10;

/// Callers that a fleet has at least, so that also a small one asks for more than there is.
const CALLERS_LEAST: usize = 40;

/// The calls of one run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Traffic {
    /// Their names.
    pub(crate) orgs: Vec<String>,
    /// Callers that work off a batch: each sends its next call when the last one is done.
    pub(crate) workers: Vec<Post>,
    /// Calls that somebody waits for, in order. They come whether or not the ones before have been answered.
    pub(crate) clicks: Vec<Click>,
}

/// Where a call is sent from, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) replica: usize,
    pub(crate) org: usize,
}

/// A call that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Click {
    /// Since the beginning.
    pub(crate) at: Duration,
    pub(crate) post: Post,
}

impl Traffic {
    pub(crate) fn draw(settings: &Settings) -> Self {
        let &Settings { replicas, orgs, seed, .. } = settings;
        let each = CALLERS_LEAST.div_ceil(replicas * orgs);
        let posts = (0..replicas).flat_map(|replica| (0..orgs).map(move |org| Post { replica, org }));
        let workers = posts.flat_map(|post| {
            let callers = if post.org == 0 { GREED * each } else { each };
            std::iter::repeat_n(post, callers)
        });
        let mut random = fastrand::Rng::with_seed(seed);
        let mut at = Duration::ZERO;
        let clicks = std::iter::from_fn(|| {
            // The gap between two events that know nothing of each other.
            at += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / settings.scenario.clicks_per_s);
            let post = Post { replica: random.usize(..replicas), org: random.usize(..orgs) };
            (at < settings.length()).then_some(Click { at, post })
        });
        Self {
            clicks: clicks.collect(),
            workers: workers.collect(),
            orgs: (1..=orgs).map(|number| format!("org-{number}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn traffic(seed: u64) -> Traffic {
        let scenario = Scenario::built_in("hidden").expect("it is built in").expect("it is right");
        Traffic::draw(&Settings { seed, ..Settings::of(scenario) })
    }

    #[test]
    fn one_seed_is_one_traffic() {
        assert_eq!(traffic(7), traffic(7));
        assert_ne!(traffic(7).clicks, traffic(8).clicks);
    }

    #[test]
    fn every_organisation_calls_from_every_replica_and_the_first_asks_for_ten_times_as_much() {
        let Traffic { orgs, workers, clicks } = traffic(1);
        let of = |org: usize| workers.iter().filter(|post| post.org == org).count();
        assert_eq!((orgs.len(), of(0), of(1), of(49)), (50, 80, 8, 8));
        assert!(clicks.is_sorted_by_key(|click| click.at), "{clicks:?}");
        // 20 a second for 12 s, give or take three standard deviations.
        assert!((190..=290).contains(&clicks.len()), "{}", clicks.len());
    }
}
