//! What a call costs at a limit: its own cost, or one that is read off its query.

use super::document::Cost;
use super::problem::{Problems, Wrong};
use crate::call::{Call, VALUE_BYTES_MAX, fault_in};

/// Most items to a token.
const PER_MAX: u64 = 1_000_000_000;

/// Checks how a limit reads costs off calls.
pub(super) fn check(cost: &Cost, field: &str, problems: &mut Problems) {
    if fault_in(&cost.query, VALUE_BYTES_MAX, String::new).is_some() {
        let wrong = Wrong::text(
            &cost.query,
            "the name of a query parameter, 1 to 256 bytes without control characters",
        );
        problems.add(wrong.at(format!("{field}.query")));
    }
    if !(1..=PER_MAX).contains(&cost.per) {
        let wrong = Wrong::plain(cost.per.to_string(), format!("1 to {PER_MAX}"));
        problems.add(wrong.at(format!("{field}.per")));
    }
}

/// What a call costs, in tokens, by a limit that reads it off the query: so many items to a token, rounded up, at least
/// 1. A call that does not say how many items it asks for costs what it says of itself.
pub(super) fn of(cost: &Cost, call: &Call) -> u64 {
    let items = call.largest_in_query(&cost.query);
    items.map_or(u64::from(call.cost), |items| items.div_ceil(cost.per).max(1))
}
