//! What another policy would change: limits, overrides and weights, by what holds and not only by what is written.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Policy;
use super::difference::{Difference, compare};
use super::document::LimitDocument;

/// What differs between two policies.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PolicyChanges {
    /// Limits that are added, removed or different, in the order of the policies: first those of the policy in force.
    pub limits: Vec<LimitChange>,
    /// What single keys have instead of what their limit says.
    pub overrides: Vec<KeyChange>,
    /// Weights of organisations.
    pub weights: Vec<KeyChange>,
    /// What is said beside the limits, such as `priority.batch`, and of `limit (order)` the names of those that both
    /// have.
    pub others: Vec<Difference>,
}

/// A limit that is not the same in both.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LimitChange {
    /// Its name.
    pub limit: String,
    /// What becomes of it.
    pub kind: LimitChangeKind,
    /// Which fields, such as `rate`, with their defaults filled in: a rate that is changed may change the burst with
    /// it.
    pub fields: Vec<Difference>,
}

/// What becomes of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another one.
    Changed,
}

/// What is said of a key at a limit, and would be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyChange {
    /// The limit's name.
    pub limit: String,
    /// The key, or the organisation.
    pub key: String,
    /// What is said of it now, `None` if nothing is.
    pub now: Option<Value>,
    /// What would be said of it then.
    pub then: Option<Value>,
}

impl PolicyChanges {
    /// What would change if `then` came after `now`.
    #[must_use]
    pub fn between(now: &Policy, then: &Policy) -> Self {
        let mut changes = Self::default();
        let head = |policy: &Policy| written(&policy.head::<LimitDocument>());
        compare("", &head(now), &head(then), &mut changes.others);
        let names = |policy: &Policy, other: &Policy| -> Vec<Value> {
            let both = policy.limits().iter().filter(|limit| other.limit(limit.name()).is_some());
            both.map(|limit| limit.name().into()).collect()
        };
        let (before, after) = (names(now, then), names(then, now));
        if before != after {
            let (now, then) = (Some(before.into()), Some(after.into()));
            changes.others.push(Difference { field: "limit (order)".to_owned(), now, then });
        }
        let added = then.limits().iter().filter(|limit| now.limit(limit.name()).is_none());
        for limit in now.limits().iter().chain(added) {
            let name = limit.name();
            changes.add(name, Shown::of(now, name), Shown::of(then, name));
        }
        changes
    }

    /// Whether nothing would.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, limit: &str, now: Option<Shown>, then: Option<Shown>) {
        let kind = match (&now, &then) {
            (None, _) => LimitChangeKind::Added,
            (_, None) => LimitChangeKind::Removed,
            _ => LimitChangeKind::Changed,
        };
        let (now, then) = (now.unwrap_or_default(), then.unwrap_or_default());
        let mut fields = Vec::new();
        compare("", &now.fields, &then.fields, &mut fields);
        if kind != LimitChangeKind::Changed || !fields.is_empty() {
            self.limits.push(LimitChange { limit: limit.to_owned(), kind, fields });
        }
        self.overrides.extend(by_key(limit, &now.overrides, &then.overrides));
        self.weights.extend(by_key(limit, &now.weights, &then.weights));
    }
}

/// A limit with its defaults filled in, and apart from it what it says of single keys.
#[derive(Debug)]
struct Shown {
    fields: Value,
    overrides: BTreeMap<String, Value>,
    weights: BTreeMap<String, Value>,
}

impl Default for Shown {
    fn default() -> Self {
        Self { fields: Value::Object(Map::new()), overrides: BTreeMap::new(), weights: BTreeMap::new() }
    }
}

impl Shown {
    fn of(policy: &Policy, name: &str) -> Option<Self> {
        let limit = policy.limit(name)?;
        let mut fields = written(limit);
        if let Some(fields) = fields.as_object_mut() {
            // Told key by key, and what only the scripts count by.
            fields.remove("override");
            fields.remove("terms");
            fields.remove("name");
        }
        let overrides = limit.written.overrides.iter().map(|(key, own)| (key.clone(), written(own)));
        let weights = limit.written.weight.iter().map(|(org, &weight)| (org.clone(), weight.into()));
        Some(Self { fields, overrides: overrides.collect(), weights: weights.collect() })
    }
}

/// As JSON has it. Texts, numbers and tables with text keys can't fail to be written.
fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn by_key(limit: &str, now: &BTreeMap<String, Value>, then: &BTreeMap<String, Value>) -> Vec<KeyChange> {
    let added = then.keys().filter(|key| !now.contains_key(*key));
    let keys = now.keys().chain(added).filter(|key| now.get(*key) != then.get(*key));
    let change = |key: &String| KeyChange {
        limit: limit.to_owned(),
        key: key.clone(),
        now: now.get(key).cloned(),
        then: then.get(key).cloned(),
    };
    keys.map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::LimitChangeKind::{Added, Changed, Removed};
    use super::*;

    fn policy(limits: &str) -> Policy {
        Policy::from_toml(&format!("namespace = 'shop'\n{limits}")).expect("a policy")
    }

    fn told(found: &[Difference]) -> Vec<String> {
        let shown = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
        found.iter().map(|one| format!("{} {} {}", one.field, shown(&one.now), shown(&one.then))).collect()
    }

    #[test]
    fn a_change_is_told_by_what_holds() {
        let now = policy(
            "[[limit]]\nname = 'org'\nper = ['org']\nrate = '10/s'\noverride.old = { rate = '1/s' }\nweight.acme = 2\n\
             [[limit]]\nname = 'gone'\nper = []\nrate = '1/s'",
        );
        let then = policy(
            "priority = { batch = 2 }\n[[limit]]\nname = 'org'\nper = ['org']\nrate = '20/s'\noverride.new = { burst = 3 }\n\
             weight.acme = 3\n[[limit]]\nname = 'all'\nper = []\nspacing = '1s'",
        );
        let changes = PolicyChanges::between(&now, &then);
        let kinds: Vec<_> = changes.limits.iter().map(|one| (one.limit.as_str(), one.kind)).collect();
        assert_eq!(kinds, [("org", Changed), ("gone", Removed), ("all", Added)]);
        assert_eq!(told(&changes.limits[0].fields), ["burst 10 20", "rate \"10/s\" \"20/s\""]);
        assert!(told(&changes.limits[2].fields).contains(&"spacing - \"1s\"".to_owned()), "{changes:?}");
        let keys = |found: &[KeyChange]| -> Vec<_> {
            found.iter().map(|one| (one.key.clone(), one.now.is_some(), one.then.is_some())).collect()
        };
        assert_eq!(keys(&changes.overrides), [("old".into(), true, false), ("new".into(), false, true)]);
        assert_eq!(keys(&changes.weights), [("acme".into(), true, true)]);
        assert_eq!(told(&changes.others), ["priority - {\"batch\":2}"]);
        assert!(PolicyChanges::between(&now, &now).is_empty() && !changes.is_empty());
    }
}
