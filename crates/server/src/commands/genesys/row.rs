//! What becomes of one limit of the policy.

use serde::Serialize;

/// A limit of the policy beside the provider's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    /// Its name in the policy.
    pub(super) limit: String,
    /// The provider's names of it: those that it tells of, or where there are none all that the policy has.
    pub(super) names: Vec<String>,
    /// What the provider allows the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<String>,
    /// What the policy lets pass for the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) now: Option<String>,
    /// Whether the organisation has an override there.
    pub(super) overridden: bool,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The override would say this.
    Change { then: String },
    /// Nothing.
    Equal,
    /// Nothing that an override for one organisation could do.
    Aside { reason: String },
    /// Something, but what the provider says can't be taken over.
    Unfit { reason: String },
    /// Nothing, as the provider does not tell of it.
    NotTold,
}
