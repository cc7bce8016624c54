//! What the provider refuses: the bucket that explains it is paused, begins empty, and goes at a pace that it has to
//! earn back.

use std::time::Duration;

use tollgate::Call;
use tollgate::engine::{
    BackOff, BackOffReply, Blamed, CallState, Calls, Peek, RefusedCall, Reply, Reporter, Script, Standing,
};
use tollgate::policy::Path;

use crate::in_flight::{self, tell};
use crate::namespace::Namespace;

/// In the order of the path: a wide limit, one for each client, one for each client and organisation.
pub(crate) const LIMITS: &str = "limit = [\
    { name = \"platform\", per = [], rate = \"1000/s\", burst = 100 }, \
    { name = \"token\", per = [\"client\"], rate = \"100/s\", burst = 20 }, \
    { name = \"org\", per = [\"client\", \"org\"], rate = \"10/s\", burst = 10 }]";

const SECOND_US: u64 = 1_000_000;
const PAUSE: Duration = Duration::from_secs(30);
const PAUSE_US: u64 = 30 * SECOND_US;
/// Longer than the pause, so it is what a pace is counted over.
const WINDOW: Duration = Duration::from_secs(60);
const WINDOW_US: u64 = 60 * SECOND_US;
const FULL: u32 = 1024;

pub(crate) fn path_of(namespace: &Namespace, org: &str) -> Path {
    namespace.path(&Call::get("/").client("app").org(org))
}

/// The provider has refused a call over the buckets in these places, from the narrowest to the widest.
pub(crate) fn refuse(
    namespace: &mut Namespace,
    path: &Path,
    places: &[usize],
    granted_at_us: u64,
) -> BackOffReply {
    let blamed = if places.len() == 1 { Blamed::Named } else { Blamed::Narrowest };
    let refused = RefusedCall { granted_at_us, wait: PAUSE, blamed, ..RefusedCall::default() };
    tell_refused(namespace, path, places, (refused, WINDOW))
}

/// The same of any call, by limits that are counted over `window`.
pub(crate) fn tell_refused(
    namespace: &mut Namespace,
    path: &Path,
    places: &[usize],
    (refused, window): (RefusedCall, Duration),
) -> BackOffReply {
    let org = path.flow().split_once(':').map_or("", |(_, org)| org).to_owned();
    let mut refused =
        BackOff::new(refused).reported_by(Reporter { replica: "r0".to_owned(), org, ..Reporter::default() });
    for &place in places {
        refused.push(&path.buckets()[place], window);
    }
    let argument = refused.encode(namespace.policy(), namespace.fence(), &namespace.server());
    match refused.decode(&namespace.ask(Script::BACK_OFF, argument)).expect("a reply") {
        Reply::Done(reply) => reply,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn standing(namespace: &mut Namespace, path: &Path) -> Vec<Standing> {
    let mut question = Peek::default();
    path.buckets().iter().for_each(|bucket| question.push(bucket));
    let argument = question.encode(namespace.policy(), namespace.fence(), &namespace.server());
    match question.decode(&namespace.ask(Script::PEEK, argument)).expect("a reply") {
        Reply::Done(reply) => reply.buckets,
        other => panic!("{other:?}"),
    }
}

fn shares(namespace: &mut Namespace, path: &Path) -> Vec<u32> {
    standing(namespace, path).iter().map(|standing| standing.share).collect()
}

pub(crate) fn granted(namespace: &mut Namespace, path: &Path, calls: u32) -> u32 {
    namespace.acquire_on(path, calls).entries[0].granted
}

/// Grants whatever there is, in small steps, for so long.
pub(crate) fn use_up(namespace: &mut Namespace, path: &Path, time_us: u64) -> u32 {
    let mut all = 0;
    for _ in 0..time_us / 10_000 {
        namespace.clock_us += 10_000;
        all += granted(namespace, path, 100);
    }
    all
}

/// Nothing passes for as long as the provider wants, to the microsecond; then the bucket begins empty. Others go on.
#[test]
pub(crate) fn a_refused_call_pauses_its_bucket_and_no_other() {
    let mut namespace = Namespace::new(LIMITS);
    let (path, other) = (path_of(&namespace, "acme"), path_of(&namespace, "globex"));
    granted(&mut namespace, &path, 3);
    let now_us = namespace.clock_us;
    let reply = refuse(&mut namespace, &path, &[2], now_us);
    assert_eq!((reply.bucket, reply.paused_us, reply.is_cut), (Some(0), PAUSE_US, true), "{reply:?}");

    let refused = namespace.acquire_on(&path, 1).entries[0].clone();
    assert_eq!((refused.granted, refused.by), (0, Some(2)), "{refused:?}");
    assert!(refused.wait_us > PAUSE_US, "a token has to be earned first: {refused:?}");
    namespace.clock_us += refused.wait_us - 1;
    assert_eq!(granted(&mut namespace, &path, 1), 0, "a microsecond too early");
    namespace.clock_us += 1;
    assert_eq!(granted(&mut namespace, &path, 9), 1, "at the time told, and no more than that one");
    assert_eq!(granted(&mut namespace, &other, 5), 5);
    assert_eq!(shares(&mut namespace, &path), [FULL, FULL, 922]);
}

/// Two hundred calls were on their way when the first of them was refused: one cut, one pause.
#[test]
pub(crate) fn a_storm_of_refusals_is_one_cut() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let granted_at_us = namespace.clock_us;
    granted(&mut namespace, &path, 10);
    let mut cuts = 0;
    for _ in 0..200 {
        namespace.clock_us += 1_000;
        cuts += u32::from(refuse(&mut namespace, &path, &[2], granted_at_us).is_cut);
    }
    assert_eq!(cuts, 1);
    assert_eq!(shares(&mut namespace, &path)[2], 922);
}

/// A refusal that comes late, of a call from before the pause, says nothing of what was granted after it.
#[test]
pub(crate) fn an_old_refusal_pauses_nothing_again() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let granted_at_us = namespace.clock_us;
    granted(&mut namespace, &path, 2);
    refuse(&mut namespace, &path, &[2], granted_at_us);
    namespace.clock_us += PAUSE_US + SECOND_US;
    let late = refuse(&mut namespace, &path, &[2], granted_at_us);
    assert_eq!((late.paused_us, late.is_cut, late.share), (0, false, 922), "{late:?}");
    assert!(granted(&mut namespace, &path, 20) >= 8, "what was earned since is there");
}

/// What was granted since the last cut when the provider refuses again is what it allows: the pace goes there at once,
/// and not tenth by tenth. Once a window, and by half at the most.
#[test]
pub(crate) fn a_second_cut_goes_by_what_was_granted() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let before = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], before);
    namespace.clock_us += PAUSE_US;
    // Three quarters of what passes in a window, as the pace is.
    let passed = use_up(&mut namespace, &path, WINDOW_US * 3 / 4);
    let now_us = namespace.clock_us;
    let second = refuse(&mut namespace, &path, &[2], now_us);
    assert!(second.is_cut);
    let (least, most) = (922 * 73 / 100, 922 * 74 / 100);
    assert!((least..=most).contains(&second.share), "{passed} had passed, {second:?}");

    namespace.clock_us += PAUSE_US + SECOND_US;
    granted(&mut namespace, &path, 1);
    let now_us = namespace.clock_us;
    let third = refuse(&mut namespace, &path, &[2], now_us);
    assert!(!third.is_cut && third.paused_us == PAUSE_US, "in the window of the last cut: {third:?}");
    namespace.clock_us += PAUSE_US + SECOND_US;
    granted(&mut namespace, &path, 1);
    let now_us = namespace.clock_us;
    let fourth = refuse(&mut namespace, &path, &[2], now_us);
    assert_eq!((fourth.is_cut, fourth.share), (true, second.share / 2), "{fourth:?}");
}

/// A pace is raised as long as it is used up, to the quota and not beyond; one that is not used stays.
#[test]
pub(crate) fn a_pace_is_raised_only_while_it_is_used() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let before = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], before);
    namespace.clock_us += PAUSE_US + WINDOW_US;
    granted(&mut namespace, &path, 1);
    for _ in 0..20 {
        namespace.clock_us += WINDOW_US;
        granted(&mut namespace, &path, 1);
    }
    assert_eq!(shares(&mut namespace, &path)[2], 922, "nobody has used it up");

    let mut seen = vec![922];
    while seen.len() < 6 {
        let passed = use_up(&mut namespace, &path, WINDOW_US);
        assert!(passed <= 600 + 10, "{passed} is more than the quota");
        seen.push(shares(&mut namespace, &path)[2]);
    }
    assert!(seen.is_sorted() && seen.last() == Some(&FULL), "{seen:?}");
    seen.dedup();
    let steps: Vec<_> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps[1] > steps[0], "it is raised faster as it goes well: {seen:?}");
}

/// It goes down no further than a sixty-fourth.
#[test]
pub(crate) fn a_pace_never_comes_to_nothing() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    for _ in 0..40 {
        let now_us = namespace.clock_us;
        refuse(&mut namespace, &path, &[2], now_us);
        namespace.clock_us += PAUSE_US + WINDOW_US;
    }
    assert_eq!(shares(&mut namespace, &path)[2], 16);
    // Ten a second, of which a sixty-fourth is left.
    let passed = use_up(&mut namespace, &path, 64 * SECOND_US);
    assert!((9..=30).contains(&passed), "{passed}");
}

/// Nobody is told which limit it was: it is the narrowest of which half is spent, or else the narrowest.
#[test]
pub(crate) fn an_unnamed_refusal_is_put_down_to_the_narrowest_that_explains_it() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let narrow_first = [2, 1, 0];
    let now_us = namespace.clock_us;
    assert_eq!(refuse(&mut namespace, &path, &narrow_first, now_us).bucket, Some(0));

    let mut namespace = Namespace::new(LIMITS);
    for org in ["a", "b", "c", "d"] {
        let path = path_of(&namespace, org);
        granted(&mut namespace, &path, 3);
    }
    let now_us = namespace.clock_us;
    let reply = refuse(&mut namespace, &path, &narrow_first, now_us);
    assert_eq!(reply.bucket, Some(1), "of the token's twenty twelve are spent: {reply:?}");
}

/// Three organisations of one client are refused within ten seconds: it is what they share.
#[test]
pub(crate) fn several_at_once_are_put_down_to_what_they_share() {
    let mut namespace = Namespace::new(LIMITS);
    let mut buckets = Vec::new();
    for org in ["a", "b", "b", "a", "c"] {
        let path = path_of(&namespace, org);
        namespace.clock_us += SECOND_US;
        let now_us = namespace.clock_us;
        buckets.push(refuse(&mut namespace, &path, &[2, 1, 0], now_us).bucket);
    }
    assert_eq!(buckets, [0, 0, 0, 0, 1].map(Some));
    let path = path_of(&namespace, "d");
    assert_eq!(granted(&mut namespace, &path, 1), 0);

    let mut namespace = Namespace::new(LIMITS);
    for org in ["a", "b", "c", "d"] {
        let path = path_of(&namespace, org);
        namespace.clock_us += 6 * SECOND_US;
        let now_us = namespace.clock_us;
        assert_eq!(refuse(&mut namespace, &path, &[2, 1, 0], now_us).bucket, Some(0), "one after the other");
    }
}

/// What the provider said holds across a change of the quota, a failover and a sweep.
#[test]
pub(crate) fn a_pause_outlives_changes_failovers_and_sweeps() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let now_us = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], now_us);
    namespace.change(&LIMITS.replace("\"10/s\", burst = 10", "\"50/s\", burst = 50"));
    let raised = path_of(&namespace, "acme");
    assert_eq!(granted(&mut namespace, &raised, 1), 0, "a raise ends no pause");
    namespace.failover();
    assert_eq!(granted(&mut namespace, &raised, 1), 0);
    namespace.clock_us += 15 * SECOND_US;
    while namespace.sweep().wait_us == 0 {}
    let standing = standing(&mut namespace, &raised)[2];
    assert_eq!((standing.paused_us, standing.share), (PAUSE_US / 2, 922));

    namespace.clock_us += PAUSE_US + 12 * WINDOW_US;
    while namespace.sweep().wait_us == 0 {}
    let fields = namespace.lab.state().state;
    assert!(fields.iter().all(|(field, _)| !field.starts_with(b"b:org")), "nothing is left of it");
}

/// Who had to pay for a call later, or has been given back, ends no pause.
#[test]
pub(crate) fn a_correction_ends_no_pause() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    granted(&mut namespace, &path, 4);
    let granted_at_us = namespace.clock_us;
    namespace.clock_us += 1_000;
    refuse(&mut namespace, &path, &[2], granted_at_us);
    let policy = namespace.policy().clone();
    namespace.settle(&path, &policy, granted_at_us, &[0, 0, 0]);
    assert_eq!(granted(&mut namespace, &path, 1), 0);
    assert_eq!(standing(&mut namespace, &path)[2].paused_us, PAUSE_US);
}

/// A bucket begins empty after a pause, whatever happens in it: a failover, or calls that are given back.
#[test]
pub(crate) fn a_pause_ends_with_an_empty_bucket() {
    for what in ["failover", "given back"] {
        let mut namespace = Namespace::new(LIMITS);
        let path = path_of(&namespace, "acme");
        granted(&mut namespace, &path, 10);
        let granted_at_us = namespace.clock_us;
        namespace.clock_us += 1_000;
        refuse(&mut namespace, &path, &[2], granted_at_us);
        namespace.clock_us += SECOND_US;
        if what == "failover" {
            namespace.failover();
            // The first script that runs there sees it, and writes nothing of this bucket.
            let other = path_of(&namespace, "globex");
            granted(&mut namespace, &other, 1);
        } else {
            let policy = namespace.policy().clone();
            (0..10).for_each(|_| namespace.settle(&path, &policy, granted_at_us, &[0, 0, 0]));
        }
        namespace.clock_us += PAUSE_US - SECOND_US;
        assert_eq!(granted(&mut namespace, &path, 10), 0, "{what}");
        namespace.clock_us += SECOND_US;
        let passed = granted(&mut namespace, &path, 20);
        assert!((8..=10).contains(&passed), "{what}: {passed}");
    }
}

/// A call that is asked for again under its name has been paid for, but the provider wants to see no call.
#[test]
pub(crate) fn a_call_asked_for_again_waits_for_the_end_of_a_pause() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let named = || Calls::trying(1).named(Some("request".into()));
    let before = namespace.ask_for(&path, named()).debts[1];
    let granted_at_us = namespace.clock_us;
    namespace.clock_us += 1_000;
    refuse(&mut namespace, &path, &[2], granted_at_us);
    let again = namespace.ask_for(&path, named());
    assert_eq!((again.entries[0].granted, again.entries[0].by), (0, Some(2)), "{again:?}");
    namespace.clock_us += PAUSE_US;
    let again = namespace.ask_for(&path, named());
    assert_eq!(again.entries[0].granted, 1, "{again:?}");
    assert!(again.debts[1] < before, "it pays nothing more");
}

/// Three that are refused at once are so at limits of a second too.
#[test]
pub(crate) fn what_is_shared_is_found_at_short_windows() {
    let mut namespace = Namespace::new(LIMITS);
    let mut last = None;
    for org in ["a", "b", "c"] {
        let path = path_of(&namespace, org);
        namespace.clock_us += 2 * SECOND_US;
        let refused = RefusedCall {
            granted_at_us: namespace.clock_us,
            wait: Duration::from_secs(1),
            ..RefusedCall::default()
        };
        last = tell_refused(&mut namespace, &path, &[2, 1, 0], (refused, Duration::from_secs(1))).bucket;
    }
    assert_eq!(last, Some(1));
}

/// Refusals of keys that nobody is granted calls for make no more buckets than there may be.
#[test]
pub(crate) fn refusals_make_no_more_buckets_than_there_may_be() {
    let mut namespace = Namespace::new(&LIMITS.replace("burst = 10 }", "burst = 10, max_keys = 3 }"));
    let mut paused = 0;
    for org in 0..10 {
        let path = path_of(&namespace, &format!("org-{org}"));
        let now_us = namespace.clock_us;
        paused += u32::from(refuse(&mut namespace, &path, &[2], now_us).bucket.is_some());
    }
    assert_eq!(paused, 3);
    let fields = namespace.lab.state().state;
    assert_eq!(fields.iter().filter(|(field, _)| field.starts_with(b"b:org")).count(), 3);
}

/// Calls in flight earn nothing back in time, so there is nothing to slow down; but they can be paused.
#[test]
pub(crate) fn a_limit_on_calls_in_flight_can_be_paused() {
    let mut namespace =
        Namespace::new("limit = [{ name = \"org\", per = [\"org\"], concurrent = 3, lease = \"100s\" }]");
    let path = in_flight::path(&namespace);
    let reply = namespace.acquire_on(&path, 1);
    let lease = reply.entries[0].leases[0].first;
    let now_us = namespace.clock_us;
    let paused = refuse(&mut namespace, &path, &[0], now_us);
    assert_eq!((paused.paused_us, paused.is_cut, paused.share), (PAUSE_US, false, FULL));
    let refused = namespace.acquire_on(&path, 1).entries[0].clone();
    assert!(refused.granted == 0 && refused.wait_us > PAUSE_US, "{refused:?}");
    tell(&mut namespace, None, CallState::Over, &[lease]);
    assert_eq!(granted(&mut namespace, &path, 1), 0, "the end of a call ends no pause");
    namespace.clock_us += PAUSE_US;
    assert_eq!(granted(&mut namespace, &path, 5), 3);
}
