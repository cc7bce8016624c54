//! Subjects beside their floor: rounds of a fraction of a second in turn, so that what else the machine does meets all
//! alike.

use crate::callers::{Callers, Run};
use crate::rig::{Rig, Subject};

/// Rounds, of which the median counts.
const ROUNDS: usize = 15;

/// What one round of a subject came to.
struct Round {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

/// Prints a table: each subject, and its ratios to the floor.
pub(crate) fn report() {
    println!(
        "\n| callers | threads | subject | a second | x floor | p50 us | x floor | p99 us | x bare script, p50 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (callers, calls, threads) in [(1, 5_000, 1), (1, 5_000, 2), (50, 50_000, 2), (500, 100_000, 2)] {
        let rig = Rig::start(threads);
        let mut rounds: [Vec<Round>; 3] = Default::default();
        let subjects = [Subject::Floor, Subject::BareScript, Subject::Tollgate];
        for _ in 0..ROUNDS {
            for (subject, rounds) in subjects.into_iter().zip(&mut rounds) {
                rounds.push(Round::of(&Callers { callers, calls }.run(&rig, subject)));
            }
        }
        let [floor, bare, _] = &rounds;
        for (subject, own) in subjects.into_iter().zip(&rounds) {
            println!(
                "| {callers} | {threads} | {} | {:.0} | {:.2} | {:.1} | {:.2} | {:.1} | {:.2} |",
                subject.name(),
                median(own, |round| round.per_second),
                median_ratio(own, floor, |round| round.per_second),
                median(own, |round| round.p50_us),
                median_ratio(own, floor, |round| round.p50_us),
                median(own, |round| round.p99_us),
                median_ratio(own, bare, |round| round.p50_us),
            );
        }
    }
}

impl Round {
    fn of(run: &Run) -> Self {
        Self { per_second: run.per_second(), p50_us: run.percentile_us(50), p99_us: run.percentile_us(99) }
    }
}

fn median(rounds: &[Round], value: impl Fn(&Round) -> f64) -> f64 {
    middle(rounds.iter().map(value).collect())
}

/// The median of the ratios of rounds that ran beside each other.
fn median_ratio(rounds: &[Round], base: &[Round], value: impl Fn(&Round) -> f64) -> f64 {
    middle(rounds.iter().zip(base).map(|(round, base)| value(round) / value(base)).collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
