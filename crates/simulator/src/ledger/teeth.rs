//! The judge against the counters, on random histories: it finds nothing in what they decided, and every decision that
//! is turned round.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestCaseResult, TestRng, TestRunner};
use tollgate_testkit::{Seed as TestSeed, Sizes};

use super::ledger::Ledger;
use crate::arrival::Arrival;
use crate::config::Config;
use crate::outcome::Verdict;
use crate::provider::Provider;
use crate::random::Seed;
use crate::time::Time;

/// What one caller does next.
#[derive(Clone, Debug)]
struct Step {
    after_us: u64,
    caller: usize,
    page: u64,
    lasts_us: u64,
}

/// A limit of a kind, and a second one that refuses too.
#[derive(Clone, Debug)]
struct Setting {
    kind: &'static str,
    value: u64,
    window_us: u64,
    extra: &'static str,
    refused_counts: bool,
}

const KINDS: [&str; 4] = ["fixed-window", "sliding-window", "leaky-bucket", "concurrent"];

/// What else a limit may have: a value that changes, or that depends on the load, and keys with values of their own.
const EXTRAS: [&str; 4] = [
    "",
    "override.a = 2",
    "under_load = { above = \"8/40us\", percent = 50 }",
    "override.b = 7\nunder_load = { above = \"5/40us\", percent = 30 }",
];

impl Setting {
    fn config(&self) -> Config {
        let Self { kind, value, extra, refused_counts, .. } = self;
        let window =
            if *kind == "concurrent" { String::new() } else { format!("window = \"{}us\"", self.window_us) };
        let text = format!(
            "shape = 'ietf'\nrefused_counts = {refused_counts}\n\
             [[limit]]\nname = 'a/tried'\nper = ['org']\nkind = '{kind}'\nvalue = {value}\n{window}\n\
             cost = {{ query = 'pageSize', per = 25 }}\n{extra}\n\
             [[limit]]\nname = 'a/beside'\nper = []\nkind = 'sliding-window'\nvalue = 9\nwindow = '50us'\n\
             [[change]]\nat = '200us'\nlimit = 'a/tried'\nvalue = {}\n\
             [[change]]\nat = '400us'\nlimit = 'a/tried'\nvalue = {}\n\
             [[background]]\norg = 'a'\npath = '/x'\nrate = '1/20us'\n",
            value.div_ceil(2),
            value + 2,
        );
        Config::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

fn settings() -> impl Strategy<Value = Setting> {
    let parts = (0..KINDS.len(), 3_u64..12, 20_u64..120, 0..EXTRAS.len(), any::<bool>());
    parts.prop_map(|(kind, value, window_us, extra, refused_counts)| Setting {
        kind: KINDS[kind],
        value,
        window_us,
        extra: EXTRAS[extra],
        refused_counts,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop_oneof![Just(0), 1_u64..6, 6_u64..60], 0..3_usize, 0_u64..80, 0_u64..60);
    let step = step.prop_map(|(after_us, caller, page, lasts_us)| Step { after_us, caller, page, lasts_us });
    vec(step, 1..150)
}

/// Lives through a history.
fn live(config: Config, steps: &[Step]) -> Ledger {
    let mut provider = Provider::new(config, Seed::new(7));
    let mut now = Time::START;
    let mut ends = Vec::new();
    for step in steps {
        now = Time::from_micros(now.as_micros() + step.after_us);
        ends.sort_unstable();
        for (at, call) in ends.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            provider.finish(at, call);
        }
        let org = ["a", "b", "c"][step.caller];
        let call = Arrival::get(&format!("/x?pageSize={}", step.page)).org(org);
        let outcome = provider.arrive(now, &call);
        ends.push((Time::from_micros(now.as_micros() + step.lasts_us), outcome.call));
    }
    provider.ledger().clone()
}

fn run(test: impl Fn((Setting, Vec<Step>)) -> TestCaseResult) {
    let seed = TestSeed::for_this_test().expect("a seed");
    let settings_of_run = Settings {
        cases: Sizes { ci: 500, long: 20_000 }.chosen(),
        failure_persistence: None,
        ..Settings::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.bytes());
    let outcome = TestRunner::new_with_rng(settings_of_run, rng).run(&(settings(), steps()), test);
    assert!(outcome.is_ok(), "{}\n{}", outcome.unwrap_err(), seed.replay_command());
}

#[test]
fn no_kind_of_limit_ever_lets_more_pass_than_its_value() {
    run(|(setting, steps)| {
        let ledger = live(setting.config(), &steps);
        prop_assert_eq!(ledger.excesses(), vec![]);
        Ok(())
    });
}

/// Each refusal is turned into a call that was done, one at a time, as a broken counter would have it. The judge has to
/// find that call: otherwise it is blind, or there was room and the refusal was wrong.
#[test]
fn the_judge_finds_every_call_that_should_have_been_refused() {
    run(|(setting, steps)| {
        let mut ledger = live(setting.config(), &steps);
        for number in 0..ledger.records.len() {
            let record = ledger.records[number];
            if record.verdict != Verdict::Refused {
                continue;
            }
            ledger.records[number].verdict = Verdict::Done;
            let limit = &ledger.rules.limits[usize::from(record.refused_by.unwrap_or_default())].name;
            let found = ledger
                .excesses()
                .into_iter()
                .find(|excess| excess.at == record.at && excess.scope.limit == *limit);
            prop_assert!(found.is_some(), "call {} at {} went through unseen", number, record.at);
            ledger.records[number] = record;
        }
        Ok(())
    });
}

/// Under steady pressure, a provider that counts by slightly other rules than it says is found out.
#[test]
fn the_judge_finds_a_provider_that_counts_by_other_rules() {
    let steps: Vec<Step> =
        (0..400).map(|_| Step { after_us: 1, caller: 0, page: 25, lasts_us: 30 }).collect();
    for kind in KINDS {
        let setting = Setting { kind, value: 6, window_us: 100, extra: "", refused_counts: false };
        let wider = Setting { value: 7, ..setting.clone() };
        let shorter = Setting { window_us: 97, ..setting.clone() };
        let others = if kind == "concurrent" { vec![wider] } else { vec![wider, shorter] };
        for other in others {
            let mut ledger = live(other.config(), &steps);
            assert_eq!(ledger.excesses(), vec![], "{other:?} by its own rules");
            ledger.rules = Arc::new(setting.config().rules);
            assert!(!ledger.excesses().is_empty(), "{other:?} passed for {setting:?}");
        }
    }
}
