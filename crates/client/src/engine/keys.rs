//! The keys of a namespace.

/// The keys of one namespace, in one hash slot. `lua/README.md` has the catalogue of what they hold.
#[derive(Clone, Debug)]
pub struct Keys {
    state: String,
    policy: String,
}

impl Keys {
    /// The keys of `namespace`, which is a checked name (`a-z0-9._-`), so nothing in it can close the hash tag.
    #[must_use]
    pub fn of(namespace: &str) -> Self {
        Self {
            state: format!("tollgate:{{{namespace}}}:state"),
            policy: format!("tollgate:{{{namespace}}}:policy"),
        }
    }

    /// Hash: head, buckets, their counters, answers, permits, where the sweep stands.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Hash: the policy in force, its last versions, the seal.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }
}
