//! Histories that once broke a promise, or that random ones meet too rarely, as small as they came.

use crate::fleet::{Fleet, Watch};
use crate::history::{Ask, Correction, Event, Fate, History, Step};
use crate::program::Programs;
use crate::rules::{Allowance, Quantity, Rule, Rules};

const SECOND_US: u64 = 1_000_000;

/// A history that is kept: its name, and how it goes.
type Story = (&'static str, fn() -> History);

/// All of them.
pub(crate) const STORIES: [Story; 9] = [
    ("a late correction", late_correction),
    ("a raise", raise),
    ("a cut", cut),
    ("a missed raise", missed_raise),
    ("a missed cut", missed_cut),
    ("two failovers", two_failovers),
    ("a raise after a loss", raise_after_a_loss),
    ("an old name", old_name),
    ("a name used again", name_used_again),
];

fn live(story: fn() -> History) {
    if let Err(failure) = Fleet::live(&Programs::original(), &story(), Watch::Everything) {
        panic!("{}\n\n{}", failure.complaint, failure.trace);
    }
}

/// What is given back late is not given back in full: the bucket has earned it meanwhile.
#[test]
fn what_is_given_back_late_has_been_earned_meanwhile() {
    live(late_correction);
}

fn late_correction() -> History {
    let events = vec![acquire(2), forward(SECOND_US), acquire(1), give_back(0, &[0, 1]), acquire(2)];
    history(secondly(), events)
}

/// A raise counts from the moment it is made. It once counted only from the first grant after it: until then a bucket
/// in debt earned at its old rate, and calls were told to come back when they were refused again.
#[test]
fn a_raise_reaches_a_bucket_that_is_in_debt() {
    live(raise);
}

fn raise() -> History {
    history(hourly(), vec![acquire(2), forward(10), put(secondly()), acquire(1)])
}

/// What was granted before a change of the policy is not given back after it. It once was, less what the new and slower
/// rate had earned: but the old rate had earned all of it, and the tokens were there twice.
#[test]
fn a_cut_does_not_give_back_what_was_earned_before_it() {
    live(cut);
}

fn cut() -> History {
    let before = [acquire(2), forward(SECOND_US), acquire(1)];
    let after = [put(hourly()), acquire(1), give_back(0, &[0, 1]), acquire(1)];
    history(secondly(), [&before[..], &after].concat())
}

/// A replica that has not heard of a raise gives back by its old terms. Its slow rate once made more of what it gave
/// back than the bucket had left to earn by its fast one.
#[test]
fn a_replica_that_missed_a_raise_gives_back_no_more_than_is_owed() {
    live(missed_raise);
}

fn missed_raise() -> History {
    let before = [put(secondly()), forward(1), acquire(2), forward(SECOND_US), acquire(2)];
    history(hourly(), [&before[..], &[give_back(1, &[0, 1]), acquire(1)]].concat())
}

/// A replica that has not heard of a cut charges more. Its fast rate must not pay off what the bucket owes.
#[test]
fn a_replica_that_missed_a_cut_pays_nothing_off() {
    live(missed_cut);
}

fn missed_cut() -> History {
    let cut = put(shared(2, 3_600 * SECOND_US, 4));
    let events = vec![cut, acquire(2), forward(SECOND_US), correct(1, &[0], 0), acquire(2)];
    history(shared(2, 10, 4), events)
}

/// Two failovers in a row, the second to a copy from before the first, do not begin the same epoch. They once did, and
/// what was given back in the first was given back again in the second, when the correction was repeated for want of an
/// answer.
#[test]
fn two_failovers_begin_two_epochs() {
    live(two_failovers);
}

fn two_failovers() -> History {
    let mut unanswered = give_back(0, &[1, 2]);
    if let Event::Settle { fate, .. } = &mut unanswered {
        *fate = Fate::AnswerLost;
    }
    let first = [
        acquire(1),
        Event::Copy,
        Event::Failover { to_copy: false },
        acquire(1),
        forward(SECOND_US),
        acquire(2),
        unanswered.clone(),
        acquire(2),
    ];
    let second = [Event::Failover { to_copy: true }, unanswered, acquire(2)];
    history(secondly(), [&first[..], &second].concat())
}

/// A burst that is cut before a loss and raised after it lets the difference pass at once, on top of what passed before
/// the loss. The judge once took that for too much.
#[test]
fn a_raise_after_a_loss_lets_the_difference_pass() {
    live(raise_after_a_loss);
}

fn raise_after_a_loss() -> History {
    let fast = |burst| shared(1, SECOND_US, burst);
    let before = [acquire(4), put(fast(1)), Event::Failover { to_copy: false }];
    let after = [acquire(1), forward(SECOND_US), acquire(1), put(fast(3)), acquire(2)];
    history(fast(4), [&before[..], &after].concat())
}

/// A call that was granted under a name and is asked for again 10 minutes later is not given back as if it had been
/// charged then. It once was, where the name was swept in between: the time of its grant was known from nowhere else.
#[test]
fn a_name_that_is_asked_for_late_is_not_given_back_late() {
    live(old_name);
}

fn old_name() -> History {
    let named = Event::Acquire { lane: 0, asks: vec![ask(1, Some(0)), ask(1, None)], fate: Fate::Answered };
    let late = forward(600 * SECOND_US);
    let events = vec![named.clone(), late, named, forward(1), Event::Sweep, give_back(0, &[2]), acquire(2)];
    history(secondly(), events)
}

/// A permit that was settled is used up, and its name free for the next call. Settling the first once more does not
/// give back what the next one was charged.
#[test]
fn a_permit_that_is_used_up_gives_back_nothing_of_the_next_one() {
    live(name_used_again);
}

fn name_used_again() -> History {
    // A call of the last name costs three.
    let named = || Event::Acquire { lane: 0, asks: vec![ask(1, Some(2))], fate: Fate::Answered };
    let first = [named(), give_back(0, &[0]), forward(1), named(), acquire(1)];
    history(shared(2, SECOND_US, 4), [&first[..], &[give_back(0, &[0]), acquire(2)]].concat())
}

fn history(rules: Rules, events: Vec<Event>) -> History {
    History { rules, full: true, events }
}

fn hourly() -> Rules {
    shared(2, 3_600 * SECOND_US, 2)
}

fn secondly() -> Rules {
    shared(2, SECOND_US, 2)
}

/// One limit that all calls share: so many tokens in so long, so many at once.
fn shared(tokens: u64, span_us: u64, burst: u64) -> Rules {
    let quantity = Quantity::Rate { tokens, span_us };
    let rule =
        Rule { allowance: Allowance { quantity, burst }, special: None, observed: false, max_keys: None };
    Rules([None, None, None, Some(rule)])
}

/// Calls of the first replica, answered.
fn acquire(calls: u8) -> Event {
    Event::Acquire { lane: 0, asks: vec![ask(calls, None)], fate: Fate::Answered }
}

fn ask(calls: u8, name: Option<u8>) -> Ask {
    Ask { org: 0, client: 0, export: false, cost: 1, calls, name, urgent: false, patience_us: 0 }
}

/// The first replica changes the policy.
fn put(rules: Rules) -> Event {
    Event::Put { replica: 0, rules, unseen: false }
}

/// A replica gives back all of some grants.
fn give_back(replica: u8, grants: &[u8]) -> Event {
    correct(replica, grants, 4)
}

/// A replica corrects some grants: so many quarters given back, or with 0 a token more charged.
fn correct(replica: u8, grants: &[u8], quarters: i8) -> Event {
    let correction = |&grant: &u8| Correction { grant, quarters, by_id: false };
    Event::Settle { replica, corrections: grants.iter().map(correction).collect(), fate: Fate::Answered }
}

fn forward(us: u64) -> Event {
    Event::Clock(Step::Forward(us))
}
