//! How urgent a call is.

use serde::{Deserialize, Serialize};

/// How urgent a call is.
///
/// The priority is carried today and changes nothing; sharing a limit by priority comes later. Until then the calls
/// of one process wait in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody looks at a screen and waits.
    Interactive,
    /// Neither of the others.
    #[default]
    Normal,
    /// Bulk work that may take its time.
    Batch,
}
