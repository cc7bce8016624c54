//! Random histories, watched at every step and judged at their end.

use anyhow::Result;
use tollgate_testkit::Seed;

use crate::campaign::Campaign;
use crate::fleet::{Fleet, Watch};
use crate::history::Kind;
use crate::parity::{HISTORIES, SHRINKS};
use crate::program::Programs;

/// The judge finds nothing. Lives through random histories on the embedded engine, which the parity test ties to the
/// servers; every step is checked as it happens, and the grants are added up at the end.
#[test]
fn no_history_breaks_a_promise() -> Result<()> {
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
        || Ok(()),
        |(), history| {
            let lived = Fleet::live(&original, history, Watch::Everything);
            lived.map(drop).map_err(|failure| format!("{}\n\n{}", failure.complaint, failure.trace))
        },
    )
}
