//! The organisations whose granted calls are told one by one, and what is told of each.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::attribute::Attribute;
use super::hashed_name::HashedName;
use super::problem::{Problems, Wrong};
use crate::call::{Call, Priority, cut_off};

/// Most organisations whose calls are told: the trail holds so many records in all.
const ORGS_MAX: usize = 100;

/// The organisations that a policy names in `record_calls`.
#[derive(Debug, Default)]
pub(super) struct RecordedOrgs {
    written: Vec<String>,
    all: HashSet<Box<str>>,
}

/// What the audit trail tells of a granted call beside its buckets. Calls of which the same is told are equal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallRecord {
    pub(crate) org: String,
    /// "" if the call names none.
    client: HashedName,
    /// Its method and path, without the query, as much of them as is told.
    route: HashedName,
    pub(crate) cost: u32,
    pub(crate) priority: Priority,
    /// "" if the call has none.
    pub(crate) request_id: String,
}

impl RecordedOrgs {
    /// Those of a document. What is wrong with them is noted.
    pub(super) fn check(written: Vec<String>, problems: &mut Problems) -> Self {
        if written.len() > ORGS_MAX {
            let wrong =
                Wrong::plain(format!("{} organisations", written.len()), format!("at most {ORGS_MAX}"));
            problems.add(wrong.at("record_calls"));
            return Self::default();
        }
        let mut all = HashSet::with_capacity(written.len());
        for (index, org) in written.iter().enumerate() {
            let field = format!("record_calls[{index}]");
            problems.take(&field, Attribute::Org.check(org));
            if !all.insert(org.as_str().into()) {
                problems.add(Wrong::text(org, "each organisation once").at(field));
            }
        }
        Self { written, all }
    }

    /// As they are written in the document.
    pub(super) fn written(&self) -> Vec<String> {
        self.written.clone()
    }

    /// Whether calls of this organisation are told.
    pub(super) fn has(&self, org: Option<&str>) -> bool {
        !self.all.is_empty() && org.is_some_and(|org| self.all.contains(org))
    }

    /// What is told of a call; nothing of most.
    pub(super) fn record_of(&self, call: &Call) -> Option<Arc<CallRecord>> {
        let org = call.org.as_deref().filter(|org| self.has(Some(org)))?;
        Some(Arc::new(CallRecord {
            org: org.to_owned(),
            client: HashedName::new(call.client.as_deref().unwrap_or_default()),
            route: HashedName::new(cut_off(&call.route())),
            cost: call.cost,
            priority: call.priority,
            request_id: String::new(),
        }))
    }
}

impl CallRecord {
    pub(crate) fn client(&self) -> &str {
        self.client.as_str()
    }

    pub(crate) fn route(&self) -> &str {
        self.route.as_str()
    }

    /// What is told of a call that has a name of the caller's own, and else is the same.
    pub(super) fn under(&self, request_id: &str) -> Self {
        Self {
            org: self.org.clone(),
            client: self.client.clone(),
            route: self.route.clone(),
            request_id: request_id.to_owned(),
            ..*self
        }
    }
}

/// By what differs between calls that pass the same buckets.
impl Hash for CallRecord {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.client.hash(state);
        self.route.hash(state);
    }
}
