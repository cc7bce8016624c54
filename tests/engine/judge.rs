//! The judge: a plain list of grants, and what the document says about them.
//!
//! It shares no code with the product. It never looks at a bucket or a credit; it knows the figures of the rules, when
//! which of them were in force, and what was granted when, and it adds up.
//!
//! What it demands of every limit that refuses calls, for every key of it and every pair of grants:
//!
//! * The cost granted from the one to the other, both included, is at most the burst in force at the later one, plus
//!   the fastest refill in force between them times their distance. While nothing changes, that is
//!   `burst + refill * t`. A change of the policy keeps what is owed, so it is the later burst that bounds what can be
//!   there at the end. A loss of state keeps nothing: every bucket begins empty, as large as it is then, and where the
//!   policy has changed as well, it is the largest burst in force between them that counts. A raise of the burst lets
//!   the difference pass at once, and what was spent before the loss is not there to be set against it: each loss adds
//!   as much as bursts differ between them.
//! * While the same quota of `N` is in force all along, a closed window of its length and slack holds at most `N`.
//!
//! A grant counts with what it was charged, or with what it was settled to, where that is less. Grants count wherever
//! they are kept: those from before a loss of state too. Time is the namespace's; where a loss made it begin again,
//! nothing at all is taken to have passed, which is the least that can have.

use std::collections::BTreeMap;

use crate::rules::{Allowance, Errand, LIMITS, Quantity, Rules};

/// What was granted, and under which rules.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    grants: Vec<Grant>,
    /// From when which rules were in force.
    eras: Vec<(u64, Rules)>,
}

#[derive(Clone, Debug)]
struct Grant {
    at_us: u64,
    errand: Errand,
    era: usize,
    epoch: u64,
    cost: u64,
}

impl Judge {
    /// Other rules are in force from now on.
    pub(crate) fn rules_changed(&mut self, at_us: u64, rules: Rules) {
        self.eras.push((at_us, rules));
    }

    /// A call was granted and charged. Returns a number for it.
    pub(crate) fn granted(&mut self, at_us: u64, epoch: u64, errand: Errand, cost: u64) -> usize {
        let era = self.eras.len() - 1;
        self.grants.push(Grant { at_us, errand, era, epoch, cost });
        self.grants.len() - 1
    }

    /// A grant was settled to `cost`. It counts where it is less than what was charged.
    pub(crate) fn settled(&mut self, grant: usize, cost: u64) {
        let grant = &mut self.grants[grant];
        grant.cost = grant.cost.min(cost);
    }

    /// What was granted beyond what may be, in words.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        for limit in 0..LIMITS.len() {
            for (key, grants) in self.by_key(limit) {
                self.never_over(limit, &key, &grants)?;
            }
        }
        Ok(())
    }

    /// The grants that a limit could have refused, for each of its keys.
    fn by_key(&self, limit: usize) -> BTreeMap<String, Vec<&Grant>> {
        let mut by_key: BTreeMap<String, Vec<&Grant>> = BTreeMap::new();
        for grant in self.grants.iter().filter(|grant| self.eras[grant.era].1.enforces(limit)) {
            if let Some(key) = grant.errand.key(&LIMITS[limit]) {
                by_key.entry(key).or_default().push(grant);
            }
        }
        by_key
    }

    fn never_over(&self, limit: usize, key: &str, grants: &[&Grant]) -> Result<(), String> {
        for (l, later) in grants.iter().enumerate() {
            let (mut total, mut losses, mut epoch) = (0, 0, later.epoch);
            // From the later grant backward: the sum and the rules in force only grow.
            for earlier in grants[..=l].iter().rev() {
                total += earlier.cost;
                losses += u64::from(earlier.epoch != epoch);
                epoch = earlier.epoch;
                let in_force: Vec<Allowance> = self.eras[earlier.era..=later.era]
                    .iter()
                    .filter_map(|(_, rules)| rules.allowance(limit, key))
                    .collect();
                let length_us = later.at_us.checked_sub(earlier.at_us).ok_or("TIME: it went back")?;
                let bursts = || in_force.iter().map(|allowance| allowance.burst);
                let (largest, smallest) = (bursts().max().unwrap_or(0), bursts().min().unwrap_or(0));
                let last = bursts().next_back().unwrap_or(0);
                let burst = if losses == 0 { last } else { largest + losses * (largest - smallest) };
                if let Some(bound) = exceeded(&in_force, burst, total, length_us) {
                    return Err(format!(
                        "OVER: {total} granted by {:?} for {key:?} from {} us to {} us, which is {length_us} us; {bound}",
                        LIMITS[limit].name, earlier.at_us, later.at_us
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The bound that a total exceeds, if it does. `in_force` is never empty, the later grant's rules come last.
fn exceeded(in_force: &[Allowance], burst: u64, total: u64, length_us: u64) -> Option<String> {
    let last = *in_force.last()?;
    let fastest = in_force.iter().map(|allowance| per_time(*allowance)).reduce(faster)?;
    let refilled = u128::from(fastest.0) * u128::from(length_us);
    let beyond = u128::from(total.saturating_sub(burst)) * u128::from(fastest.1);
    if beyond > refilled {
        return Some(format!("may be {burst} and {}/{}us", fastest.0, fastest.1));
    }
    let Quantity::Quota { tokens, window_us, slack_us } = last.quantity else {
        return None;
    };
    let unchanged = in_force.iter().all(|allowance| *allowance == last);
    (unchanged && length_us <= window_us + slack_us && total > tokens)
        .then(|| format!("may be {tokens} in {window_us} us and {slack_us} us slack"))
}

/// Tokens, and the time in which they come. A quota never brings more than all of it in a window and its slack.
fn per_time(allowance: Allowance) -> (u64, u64) {
    match allowance.quantity {
        Quantity::Rate { tokens, span_us } => (tokens, span_us),
        Quantity::Quota { tokens, window_us, slack_us } => (tokens, window_us + slack_us),
    }
}

fn faster(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    let of_one = u128::from(one.0) * u128::from(other.1);
    let of_other = u128::from(other.0) * u128::from(one.1);
    if of_one >= of_other { one } else { other }
}
