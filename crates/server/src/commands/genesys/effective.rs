//! A limit as the provider says it is in force for an organisation.

use serde::Serialize;
use serde_json::Value;
use tollgate::provider::{Adapter, Answer};

use super::super::plain::plain;
use crate::clock;

/// Most that a policy takes as an amount.
const AMOUNT_MAX: u64 = 1_000_000_000;

/// Most characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 40;

/// The windows that names of limits end in, and how a policy writes them.
const WINDOWS: [(&str, &str); 4] =
    [(".per.second", "1s"), (".per.minute", "1m"), (".per.hour", "1h"), (".per.day", "1d")];

/// Parts of a name by which a limit is on what goes on at once.
const AT_ONCE: [&str; 2] = ["concurrent", "in.flight"];

/// An entry of the limits API.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EffectiveLimit {
    pub(super) namespace: String,
    pub(super) key: String,
    /// As it was told, whatever it is.
    pub(super) value: Value,
}

/// What a limit counts, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Counted {
    /// Calls within a window, which is written so in a policy.
    Window(&'static str),
    /// Calls in flight.
    AtOnce,
    /// Bytes, queues, or whatever it may be.
    Other,
}

impl EffectiveLimit {
    /// Namespace and key, as Genesys Cloud writes them in its catalogue and Tollgate in policies.
    pub(super) fn catalogue_name(&self) -> String {
        format!("{}/{}", self.namespace, self.key)
    }

    /// The name by which a refusal of this limit would be known: what the policy's adapter makes of the body that the
    /// provider would send with it. An adapter that reads no names leaves that of the catalogue.
    pub(super) fn name(&self, adapter: &Adapter) -> String {
        let limit = serde_json::json!({"key": self.key, "namespace": self.namespace, "value": self.value});
        let body =
            serde_json::json!({"status": 429, "code": "too.many.requests.retry.after", "limit": limit});
        let body = body.to_string();
        let refusal = Answer {
            status: 429,
            headers: &axum::http::HeaderMap::new(),
            body: Some(body.as_bytes()),
            received_at: clock::now(),
        };
        let named = adapter.read(&refusal).throttled.and_then(|throttled| throttled.limit);
        named.map_or_else(|| self.catalogue_name(), |limit| limit.name)
    }

    pub(super) fn counted(&self) -> Counted {
        let window = WINDOWS.iter().find(|(ending, _)| self.key.ends_with(ending));
        match window {
            Some((_, written)) => Counted::Window(written),
            None if AT_ONCE.iter().any(|part| self.key.contains(part)) => Counted::AtOnce,
            None => Counted::Other,
        }
    }

    /// How much it allows, or why that is no amount that a policy takes.
    pub(super) fn amount(&self) -> Result<u64, String> {
        let refused = |expected: &str| Err(format!("the provider says {}, expected {expected}", self.told()));
        match self.value.as_u64() {
            Some(0) => refused("at least 1: a policy can't hold a limit that lets nothing pass"),
            Some(amount) if amount > AMOUNT_MAX => {
                refused("at most 1000000000, the most that a policy takes")
            }
            Some(amount) => Ok(amount),
            None => refused("a whole number, 1 to 1000000000"),
        }
    }

    /// The value with its window, as a policy would write it.
    pub(super) fn said(&self) -> String {
        match self.counted() {
            Counted::Window(window) => format!("{}/{window}", self.told()),
            Counted::AtOnce => format!("{} at once", self.told()),
            Counted::Other => self.told(),
        }
    }

    /// The value as it was told, cut to what fits a line.
    fn told(&self) -> String {
        let text = plain(&self.value.to_string());
        match text.char_indices().nth(VALUE_CHARS_MAX) {
            Some((end, _)) => format!("{}...", text.split_at(end).0),
            None => text,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;
    use tollgate::Policy;

    pub(in super::super) fn effective(namespace: &str, key: &str, value: impl Into<Value>) -> EffectiveLimit {
        EffectiveLimit { namespace: namespace.into(), key: key.into(), value: value.into() }
    }

    #[test]
    fn a_name_tells_what_is_counted() {
        let counted = |key: &str| effective("n", key, 1).counted();
        assert_eq!(counted("user.rate.per.minute"), Counted::Window("1m"));
        assert_eq!(counted("workitems.per.day"), Counted::Window("1d"));
        assert_eq!(counted("data.actions.in.flight"), Counted::AtOnce);
        assert_eq!(counted("max.concurrent.exports"), Counted::AtOnce);
        assert_eq!(counted("request.bytes.max"), Counted::Other);
        assert_eq!(counted("rate.per.minute.bytes"), Counted::Other);
    }

    #[test]
    fn only_amounts_that_a_policy_takes_are_amounts() {
        let amount = |value: Value| effective("n", "k", value).amount();
        assert_eq!((amount(json!(1)), amount(json!(1_000_000_000))), (Ok(1), Ok(1_000_000_000)));
        for (value, expected) in [
            (json!(0), "at least 1"),
            (json!(-5), "whole number"),
            (json!(1.5), "whole number"),
            (json!("300"), "whole number"),
            (json!(null), "whole number"),
            (json!(1_000_000_001), "at most 1000000000"),
            (json!(u64::MAX), "at most 1000000000"),
        ] {
            let error = amount(value.clone()).expect_err("no amount");
            assert!(error.contains(&value.to_string()) && error.contains(expected), "{value}: {error}");
        }
    }

    /// Whatever adapter a policy has, a limit is looked for under the name that its refusals would have.
    #[test]
    fn the_name_is_the_one_that_the_adapter_reads() {
        let limit = effective("directory", "user.rate.per.minute", 180);
        let name = |policy: &str| limit.name(Policy::from_toml(policy).expect(policy).adapter());
        assert_eq!(name("namespace = 'n'\nprovider = 'genesys-cloud'"), "directory/user.rate.per.minute");
        assert_eq!(name("namespace = 'n'\nprovider = 'slack'"), "directory/user.rate.per.minute");
        let own = "namespace = 'n'\nprovider = 'own'\nadapter = { extends = 'genesys-cloud', limit = { name = [{ body = '/limit/key' }] } }";
        assert_eq!(name(own), "user.rate.per.minute");
    }
}
