//! How urgent a call is.

use serde::{Deserialize, Serialize};

/// How urgent a call is: by which weight it shares a limit with the calls that wait there.
///
/// The weights are the policy's, by default 128, 8 and 1. A priority that is asked for little waits little: while 50
/// organisations saturate a limit with calls of the next lower priority, one call waits for about three of its tokens.
/// None starves: each gets its share of what all want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(
        description = "By which weight a call shares a limit with the calls that wait there: the policy's, by default 128, 8 and 1."
    )
)]
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

impl Priority {
    pub(crate) const ALL: [Priority; 3] = [Priority::Interactive, Priority::Normal, Priority::Batch];

    /// As it stands in JSON, and in the name of a flow.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Interactive => "interactive",
            Priority::Normal => "normal",
            Priority::Batch => "batch",
        }
    }

    /// The one with this name.
    pub(crate) fn named(name: &str) -> Option<Priority> {
        Priority::ALL.into_iter().find(|priority| priority.name() == name)
    }
}
