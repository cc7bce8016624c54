//! Scenarios: a provider, and what is known of it.

use std::time::Duration;

use serde::Deserialize;
use tollgate::{Policy, PolicyError};
use tollgate_simulator::{Config, ConfigError, LimitName, Scope};
use toml::{Table, Value};

/// A provider, what the policy says of it, and who else calls it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) name: String,
    /// Calls in a window, as they are known.
    pub(crate) known_calls: u32,
    /// How long the provider's windows are.
    pub(crate) window_s: u64,
    /// How long a call is on its way at most, and its answer.
    pub(crate) way: Duration,
    /// Calls a second that somebody waits for.
    pub(crate) clicks_per_s: f64,
    /// The true limit that binds.
    pub(crate) judged: Scope,
    pub(crate) provider: Config,
    policy: Table,
}

/// A scenario that comes with the demo.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// What is true of its provider and nobody is told.
    pub about: &'static str,
    text: &'static str,
}

/// The scenarios that come with the demo, in `crates/demo/scenarios`.
pub const BUILT_IN: [BuiltIn; 4] = [
    BuiltIn {
        name: "known",
        about: "the provider does what the policy says: 1,000 calls in 5 s for one client that all organisations share",
        text: include_str!("../scenarios/known.toml"),
    },
    BuiltIn {
        name: "hidden",
        about: "900 calls in 3 s are known, but a gateway that no document names lets 600 pass, and its refusals do not say so",
        text: include_str!("../scenarios/hidden.toml"),
    },
    BuiltIn {
        name: "noisy-neighbour",
        about: "900 calls in 3 s are known, but somebody else calls with the same client and uses about a third of them",
        text: include_str!("../scenarios/noisy-neighbour.toml"),
    },
    BuiltIn {
        name: "lowered",
        about: "900 calls in 3 s are known, but after 6 s the provider lets 600 pass, without a word",
        text: include_str!("../scenarios/lowered.toml"),
    },
];

/// Why a text is no scenario.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A field is missing, unknown or of another kind.
    #[error("the scenario {name} can't be read")]
    Document {
        /// The scenario's name.
        name: String,
        /// Where, and what would be right.
        source: Box<toml::de::Error>,
    },
    /// A field has a value that makes no sense.
    #[error("the scenario {name}: {field}: expected {expected}")]
    Field {
        /// The scenario's name.
        name: String,
        /// The field.
        field: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// Its provider can't be simulated.
    #[error("the scenario {name}: provider")]
    Provider {
        /// The scenario's name.
        name: String,
        /// Which field, and what would be right.
        source: ConfigError,
    },
    /// Its policy is none.
    #[error("the scenario {name}: policy")]
    Policy {
        /// The scenario's name.
        name: String,
        /// Which field, and what would be right.
        source: Box<PolicyError>,
    },
}

/// As it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    known_calls: u32,
    window_s: u64,
    way_ms: u64,
    clicks_per_s: f64,
    judged: Judged,
    policy: Table,
    provider: Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Judged {
    limit: String,
    key: String,
}

impl Scenario {
    /// The built-in scenario of this name, if there is one.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Result<Self, ScenarioError>> {
        let built_in = BUILT_IN.iter().find(|built_in| built_in.name == name)?;
        Some(Self::from_toml(name, built_in.text))
    }

    /// A scenario in TOML; the built-in ones in `crates/demo/scenarios` show every field. The policy's namespace is
    /// each demo's own.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let name = name.to_owned();
        let document: Document = match toml::from_str(text) {
            Ok(document) => document,
            Err(source) => return Err(ScenarioError::Document { name, source: Box::new(source) }),
        };
        let Document { known_calls, window_s, way_ms, clicks_per_s, judged, policy, provider } = document;
        let wrong = |field, expected| Err(ScenarioError::Field { name: name.clone(), field, expected });
        if known_calls == 0 {
            return wrong("known_calls", "1 or more");
        }
        if !(1..=3_600).contains(&window_s) {
            return wrong("window_s", "1 to 3600");
        }
        if !(0.1..=1_000.0).contains(&clicks_per_s) {
            return wrong("clicks_per_s", "0.1 to 1000");
        }
        let Ok(limit) = judged.limit.parse::<LimitName>() else {
            return wrong("judged.limit", "a namespace and a key, such as platform.api/token.rate");
        };
        let provider = match Config::from_toml(&provider.to_string()) {
            Ok(provider) => provider,
            Err(source) => return Err(ScenarioError::Provider { name, source }),
        };
        let scenario = Self {
            known_calls,
            window_s,
            way: Duration::from_millis(way_ms),
            clicks_per_s,
            judged: Scope::new(limit, &judged.key),
            provider,
            policy,
            name,
        };
        // What is wrong with the policy is told now, not in the middle of a demo.
        scenario.policy("demo")?;
        Ok(scenario)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long the provider's windows are, in seconds.
    #[must_use]
    pub fn window_s(&self) -> u64 {
        self.window_s
    }

    /// The policy, for a namespace.
    pub(crate) fn policy(&self, namespace: &str) -> Result<Policy, ScenarioError> {
        let mut document = self.policy.clone();
        document.insert("namespace".to_owned(), Value::from(namespace));
        Policy::from_toml(&document.to_string())
            .map_err(|source| ScenarioError::Policy { name: self.name.clone(), source: Box::new(source) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_right_and_the_policy_says_what_is_known() {
        for BuiltIn { name, .. } in BUILT_IN {
            let scenario = Scenario::built_in(name).expect(name).expect(name);
            let policy = scenario.policy("demo").expect(name);
            let known = format!("{}/{}s", scenario.known_calls, scenario.window_s);
            assert_eq!(policy.limits()[0].quota(), Some(known.as_str()), "{name}");
        }
        assert!(Scenario::built_in("gone").is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let right = BUILT_IN[0].text;
        for (from, to, words) in [
            ("window_s = 5", "window_s = 0", "window_s: expected 1 to 3600"),
            ("clicks_per_s = 20", "clicks_per_s = nan", "clicks_per_s: expected 0.1"),
            ("key = \"app\"", "key = 7", "the scenario x can't be read"),
            ("kind = \"fixed-window\"", "kind = \"round\"", "provider"),
            ("quota = \"1000/5s\"", "quota = \"many\"", "policy"),
        ] {
            assert!(right.contains(from), "{from}");
            let error = Scenario::from_toml("x", &right.replace(from, to)).expect_err(to).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
