//! The paths found last, kept with their policy: most calls pass the same buckets as one before them.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::attribute::Attribute;
use super::checked::Policy;
use super::limit::Limit;
use super::path::Path;
use super::pattern::LimitSet;
use crate::call::{Call, CallError};

/// How many paths are kept: more than the calls that most fleets have at once, and 4 MiB of text at most.
const SLOTS: usize = 4_096;

/// Longest text of a path that is kept, in bytes. What is longer is rare, or not meant well.
const TEXT_BYTES_MAX: usize = 1_024;

thread_local! {
    /// The facts of a call, kept from call to call so that looking up allocates nothing.
    static FACTS: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The last paths of one policy, each in the one slot that its calls lead to, where the next one takes its place.
///
/// So their number is bounded however many organisations there are, and nothing is locked: a slot is read and replaced
/// as a whole. Slots are chosen by a secret of the process, so that nobody can choose calls that drive each other out.
#[derive(Debug)]
pub(crate) struct KnownPaths {
    /// The values that a limit of the policy looks at, and the organisation, whose turns a path takes. With the
    /// priority, no other can change a path.
    attributes: Vec<Attribute>,
    /// The limits that read their costs off calls.
    reads_costs: Vec<u16>,
    slots: Box<[ArcSwapOption<Known>]>,
    secret: RandomState,
}

/// The path of all calls with these facts.
#[derive(Debug)]
struct Known {
    facts: Box<[u8]>,
    path: Arc<Path>,
}

impl KnownPaths {
    /// None yet. They are of `policy` only.
    pub(crate) fn of(policy: &Policy) -> Self {
        Self::with_slots(policy, SLOTS)
    }

    pub(super) fn with_slots(policy: &Policy, slots: usize) -> Self {
        let mut attributes = vec![Attribute::Org];
        for attribute in policy.limits.iter().flat_map(Limit::looks_at) {
            if !attributes.contains(&attribute) {
                attributes.push(attribute);
            }
        }
        let slots = (0..slots).map(|_| ArcSwapOption::empty()).collect();
        let numbered = (0_u16..).zip(&policy.limits);
        let reads_costs = numbered.filter(|(_, limit)| limit.reads_costs()).map(|(index, _)| index).collect();
        Self { attributes, reads_costs, slots, secret: RandomState::new() }
    }

    /// As [`Policy::path`]; `policy` is the one that the paths are of.
    pub(crate) fn path(&self, policy: &Policy, call: &Call) -> Result<Arc<Path>, CallError> {
        call.fault()?;
        let by_path = policy.patterns.matching(call.path());
        let mut facts = FACTS.take();
        self.write_facts(&mut facts, policy, call, by_path);
        let path = self.look_up(&facts, || policy.path_where(call, by_path));
        FACTS.set(facts);
        // What is told of a call is of that call alone.
        match policy.recorded.record_of(call) {
            None => path,
            record => Ok(Arc::new((*path?).clone().told(record))),
        }
    }

    fn look_up(
        &self,
        facts: &[u8],
        find: impl FnOnce() -> Result<Path, CallError>,
    ) -> Result<Arc<Path>, CallError> {
        // The remainder makes any number an index.
        #[expect(clippy::cast_possible_truncation, reason = "the low bits of a hash are as good as all")]
        let slot = &self.slots[self.secret.hash_one(facts) as usize % self.slots.len()];
        if let Some(known) = slot.load().as_ref().filter(|known| *known.facts == *facts) {
            return Ok(Arc::clone(&known.path));
        }
        let path = Arc::new(find()?);
        let names: usize = path.buckets().iter().map(|bucket| bucket.name().len()).sum();
        if facts.len() + names <= TEXT_BYTES_MAX {
            slot.store(Some(Arc::new(Known { facts: facts.into(), path: Arc::clone(&path) })));
        }
        Ok(path)
    }

    /// All that decides on a call's path. Its URL is not among it, unless a limit is counted per path: it counts only
    /// by which limits it meets, or the ids in it would make every call another one.
    fn write_facts(&self, facts: &mut Vec<u8>, policy: &Policy, call: &Call, by_path: LimitSet) {
        facts.clear();
        // It is what the buckets are charged, and above the burst of an observed limit the call passes that by.
        facts.extend(call.cost.to_le_bytes());
        for &limit in &self.reads_costs {
            facts.extend(policy.limits[usize::from(limit)].cost_of(call).to_le_bytes());
        }
        facts.push(call.priority as u8);
        by_path.words().iter().for_each(|word| facts.extend(word.to_le_bytes()));
        for attribute in &self.attributes {
            // No value has a control character in it, so they can't run into each other, and none is no empty one.
            match attribute.value(call) {
                Some(value) => {
                    facts.extend_from_slice(value.as_bytes());
                    facts.push(0);
                }
                None => facts.push(1),
            }
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.slots.iter().filter(|slot| slot.load().is_some()).count()
    }
}
