//! Calls with a name that are asked for again: what they are told is what they were charged.

use anyhow::{Result, ensure};
use tollgate::Call;
use tollgate::engine::Calls;

use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;

const LIMITS: &str = "limit = [\
    { name = \"org\", per = [\"org\"], rate = \"1/m\", burst = 100 }, \
    { name = \"seen\", per = [\"org\"], rate = \"1/m\", burst = 2, mode = \"observe\" }]";

/// An observed limit that had no room for a call has not charged it, and one that had room has, whatever room there is
/// when it is asked for again. It was once told then that all limits had charged it, and gave back what one had not.
fn what_it_was_charged(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = namespace.path(&Call::get("/").org("acme"));
    let over = |namespace: &mut Namespace, name: &str| {
        let reply = namespace.ask_for(&path, Calls::trying(1).named(Some(name.into())));
        (reply.entries[0].granted, reply.entries[0].over)
    };
    ensure!(over(&mut namespace, "in time") == (1, 0));
    namespace.acquire_on(&path, 5);
    for minute in 0..3 {
        ensure!(
            over(&mut namespace, "in time") == (1, 0),
            "in minute {minute} of a call that was charged everywhere"
        );
        ensure!(
            over(&mut namespace, "too late") == (1, 1),
            "in minute {minute} of a call that the full limit let pass"
        );
        namespace.clock_us += 60_000_000;
    }
    Ok(())
}

const STORIES: [(&str, Story); 1] = [("what it was charged", what_it_was_charged)];

#[test]
fn a_call_asked_for_again_is_told_what_it_was_charged() -> Result<()> {
    what_it_was_charged(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 4] = [
    ("over[n] = max(over[n], named.over)", "over[n] = over[n]"),
    ("if not again[n] then named.over = over[n] end", ""),
    ("charge.over, unpack(leases)", "0, unpack(leases)"),
    ("charge.over, unpack(leases)", "1, unpack(leases)"),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_a_name_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
