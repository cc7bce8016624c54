//! What became of permits after their grant.

use super::counter::Counter;
use crate::engine::SettlementReply;
use crate::error::Error;
use crate::permit::PermitError;

/// Counts corrections of what was charged, by what they were for and what the store said.
#[derive(Debug, Default)]
pub(crate) struct Corrections {
    counts: [[Counter; ANSWERS.len()]; PURPOSES.len()],
}

/// What a correction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The call has cost something else.
    Settle,
    /// The call was not sent.
    GiveBack,
    /// Whoever asked for the call had gone when it was granted.
    Unclaimed,
    /// None of these: a lease is renewed or ended.
    Lease,
}

const PURPOSES: [&str; 3] = ["settle", "give_back", "unclaimed"];
const ANSWERS: [&str; 4] = ["made", "settled_before", "too_late", "failed"];

impl Purpose {
    /// Of a correction to so many tokens.
    pub(crate) fn of_cost(cost: u32) -> Self {
        if cost == 0 { Self::GiveBack } else { Self::Settle }
    }
}

impl Corrections {
    /// A correction is over.
    pub(crate) fn count(&self, purpose: Purpose, outcome: &Result<SettlementReply, Error>) {
        let answer = match outcome {
            Ok(SettlementReply::Settled) => 0,
            Ok(SettlementReply::SettledBefore) | Err(Error::Permit(PermitError::SettledBefore)) => 1,
            Ok(SettlementReply::TooLate) | Err(Error::Permit(PermitError::TooLate)) => 2,
            Err(_) => 3,
        };
        if let Some(counts) = self.counts.get(purpose as usize) {
            counts[answer].add(1);
        }
    }

    /// What it was for, what the store said, and how often.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        PURPOSES.iter().zip(&self.counts).flat_map(|(purpose, counts)| {
            ANSWERS.iter().zip(counts).map(|(answer, count)| (*purpose, *answer, count.get()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_no_correction() {
        let corrections = Corrections::default();
        let settled = || Ok(SettlementReply::Settled);
        for purpose in [Purpose::Settle, Purpose::GiveBack, Purpose::Unclaimed, Purpose::Lease] {
            corrections.count(purpose, &settled());
        }
        corrections.count(Purpose::GiveBack, &Ok(SettlementReply::TooLate));
        let counted: Vec<_> = corrections.all().filter(|(_, _, count)| *count > 0).collect();
        let made = |purpose| (purpose, "made", 1);
        assert_eq!(
            counted,
            [made("settle"), made("give_back"), ("give_back", "too_late", 1), made("unclaimed")]
        );
    }
}
