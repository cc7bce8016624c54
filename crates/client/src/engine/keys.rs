//! The keys of a namespace.

/// The keys of one namespace, in one hash slot. `lua/README.md` has the catalogue of what they hold.
#[derive(Clone, Debug)]
pub struct Keys {
    state: String,
    policy: String,
    audit: String,
    calls: String,
    records: String,
    usage: String,
    access: String,
}

impl Keys {
    /// The keys of `namespace`, which is a checked name (`a-z0-9._-`), so nothing in it can close the hash tag.
    #[must_use]
    pub fn of(namespace: &str) -> Self {
        Self {
            state: format!("tollgate:{{{namespace}}}:state"),
            policy: format!("tollgate:{{{namespace}}}:policy"),
            audit: format!("tollgate:{{{namespace}}}:audit"),
            calls: format!("tollgate:{{{namespace}}}:calls"),
            records: format!("tollgate:{{{namespace}}}:records"),
            usage: format!("tollgate:{{{namespace}}}:usage"),
            access: format!("tollgate:{{{namespace}}}:keys"),
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

    /// Stream: the audit trail.
    #[must_use]
    pub fn audit(&self) -> &str {
        &self.audit
    }

    /// Stream: what the audit trail tells of calls.
    #[must_use]
    pub fn calls(&self) -> &str {
        &self.calls
    }

    /// Stream: the granted calls that the audit trail tells one by one.
    #[must_use]
    pub fn records(&self) -> &str {
        &self.records
    }

    /// Hash: the books, a page for each minute and for each hour.
    #[must_use]
    pub fn usage(&self) -> &str {
        &self.usage
    }

    /// Hash: the API keys.
    #[must_use]
    pub fn access(&self) -> &str {
        &self.access
    }

    /// The keys that a script of this name takes, in their order. One that acquires takes more where it tells calls one
    /// by one: [`AcquireBatch::keys`](super::AcquireBatch::keys).
    #[must_use]
    pub fn of_script(&self, name: &str) -> Vec<&str> {
        match name {
            "policy" => self.and_trail(&[self.state(), self.policy()]),
            "remove" => {
                let (audit, usage, access) = (self.audit(), self.usage(), self.access());
                vec![self.state(), self.policy(), audit, usage, access, self.calls(), self.records()]
            }
            "key_make" | "key_revoke" => self.and_trail(&[self.state(), self.access()]),
            "keys" | "key_touch" => vec![self.state(), self.access()],
            "policy_read" | "versions" => vec![self.policy()],
            "audit" => self.and_trail(&[]),
            "usage" => vec![self.usage()],
            "back_off" | "lower" | "pause" => self.of_telling(),
            "sweep" => vec![self.state(), self.audit(), self.usage(), self.calls(), self.records()],
            _ => vec![self.state()],
        }
    }

    /// The state and the streams of the audit trail.
    pub(super) fn of_telling(&self) -> Vec<&str> {
        self.and_trail(&[self.state()])
    }

    fn and_trail<'k>(&'k self, keys: &[&'k str]) -> Vec<&'k str> {
        [keys, &[self.audit(), self.calls(), self.records()]].concat()
    }
}
