//! The same histories on the embedded engine and on every server there is: equal replies, equal state.

use anyhow::Result;
use tollgate_testkit::{Seed, Sizes};

use crate::campaign::Campaign;
use crate::fleet::{Fleet, Watch};
use crate::history::Kind;
use crate::program::Programs;
use crate::twin::Twin;

/// How many histories there are, and how long they get.
pub(crate) const HISTORIES: Sizes<usize> = Sizes { ci: 10_000, long: 200_000 };

/// Tries to make a history smaller that goes wrong.
pub(crate) const SHRINKS: u32 = 20_000;

/// One history in so many is compared after every step, the others at their end.
const EVERY_STEP_IN: usize = 16;

/// The embedded engine is as good as a server. Lives through random histories on it, repeats each on every server
/// version with the same clock, and compares every reply by its bytes and everything that is stored.
#[test]
fn redis_and_the_embedded_engine_live_through_the_same_histories() -> Result<()> {
    let campaign = Campaign {
        seed: Seed::for_this_test()?,
        kind: Kind::Any,
        count: HISTORIES.chosen(),
        length: 15..=40,
        threads: 2,
        shrinks: SHRINKS,
    };
    let original = Programs::original();
    campaign.run(
        || Ok((0, Twin::start_every_version()?)),
        |(number, twins), history| {
            *number += 1;
            // What the judge says is another test's affair; up to there both sides have to agree.
            let trace =
                Fleet::live(&original, history, Watch::Answers).unwrap_or_else(|failure| failure.trace);
            for twin in twins {
                let difference = twin.differs(&trace, *number % EVERY_STEP_IN == 0);
                if let Some(difference) = difference.map_err(|error| format!("{error:#}"))? {
                    return Err(format!("{difference}\n\n{trace}"));
                }
            }
            Ok(())
        },
    )
}
