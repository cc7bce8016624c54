//! The audit trail: what happened to a namespace, who did it, and when.

mod entry;
mod id;
mod kind;
mod read;

pub use entry::{Attribution, AuditEntry, AuditEvent};
pub use id::{AuditId, NoAuditId};
pub use kind::{AuditKind, NoAuditKind};
pub use read::{AuditOrder, AuditPage, AuditQuery};
