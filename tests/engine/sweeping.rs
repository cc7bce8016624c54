//! The sweep is not to be noticed.

use anyhow::Result;
use tollgate_testkit::{Seed, Sizes};

use crate::campaign::Campaign;
use crate::fleet::{Fleet, Watch};
use crate::history::{Event, History, Kind};
use crate::parity::SHRINKS;
use crate::program::Programs;
use crate::trace::Trace;

/// Lives through random histories twice, with their sweeps and without: every answer to a caller is the same, by its
/// bytes.
///
/// The histories have one policy, one server and a clock that goes forward, and are shorter than answers and permits
/// are kept. Beyond that the sweep may be noticed: a name that was swept is charged again; after a cut, a bucket in
/// debt may be swept as soon as the rate of its record has paid it off; and a sweep writes down the time, which a clock
/// that steps back does not go below then.
#[test]
fn no_answer_depends_on_whether_somebody_swept() -> Result<()> {
    let campaign = Campaign {
        seed: Seed::for_this_test()?,
        kind: Kind::Quiet,
        count: Sizes { ci: 1_000, long: 50_000 }.chosen(),
        length: 20..=60,
        threads: 2,
        shrinks: SHRINKS,
    };
    let original = Programs::original();
    campaign.run(
        || Ok(()),
        |(), history| {
            let mut unswept = history.clone();
            unswept.events.retain(|event| !matches!(event, Event::Sweep));
            let live = |history: &History| {
                Fleet::live(&original, history, Watch::Answers)
                    .map_err(|failure| format!("{}\n\n{}", failure.complaint, failure.trace))
            };
            let (swept, unswept) = (live(history)?, live(&unswept)?);
            if answers(&swept) == answers(&unswept) {
                return Ok(());
            }
            Err(format!("with sweeps\n{swept}\nwithout\n{unswept}"))
        },
    )
}

/// What callers were answered.
fn answers(trace: &Trace) -> Vec<(&'static str, String)> {
    let to_callers = trace.runs.iter().filter(|run| !["sweep", "list"].contains(&run.program));
    to_callers.map(|run| (run.program, format!("{:?}", run.reply))).collect()
}
