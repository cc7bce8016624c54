//! What is missing of the audit trail to whoever reads on too late.

use super::id::AuditId;

/// Between two ids there may have been entries that were trimmed before they could be read: as many have come since as
/// the trail holds, or they were too old. Whether there were any, and whether they were wanted, is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditGap {
    /// The last id that was seen.
    pub after: AuditId,
    /// The id of the first entry that is left behind it, or one above the last that was given out.
    pub before: AuditId,
}
