//! What differs between two documents of a policy, field by field.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A field that is not the same in both.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where it is, such as `limit[org].override[acme].rate`: limits and what they have by key are told apart by their
    /// names.
    pub field: String,
    /// What it is in the first; `None` if it is not there.
    pub now: Option<Value>,
    /// What it is in the second; `None` if it is not there.
    pub then: Option<Value>,
}

/// All differences of two documents, as canonical JSON has them.
#[must_use]
pub fn differences(now: &Value, then: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", &without_limits(now), &without_limits(then), &mut found);
    let (before, after) = (limits(now), limits(then));
    let of_name = |limits: &[(String, Value)]| limits.iter().cloned().collect::<BTreeMap<_, _>>();
    let (old, new) = (of_name(&before), of_name(&after));
    for (name, limit) in &before {
        match new.get(name) {
            Some(then) => compare(&format!("limit[{name}]"), limit, then, &mut found),
            None => found.push(Difference {
                field: format!("limit[{name}]"),
                now: Some(limit.clone()),
                then: None,
            }),
        }
    }
    for (name, limit) in after.iter().filter(|(name, _)| !old.contains_key(name)) {
        found.push(Difference { field: format!("limit[{name}]"), now: None, then: Some(limit.clone()) });
    }
    // Calls pass the limits in their order.
    let order = |limits: &[(String, Value)], others: &BTreeMap<String, Value>| -> Value {
        let names = limits.iter().map(|(name, _)| name).filter(|name| others.contains_key(*name));
        json!(names.collect::<Vec<_>>())
    };
    let (now, then) = (order(&before, &new), order(&after, &old));
    if now != then {
        found.push(Difference { field: "limit (order)".to_owned(), now: Some(now), then: Some(then) });
    }
    found
}

fn without_limits(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.remove("limit");
    }
    document
}

/// The limits, each with its name.
fn limits(document: &Value) -> Vec<(String, Value)> {
    let limits = document["limit"].as_array().into_iter().flatten();
    limits.map(|limit| (limit["name"].as_str().unwrap_or_default().to_owned(), limit.clone())).collect()
}

/// Tables are gone into, all else is compared whole.
pub(super) fn compare(field: &str, now: &Value, then: &Value, found: &mut Vec<Difference>) {
    let (Some(before), Some(after)) = (now.as_object(), then.as_object()) else {
        if now != then {
            let (now, then) = (Some(now.clone()), Some(then.clone()));
            found.push(Difference { field: field.to_owned(), now, then });
        }
        return;
    };
    let mut names: Vec<&String> = before.keys().collect();
    names.extend(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names {
        let inner = within(field, name);
        match (before.get(name), after.get(name)) {
            (Some(now), Some(then)) => compare(&inner, now, then, found),
            // What one of them lacks as a whole is told by key.
            (Some(Value::Object(now)), None) if is_by_key(name) => {
                found.extend(now.iter().map(|(key, value)| Difference {
                    field: format!("{inner}[{key}]"),
                    now: Some(value.clone()),
                    then: None,
                }));
            }
            (None, Some(Value::Object(then))) if is_by_key(name) => {
                found.extend(then.iter().map(|(key, value)| Difference {
                    field: format!("{inner}[{key}]"),
                    now: None,
                    then: Some(value.clone()),
                }));
            }
            (now, then) => found.push(Difference { field: inner, now: now.cloned(), then: then.cloned() }),
        }
    }
}

/// Whether a field of a limit has a value for each of several keys.
fn is_by_key(name: &str) -> bool {
    matches!(name, "override" | "weight")
}

fn within(field: &str, name: &str) -> String {
    if field.is_empty() {
        name.to_owned()
    } else if field.rsplit(['.', ']']).next().is_some_and(is_by_key) {
        format!("{field}[{name}]")
    } else {
        format!("{field}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(now: &Value, then: &Value) -> Vec<String> {
        let shown = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
        differences(now, then)
            .into_iter()
            .map(|one| format!("{} {} {}", one.field, shown(one.now), shown(one.then)))
            .collect()
    }

    #[test]
    fn each_field_that_differs_is_named() {
        let now = json!({"namespace": "shop", "priority": {"batch": 1}, "limit": [
            {"name": "a.b", "rate": "1/s", "per": ["org"], "override": {"acme": {"rate": "2/s"}, "old.one": {"burst": 1}}},
            {"name": "gone", "rate": "1/s"}]});
        let then = json!({"namespace": "shop", "priority": {"batch": 2}, "provider": "slack", "limit": [
            {"name": "a.b", "rate": "3/s", "per": ["org", "client"], "override": {"acme": {"rate": "4/s"}}, "weight": {"acme": 2}},
            {"name": "new", "rate": "1/s"}]});
        assert_eq!(
            told(&now, &then),
            [
                "priority.batch 1 2",
                "provider - \"slack\"",
                "limit[a.b].override[acme].rate \"2/s\" \"4/s\"",
                "limit[a.b].override[old.one] {\"burst\":1} -",
                "limit[a.b].per [\"org\"] [\"org\",\"client\"]",
                "limit[a.b].rate \"1/s\" \"3/s\"",
                "limit[a.b].weight[acme] - 2",
                "limit[gone] {\"name\":\"gone\",\"rate\":\"1/s\"} -",
                "limit[new] - {\"name\":\"new\",\"rate\":\"1/s\"}",
            ]
        );
        assert_eq!(told(&now, &now), Vec::<String>::new());
    }

    #[test]
    fn another_order_of_the_limits_is_a_difference() {
        let of = |names: [&str; 3]| json!({"limit": names.map(|name| json!({"name": name}))});
        let found = told(&of(["a", "b", "c"]), &of(["b", "a", "c"]));
        assert_eq!(found, ["limit (order) [\"a\",\"b\",\"c\"] [\"b\",\"a\",\"c\"]"]);
    }
}
