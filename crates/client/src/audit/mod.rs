//! The audit trail: what happened to a namespace, who did it, and when.

mod attribution;
mod entry;
mod gap;
mod granted;
mod id;
mod kind;
mod read;

pub use attribution::Attribution;
pub use entry::{AuditEntry, AuditEvent};
pub use gap::AuditGap;
pub use granted::{ChargedBucket, GrantedCalls};
pub use id::{AuditId, NoAuditId};
pub use kind::{AuditKind, NoAuditKind};
pub use read::{AuditOrder, AuditPage, AuditQuery};
