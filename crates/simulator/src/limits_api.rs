//! The limits API: what the provider says of its limits, to whoever asks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::limit::{Key, Limit, Rules};
use crate::symbols::Symbols;
use crate::time::Time;

const PREFIX: &str = "/api/v2/organizations/limits/";

/// A question to the limits API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question<'a> {
    Namespaces,
    Docs,
    /// The values that the caller has.
    Effective(&'a str),
    /// Those that everybody has who has no others.
    Defaults(&'a str),
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) now: Time,
    pub(crate) key: Key,
    pub(crate) symbols: &'a Symbols,
}

impl<'a> Question<'a> {
    /// What a call asks, if it is a call to this API.
    pub(crate) fn of(method: &str, path: &'a str) -> Option<Self> {
        let asked = path.strip_prefix(PREFIX).filter(|_| method == "GET")?;
        match asked.split_once('/') {
            None if asked == "namespaces" => Some(Self::Namespaces),
            None if asked == "docs" => Some(Self::Docs),
            Some(("namespaces", namespace)) => Some(match namespace.strip_suffix("/defaults") {
                Some(namespace) => Self::Defaults(namespace),
                None => Self::Effective(namespace),
            }),
            _ => None,
        }
    }

    pub(crate) fn answer(&self, rules: &Rules, by: Asker<'_>) -> Answer {
        let listed = || rules.limits.iter().filter(|limit| limit.listed);
        let body = match *self {
            Self::Namespaces => json!({"entities": namespaces(listed())}),
            Self::Docs => docs(&listed()),
            Self::Effective(namespace) => entities(listed(), namespace, |limit| effective(limit, by)),
            Self::Defaults(namespace) => {
                entities(listed(), namespace, |limit| limit.values.default.at(by.now))
            }
        };
        match self {
            Self::Effective(asked) | Self::Defaults(asked) if !namespaces(listed()).contains(asked) => {
                Answer::json(404, &json!({"message": "not found", "code": "not.found", "status": 404}))
            }
            _ => Answer::json(200, &body),
        }
    }
}

/// The limits that the provider speaks of are what it was configured with: that it allows less under load it tells
/// nobody.
fn effective(limit: &Limit, by: Asker<'_>) -> u64 {
    let key = by.key.only(&limit.per);
    limit.values.of(|| key.text(&limit.per, by.symbols)).at(by.now)
}

fn namespaces<'a>(listed: impl Iterator<Item = &'a Limit>) -> BTreeSet<&'a str> {
    listed.map(|limit| limit.name.namespace()).collect()
}

fn entities<'a>(
    listed: impl Iterator<Item = &'a Limit>,
    namespace: &str,
    value: impl Fn(&Limit) -> u64,
) -> Value {
    let entity =
        |limit: &'a Limit| json!({"key": limit.name.key(), "namespace": namespace, "value": value(limit)});
    let entities: Vec<Value> =
        listed.filter(|limit| limit.name.namespace() == namespace).map(entity).collect();
    json!({"entities": entities})
}

fn docs<'a>(listed: &(impl Iterator<Item = &'a Limit> + Clone)) -> Value {
    let described = |limit: &Limit| {
        json!({
            "key": limit.name.key(),
            "defaultValue": limit.values.default.at(Time::START),
            "description": limit.description,
            "resource": limit.name.namespace(),
            "configurable": !limit.values.overrides.is_empty(),
            "trackable": false,
        })
    };
    let of_namespace = |name: &str| {
        let limits: Vec<Value> =
            listed.clone().filter(|limit| limit.name.namespace() == name).map(described).collect();
        json!({"name": name, "friendlyName": name, "limits": limits})
    };
    let namespaces: Vec<Value> = namespaces(listed.clone()).into_iter().map(of_namespace).collect();
    json!({"url": PREFIX, "namespaces": namespaces})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_to_the_limits_api_are_questions() {
        let of = |path| Question::of("GET", path);
        assert_eq!(of("/api/v2/organizations/limits/namespaces"), Some(Question::Namespaces));
        assert_eq!(of("/api/v2/organizations/limits/docs"), Some(Question::Docs));
        assert_eq!(
            of("/api/v2/organizations/limits/namespaces/platform.api"),
            Some(Question::Effective("platform.api"))
        );
        assert_eq!(of("/api/v2/organizations/limits/namespaces/a/defaults"), Some(Question::Defaults("a")));
        assert_eq!(of("/api/v2/organizations/limits/"), None);
        assert_eq!(of("/api/v2/users"), None);
        assert_eq!(Question::of("POST", "/api/v2/organizations/limits/docs"), None);
    }
}
