//! What is owed outlasts what happens meanwhile: cuts, changes of the policy, restarts, and the sweep.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::Call;
use tollgate::engine::{Blamed, RefusedCall};
use tollgate::policy::Path;

use crate::audit::SECOND_US;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{granted, tell_refused};

/// One limit for each organisation.
fn per_org(allowance: &str) -> String {
    format!("[[limit]]\nname = \"org\"\nper = [\"org\"]\n{allowance}\n")
}

fn path_of(namespace: &Namespace, org: &str, cost: u32) -> Path {
    namespace.path(&Call::get("/").org(org).cost(cost))
}

/// A call is given back after a cut. It is worth what the bucket has not earned since it was granted, and before the cut that was
/// earned at the full rate: counted at the slower one, 459 passed instead of 399, and 1,059 in two milliseconds.
fn given_back_after_a_cut(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 1000"));
    let (path, whole) = (path_of(&namespace, "acme", 1), path_of(&namespace, "acme", 1000));
    let (policy, granted_at_us) = (namespace.policy().clone(), namespace.clock_us);
    ensure!(granted(&mut namespace, &whole, 1) == 1);
    namespace.clock_us += 60 * SECOND_US;
    ensure!(granted(&mut namespace, &path, 1_000) == 600);
    let wait = Duration::from_millis(1);
    let refused = RefusedCall {
        granted_at_us: namespace.clock_us,
        wait,
        blamed: Blamed::Named,
        ..RefusedCall::default()
    };
    let reply = tell_refused(&mut namespace, &path, &[0], (refused, Duration::from_secs(1)));
    ensure!(reply.is_cut, "{reply:?}");
    namespace.clock_us += 2_000;
    namespace.settle(&whole, &policy, granted_at_us, &[0]);
    let passed = granted(&mut namespace, &path, 1_000);
    ensure!(passed == 399, "{passed} pass of the 400 that were not earned back");
    Ok(())
}

const STORIES: [(&str, Story); 1] = [("given back after a cut", given_back_after_a_cut)];

#[test]
fn what_is_given_back_after_a_cut_is_worth_what_was_not_earned() -> Result<()> {
    given_back_after_a_cut(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 1] = [("full_credit(terms.credit, share_of(bucket))", "terms.credit")];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_what_is_owed_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
