//! The ledger: every call that arrived, and what may be said of them.

mod entry;
mod figures;
mod judge;
#[expect(clippy::module_inception, reason = "the ledger is the noun of this folder")]
mod ledger;
mod record;
mod scope;
mod selection;
#[cfg(test)]
mod teeth;

pub use entry::{Entry, Origin};
pub use figures::jain;
pub use judge::Excess;
pub use ledger::Ledger;
pub(crate) use record::Record;
pub use scope::Scope;
pub use selection::Selection;
