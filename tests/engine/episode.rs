//! Throttling episodes, story by story: what replicas report of a bucket is told once, whatever comes between.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::engine::{
    AcquireBatch, EpisodesPage, EpisodesReply, ListedEpisode, Reply, Report, Script, Streams,
};
use tollgate::{AuditEvent, Measure};

use crate::audit::{SECOND_US, sweep_later, told_in};
use crate::mutants::{self, Story};
use crate::namespace::{BEGINNING_US, Namespace};
use crate::program::Programs;
use crate::trace::Trace;

const LIMITS: &str = "limit = [\
    { name = \"platform\", per = [], rate = \"1000/s\", burst = 1000 }, \
    { name = \"org\", per = [\"org\"], rate = \"1/m\", burst = 200, concurrent = 5 }]";

const ACME: &str = "org:acme";
const MINUTE_US: u64 = 60 * SECOND_US;

fn refused(calls: u64) -> Report {
    Report { refused: calls, ..Report::default() }
}

fn waited(waited_us: u64, longest_us: u64) -> Report {
    Report { refused: 0, waits: 2, waited_us, longest_us }
}

/// A replica's batch that has nothing but these reports, sent twice.
fn report(namespace: &mut Namespace, reports: &[(&str, Report)]) {
    let mut batch = AcquireBatch::default();
    batch.report(reports.iter().map(|(bucket, report)| ((*bucket).to_owned(), *report)).collect());
    let argument = namespace.argument(&batch);
    for _ in 0..2 {
        let reply = batch.decode(&namespace.ask(Script::ACQUIRE, argument.clone())).expect("a reply");
        assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    }
}

/// Those that go on.
fn ongoing(namespace: &mut Namespace, limit: Option<&str>) -> Vec<ListedEpisode> {
    let argument = EpisodesPage { cursor: "0", limit }.encode();
    let reply = EpisodesPage::decode(&namespace.ask(Script::EPISODES, argument)).expect("a reply");
    let Reply::Done(EpisodesReply { now_us, cursor, mut episodes }) = reply else { panic!("{reply:?}") };
    assert_eq!((now_us, cursor.as_str()), (namespace.clock_us, "0"));
    episodes.sort_by(|one, other| one.name.cmp(&other.name));
    episodes
}

/// Those that the trail tells of, in its order.
fn told(namespace: &mut Namespace) -> Vec<AuditEvent> {
    let events = told_in(namespace, Streams::Calls).into_iter().map(|entry| entry.event);
    events.filter(|event| matches!(event, AuditEvent::Episode { .. })).collect()
}

/// Has the sweep look at everything, for so long.
fn sweep_for(namespace: &mut Namespace, seconds: u64) {
    for _ in 0..seconds / 11 {
        namespace.clock_us += 11 * SECOND_US;
        namespace.sweep();
    }
}

/// An episode of the bucket of the organisation, told when it is over.
fn episode(began_us: u64, last_us: u64, counted: Report) -> AuditEvent {
    AuditEvent::Episode {
        limit: "org".to_owned(),
        measure: Measure::Tokens,
        key: "acme".to_owned(),
        began_us,
        last_us,
        refused: counted.refused,
        waits: counted.waits,
        waited: Duration::from_micros(counted.waited_us),
        longest_wait: Duration::from_micros(counted.longest_us),
        is_over: true,
    }
}

/// Reports of a while are one episode: it goes on until nothing was reported for a minute, and is told then, once.
fn one_episode(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let first_us = namespace.clock_us;
    report(&mut namespace, &[(ACME, refused(3)), ("org/concurrent:acme", refused(1))]);
    namespace.clock_us += 40 * SECOND_US;
    // Whoever waited for so long has begun before the first refusal; a shorter wait is no longest one.
    report(&mut namespace, &[(ACME, waited(43 * SECOND_US, 42 * SECOND_US))]);
    namespace.clock_us += SECOND_US;
    report(&mut namespace, &[(ACME, waited(7, 5))]);
    let (began_us, last_us) = (first_us - 2 * SECOND_US, namespace.clock_us);
    let counted = Report { refused: 3, waits: 4, waited_us: 43 * SECOND_US + 7, longest_us: 42 * SECOND_US };
    sweep_for(&mut namespace, 55);
    let listed = ongoing(&mut namespace, Some("org"));
    let expected = ListedEpisode {
        name: ACME.to_owned(),
        began_us,
        last_us,
        refused: counted.refused,
        waits: counted.waits,
        waited_us: counted.waited_us,
        longest_us: counted.longest_us,
    };
    ensure!(listed == [expected], "{listed:?}");
    ensure!(ongoing(&mut namespace, Some("platform")).is_empty());
    let other = told(&mut namespace);
    let is_in_flight = |event: &AuditEvent| {
        matches!(event, AuditEvent::Episode { measure: Measure::InFlight, refused: 1, is_over: true, .. })
    };
    ensure!(other.len() == 1 && is_in_flight(&other[0]), "{other:?}");
    // A microsecond before the minute is over it goes on, though the sweep passes.
    namespace.clock_us = last_us + MINUTE_US - 1;
    namespace.sweep();
    ensure!(told(&mut namespace).len() == 1 && ongoing(&mut namespace, None).len() == 1);
    namespace.clock_us += 10 * SECOND_US;
    namespace.sweep();
    let all = told(&mut namespace);
    ensure!(all.len() == 2 && all[1] == episode(began_us, last_us, counted), "{all:?}");
    let left = namespace.lab.state();
    ensure!(left.get("e:org:acme").is_none() && ongoing(&mut namespace, None).is_empty(), "{left:?}");
    Ok(namespace)
}

/// What is reported before the sweep has told that an episode is over goes on with it; what comes later is another one.
fn late_sweeps(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    report(&mut namespace, &[(ACME, refused(1))]);
    namespace.clock_us += 300 * SECOND_US;
    ensure!(ongoing(&mut namespace, None).is_empty(), "it is over, though not told yet");
    report(&mut namespace, &[(ACME, refused(2))]);
    let last_us = namespace.clock_us;
    sweep_later(&mut namespace);
    let begins_us = namespace.clock_us;
    report(&mut namespace, &[(ACME, refused(4))]);
    sweep_later(&mut namespace);
    let all = told(&mut namespace);
    let expected = [episode(BEGINNING_US, last_us, refused(3)), episode(begins_us, begins_us, refused(4))];
    ensure!(all == expected, "{all:?}");
    Ok(())
}

/// An episode that does not end is told once an hour, as going on; nothing is told twice, and its end is told.
fn without_an_end(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let reports: u64 = 3 * 60 * 2 + 20;
    for number in 0..reports {
        // Some have waited for longer than an hour.
        report(
            &mut namespace,
            &[(ACME, Report { refused: 1, ..waited(4_000 * SECOND_US, 2_000 * SECOND_US + number) })],
        );
        namespace.clock_us += 15 * SECOND_US;
        namespace.sweep();
        namespace.clock_us += 15 * SECOND_US;
        namespace.sweep();
    }
    let last_us = namespace.clock_us - 30 * SECOND_US;
    sweep_later(&mut namespace);
    let all = told(&mut namespace);
    ensure!(all.len() == 4, "{all:?}");
    let (mut refused_calls, mut waits, mut waited_all, mut longest) = (0, 0, Duration::ZERO, Vec::new());
    for (place, event) in all.iter().enumerate() {
        let AuditEvent::Episode {
            began_us,
            last_us: last,
            refused,
            waits: own,
            waited,
            longest_wait,
            is_over,
            ..
        } = event
        else {
            anyhow::bail!("{event:?}")
        };
        refused_calls += refused;
        waits += own;
        waited_all += *waited;
        longest.push(*longest_wait);
        ensure!(*began_us == BEGINNING_US - 2_000 * SECOND_US && *is_over == (place == 3), "{all:?}");
        ensure!(place < 3 || *last == last_us, "{all:?}");
        ensure!((110..=121).contains(refused) || place == 3, "about one in half a minute: {all:?}");
    }
    ensure!((refused_calls, waits) == (reports, 2 * reports), "{all:?}");
    ensure!(waited_all == Duration::from_secs(4_000 * reports), "{all:?}");
    ensure!(longest.is_sorted() && longest[0] < longest[3], "of each part the longest: {all:?}");
    Ok(namespace)
}

/// An episode of which all was told as it went on ends with nothing that came since.
fn an_end_with_nothing_new(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    for _ in 0..120 {
        report(&mut namespace, &[(ACME, refused(1))]);
        namespace.clock_us += 30 * SECOND_US;
    }
    let last_us = namespace.clock_us - 30 * SECOND_US;
    sweep_later(&mut namespace);
    let all = told(&mut namespace);
    ensure!(all.len() == 1, "{all:?}");
    // Told in the minute before its end.
    let mut namespace = Namespace::under(programs, LIMITS);
    for _ in 0..120 {
        report(&mut namespace, &[(ACME, refused(1))]);
        namespace.clock_us += 30 * SECOND_US;
    }
    ensure!(namespace.clock_us - 30 * SECOND_US == last_us);
    namespace.sweep();
    sweep_later(&mut namespace);
    let all = told(&mut namespace);
    let is_part =
        |event: &AuditEvent| matches!(event, AuditEvent::Episode { refused: 120, is_over: false, .. });
    ensure!(all.len() == 2 && is_part(&all[0]), "{all:?}");
    ensure!(all[1] == episode(BEGINNING_US, last_us, refused(0)), "{all:?}");
    Ok(())
}

/// Whatever happens to the namespace, what was reported is told once: another server process, a clock that steps back,
/// a limit that is gone.
fn whatever_happens(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    report(&mut namespace, &[(ACME, refused(1)), ("platform:", refused(8))]);
    namespace.clock_us += 10 * SECOND_US;
    namespace.failover();
    report(&mut namespace, &[(ACME, refused(2))]);
    let last_us = namespace.clock_us;
    namespace.clock_us -= 3_600 * SECOND_US;
    report(&mut namespace, &[(ACME, refused(4))]);
    namespace.change("limit = [{ name = \"org\", per = [\"org\"], rate = \"1/m\", burst = 200 }]");
    sweep_later(&mut namespace);
    let mut all = told(&mut namespace);
    all.sort_by_key(|event| event.limit() == Some("platform"));
    ensure!(all.len() == 2 && all[0] == episode(BEGINNING_US, last_us, refused(7)), "{all:?}");
    let is_right =
        |event: &AuditEvent| matches!(event, AuditEvent::Episode { refused: 8, is_over: true, .. });
    ensure!(is_right(&all[1]), "{all:?}");
    Ok(())
}

/// What has been lost is not made up: an episode begins anew, and is told with what came since.
fn a_loss(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    report(&mut namespace, &[(ACME, refused(1))]);
    let mut state = namespace.lab.state();
    state.state.retain(|(field, _)| !field.starts_with(b"e:"));
    namespace.replace(&state);
    namespace.clock_us += SECOND_US;
    let again_us = namespace.clock_us;
    report(&mut namespace, &[(ACME, refused(2))]);
    sweep_later(&mut namespace);
    let all = told(&mut namespace);
    ensure!(all == [episode(again_us, again_us, refused(2))], "{all:?}");
    Ok(())
}

/// Many buckets at once: each is told, and nothing is left.
fn many(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let before = namespace.lab.state().state.len();
    for first in (0..2_000).step_by(250) {
        let names: Vec<String> = (first..first + 250).map(|org| format!("org:{org}")).collect();
        let reports: Vec<_> = names.iter().map(|name| (name.as_str(), refused(1))).collect();
        report(&mut namespace, &reports);
    }
    namespace.clock_us += MINUTE_US;
    for _ in 0..200 {
        namespace.clock_us += 11 * SECOND_US;
        namespace.sweep();
    }
    ensure!(told(&mut namespace).len() == 2_000, "{} are told", told(&mut namespace).len());
    let left = namespace.lab.state().state;
    // Where the sweep stands.
    ensure!(left.len() == before + 1, "{left:?}");
    Ok(())
}

const STORIES: [(&str, Story); 7] = [
    ("one episode", |programs| one_episode(programs).map(drop)),
    ("late sweeps", late_sweeps),
    ("without an end", |programs| without_an_end(programs).map(drop)),
    ("an end with nothing new", an_end_with_nothing_new),
    ("whatever happens", whatever_happens),
    ("a loss", a_loss),
    ("many", many),
];

/// For whoever looks at what is stored.
pub(crate) fn stories() -> [Trace; 2] {
    [one_episode, without_an_end].map(|story| {
        let mut namespace = story(&Programs::original()).expect("episodes");
        // One goes on.
        report(&mut namespace, &[(ACME, refused(1))]);
        namespace.trace
    })
}

#[test]
fn what_replicas_report_of_a_bucket_is_one_episode_told_when_it_is_over() -> Result<()> {
    one_episode(&Programs::original()).map(drop)
}

#[test]
fn what_comes_before_the_sweep_goes_on_with_the_episode() -> Result<()> {
    late_sweeps(&Programs::original())
}

#[test]
fn an_episode_that_does_not_end_is_told_once_an_hour() -> Result<()> {
    without_an_end(&Programs::original()).map(drop)
}

#[test]
fn the_end_of_an_episode_is_told_though_nothing_came_since() -> Result<()> {
    an_end_with_nothing_new(&Programs::original())
}

#[test]
fn failovers_clocks_and_policies_take_nothing_from_an_episode() -> Result<()> {
    whatever_happens(&Programs::original())
}

#[test]
fn an_episode_that_was_lost_begins_anew() -> Result<()> {
    a_loss(&Programs::original())
}

#[test]
fn two_thousand_episodes_are_told_and_leave_nothing_behind() -> Result<()> {
    many(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 9] = [
    ("local QUIET_US = 60000000 ", "local QUIET_US = 59999999 "),
    ("local QUIET_US = 60000000 ", "local QUIET_US = 75000000 "),
    ("local PART_US = 3600000000 ", "local PART_US = 7200000000 "),
    ("  episode.began, episode.last = min(episode.began, now - longest), now", "  episode.last = now"),
    ("max(episode.longest, longest)", "longest"),
    (
        "episode.refused, episode.waits = episode.refused + refused,",
        "episode.refused, episode.waits = refused,",
    ),
    (
        "    episode.since, episode.refused, episode.waits, episode.waited, episode.longest = now, 0, 0, 0, 0\n",
        "",
    ),
    (
        "  if not is_over and now - episode.since < PART_US then return false end",
        "  if not is_over then return false end",
    ),
    ("now - episode.since < PART_US", "now - episode.began < PART_US"),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_the_episodes_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
