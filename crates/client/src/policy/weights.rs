//! Weights: how the calls that wait at a limit share it.

use std::collections::HashMap;

use super::attribute::Attribute;
use super::document::{LimitDocument, PriorityDocument};
use super::hashed_name::HashedName;
use super::key::check_key;
use super::problem::{Problems, Wrong, quoted};
use crate::call::{Call, Priority};

/// Largest weight of an organisation or a priority; a flow has the product of its two.
const WEIGHT_MAX: u32 = 1_000;

/// Weights of the priorities, unless the policy says otherwise: 50 organisations at the next lower priority hold up a
/// call of a quiet one for about three of their tokens.
const INTERACTIVE: u32 = 128;
const NORMAL: u32 = 8;
const BATCH: u32 = 1;

/// The weights of a policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    priorities: Option<PriorityDocument>,
    /// Of organisations at one limit.
    at_limit: HashMap<Box<str>, HashMap<Box<str>, u32>>,
    /// Of organisations wherever no limit says otherwise.
    everywhere: HashMap<Box<str>, u32>,
}

impl Weights {
    /// The weights of a document. What is wrong with them is noted.
    pub(super) fn check(
        priorities: Option<&PriorityDocument>,
        limits: &[LimitDocument],
        problems: &mut Problems,
    ) -> Weights {
        if let Some(PriorityDocument { interactive, normal, batch }) = priorities {
            for (name, weight) in [("interactive", interactive), ("normal", normal), ("batch", batch)] {
                problems.take(format!("priority.{name}"), weight.map_or(Ok(()), check_weight));
            }
        }
        let mut weights = Weights { priorities: priorities.cloned(), ..Weights::default() };
        for (index, limit) in limits.iter().enumerate() {
            weights.add_limit(limit, &format!("limit[{index}].weight"), problems);
        }
        weights
    }

    /// What a limit that is counted per organisation says of one holds at the limits that say nothing of it.
    fn add_limit(&mut self, limit: &LimitDocument, field: &str, problems: &mut Problems) {
        let is_per_org = limit.per == ["org"];
        for (org, &weight) in &limit.weight {
            let field = format!("{field}.{}", quoted(org));
            problems.take(&field, check_key(&[Attribute::Org], org));
            problems.take(&field, check_weight(weight));
            if is_per_org && self.everywhere.insert(org.as_str().into(), weight).is_some_and(|w| w != weight)
            {
                let expected = "the weight that another limit per org gives it";
                problems.add(Wrong::plain(weight.to_string(), expected).at(field));
            }
        }
        let own = limit.weight.iter().map(|(org, &weight)| (org.as_str().into(), weight)).collect();
        self.at_limit.insert(limit.name.as_str().into(), own);
    }

    /// The weight of a call's flow at a limit: its organisation's times its priority's.
    pub(super) fn of(&self, limit: &str, call: &Call) -> u32 {
        let org = call.org.as_deref().unwrap_or_default();
        let own = self.at_limit.get(limit).and_then(|weights| weights.get(org));
        let of_org = own.or_else(|| self.everywhere.get(org)).copied().unwrap_or(1);
        let written = self.priorities.as_ref();
        let of_priority = match call.priority {
            Priority::Interactive => written.and_then(|weights| weights.interactive).unwrap_or(INTERACTIVE),
            Priority::Normal => written.and_then(|weights| weights.normal).unwrap_or(NORMAL),
            Priority::Batch => written.and_then(|weights| weights.batch).unwrap_or(BATCH),
        };
        of_org * of_priority
    }

    /// As they are written in the document.
    pub(super) fn written(&self) -> Option<PriorityDocument> {
        self.priorities.clone()
    }
}

/// The flow of a call: what takes turns at a limit.
pub(super) fn flow(call: &Call) -> HashedName {
    HashedName::new(&format!("{}:{}", call.priority.name(), call.org.as_deref().unwrap_or_default()))
}

fn check_weight(weight: u32) -> Result<(), Wrong> {
    if (1..=WEIGHT_MAX).contains(&weight) {
        return Ok(());
    }
    Err(Wrong::plain(weight.to_string(), format!("1 to {WEIGHT_MAX}")))
}
