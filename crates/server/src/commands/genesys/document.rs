//! The policy as the service has it: its document, read as far as overrides go, and changed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate::{Policy, PolicyError};

/// Credits that a bucket holds at most, in tokens and microseconds; docs/POLICY.md has the rule.
const CREDITS_MAX: u64 = 1 << 52;

/// A policy and its document.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) policy: Policy,
    json: Value,
}

/// What a limit, or an override of one, says of amounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Amounts {
    pub(super) quota: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) concurrent: Option<u64>,
}

/// A limit as far as it is looked at here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LimitText {
    #[serde(flatten)]
    pub(super) amounts: Amounts,
    #[serde(default)]
    when: When,
    #[serde(default, rename = "override")]
    overrides: BTreeMap<String, Amounts>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct When {
    org: Option<OneOrMore>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// What an override is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// So many in such a window, as `180/1m`.
    Quota { amount: u64, window: &'static str },
    /// So many in flight.
    Concurrent(u64),
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy = Policy::from_json(text)?;
        // It has just been read.
        let json = serde_json::from_str(text).unwrap_or_default();
        Ok(Self { policy, json })
    }

    /// The limit of this number, in the order of the policy.
    pub(super) fn limit(&self, index: usize) -> Option<LimitText> {
        serde_json::from_value(self.json.get("limit")?.get(index)?.clone()).ok()
    }

    /// The document with an override of a limit for a key.
    ///
    /// What an override of that key says beside it stays. A burst that is too large for the amount is named anew: a
    /// tenth, or what can be counted exactly over so long a window.
    pub(super) fn with_override(
        &self,
        index: usize,
        key: &str,
        wanted: &Wanted,
    ) -> Result<Self, PolicyError> {
        let first = self.overridden(index, key, wanted, None);
        let burst = match wanted {
            Wanted::Quota { amount, window } => burst_of(*amount, window),
            Wanted::Concurrent(_) => return first,
        };
        first.or_else(|error| self.overridden(index, key, wanted, Some(burst)).map_err(|_| error))
    }

    fn overridden(
        &self,
        index: usize,
        key: &str,
        wanted: &Wanted,
        burst: Option<u64>,
    ) -> Result<Self, PolicyError> {
        let mut json = self.json.clone();
        let limit = json.get_mut("limit").and_then(|limits| limits.get_mut(index));
        let limit = limit.and_then(Value::as_object_mut);
        let overrides = limit.and_then(|limit| table_in(limit, "override"));
        if let Some(fields) = overrides.and_then(|overrides| table_in(overrides, key)) {
            match wanted {
                Wanted::Quota { .. } => {
                    fields.remove("rate");
                    fields.insert("quota".into(), wanted.to_string().into());
                }
                Wanted::Concurrent(calls) => drop(fields.insert("concurrent".into(), json!(calls))),
            }
            if let Some(burst) = burst {
                fields.insert("burst".into(), json!(burst));
            }
        }
        Self::parse(&json.to_string())
    }

    /// The document, to be put into force.
    pub(super) fn to_json(&self) -> String {
        self.policy.to_json()
    }
}

impl LimitText {
    /// What counts for a key: what an override says, and for the rest the limit. Whether an override has a part in it.
    pub(super) fn of_key(&self, key: &str) -> (Amounts, bool) {
        let Some(own) = self.overrides.get(key) else {
            return (self.amounts.clone(), false);
        };
        let has_tokens = own.quota.is_some() || own.rate.is_some();
        let tokens = if has_tokens { own } else { &self.amounts };
        let concurrent = own.concurrent.or(self.amounts.concurrent);
        (Amounts { quota: tokens.quota.clone(), rate: tokens.rate.clone(), concurrent }, true)
    }

    /// Whether it counts calls of an organisation.
    pub(super) fn counts(&self, org: &str) -> bool {
        match &self.when.org {
            None => true,
            Some(OneOrMore::One(only)) => only == org,
            Some(OneOrMore::More(orgs)) => orgs.iter().any(|one| one == org),
        }
    }
}

impl Amounts {
    /// The quota or the rate, as it is written.
    pub(super) fn tokens(&self) -> Option<&str> {
        self.quota.as_deref().or(self.rate.as_deref())
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Quota { amount, window } => write!(f, "{amount}/{window}"),
            Self::Concurrent(calls) => write!(f, "{calls} at once"),
        }
    }
}

/// The table of this name, made where there is none.
fn table_in<'a>(table: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    table.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// A tenth, as by default, and no more than is counted exactly over twice the window: a slack may come on top of it.
fn burst_of(amount: u64, window: &str) -> u64 {
    let window_us = match window {
        "1s" => 1_000_000,
        "1m" => 60_000_000,
        "1h" => 3_600_000_000,
        _ => 86_400_000_000,
    };
    (amount / 10).min(CREDITS_MAX / (2 * window_us)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(toml: &str) -> Document {
        let policy = Policy::from_toml(toml).expect(toml);
        Document::parse(&policy.to_json()).expect("it was written by a policy")
    }

    fn overridden(toml: &str, wanted: &Wanted) -> Value {
        let changed = document(toml).with_override(0, "acme", wanted).expect(toml);
        let json: Value = serde_json::from_str(&changed.to_json()).expect("JSON");
        json["limit"][0]["override"]["acme"].clone()
    }

    fn per_minute(amount: u64) -> Wanted {
        Wanted::Quota { amount, window: "1m" }
    }

    const HEAD: &str = "namespace = 'n'\n[[limit]]\nname = 'users'\nper = ['org']\n";

    #[test]
    fn an_override_says_what_is_wanted_and_no_more() {
        let plain = format!("{HEAD}quota = '180/1m'\nburst = 18");
        assert_eq!(overridden(&plain, &per_minute(600)), json!({"quota": "600/1m"}));
        assert_eq!(overridden(&plain, &per_minute(10)), json!({"quota": "10/1m", "burst": 1}));
        let per_day = Wanted::Quota { amount: 10_000_000, window: "1d" };
        assert_eq!(overridden(&plain, &per_day), json!({"quota": "10000000/1d"}));
        let no_burst = format!("{HEAD}quota = '180/1m'");
        let of_day = overridden(&no_burst, &per_day);
        assert_eq!(of_day, json!({"quota": "10000000/1d", "burst": 26_062}));
        let in_flight = format!("{HEAD}concurrent = 5");
        assert_eq!(overridden(&in_flight, &Wanted::Concurrent(50)), json!({"concurrent": 50}));
    }

    #[test]
    fn what_an_override_says_beside_it_stays() {
        let tier = format!(
            "{HEAD}rate = '10/s'\n[limit.override.acme]\nrate = '50/s'\nburst = 50\nspacing = '10ms'\n"
        );
        let expected = json!({"quota": "600/1m", "burst": 50, "spacing": "10ms"});
        assert_eq!(overridden(&tier, &per_minute(600)), expected);
    }

    #[test]
    fn what_a_policy_can_not_hold_is_refused_by_its_field() {
        let in_flight = format!("{HEAD}concurrent = 5");
        let error = document(&in_flight).with_override(0, "acme", &Wanted::Concurrent(5_000));
        let error = error.expect_err("no more than 1000");
        assert!(error.problems()[0].field.ends_with("concurrent"), "{error}");
    }

    #[test]
    fn an_override_counts_for_its_key() {
        let tier = format!("{HEAD}quota = '180/1m'\nconcurrent = 3\n[limit.override.acme]\nrate = '50/s'\n");
        let limit = document(&tier).limit(0).expect("a limit");
        let (acme, is_own) = limit.of_key("acme");
        assert_eq!((acme.tokens(), acme.concurrent, is_own), (Some("50/s"), Some(3), true));
        let (globex, is_own) = limit.of_key("globex");
        assert_eq!((globex.tokens(), is_own), (Some("180/1m"), false));
    }

    #[test]
    fn a_limit_counts_the_organisations_that_it_names() {
        let limit =
            |when: &str| document(&format!("{HEAD}quota = '180/1m'\n{when}")).limit(0).expect("a limit");
        assert!(limit("").counts("acme"));
        assert!(limit("when = { org = 'acme' }").counts("acme"));
        assert!(limit("when = { org = ['globex', 'acme'] }").counts("acme"));
        assert!(!limit("when = { org = 'globex' }").counts("acme"));
    }
}
