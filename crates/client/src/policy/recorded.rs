//! The organisations whose granted calls are told one by one, and what is told of each.

use std::collections::HashSet;
use std::sync::Arc;

use super::attribute::Attribute;
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

/// What the audit trail tells of a granted call beside its buckets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallRecord {
    pub(crate) org: String,
    /// "" if the call names none.
    pub(crate) client: String,
    /// Its method and path, without the query, as much of them as is told.
    pub(crate) route: String,
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
            client: call.client.clone().unwrap_or_default(),
            route: cut_off(&call.route()).to_owned(),
            cost: call.cost,
            priority: call.priority,
            request_id: String::new(),
        }))
    }
}

impl CallRecord {
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
