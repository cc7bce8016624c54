//! The rules of a namespace as the tests draw them: plain figures, from which the document is written and the judge
//! judges.

use std::fmt::{self, Write};

/// How much may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// `tokens` in every `span_us`, evenly.
    Rate { tokens: u64, span_us: u64 },
    /// At most `tokens` in any window, for calls that arrive up to `slack_us` after their grant.
    Quota { tokens: u64, window_us: u64, slack_us: u64 },
}

/// What a bucket lets pass, and how much of it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) quantity: Quantity,
    pub(crate) burst: u64,
}

/// One limit of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) allowance: Allowance,
    /// What the first key has instead.
    pub(crate) special: Option<Allowance>,
    pub(crate) observed: bool,
    pub(crate) max_keys: Option<u64>,
}

/// A whole policy: each of the [`LIMITS`] with its rule, or without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules(pub(crate) [Option<Rule>; 4]);

/// What a call is counted per.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Per {
    Org,
    Client,
    OrgAndClient,
    Nothing,
}

/// A limit's name, what it is counted per, whether it holds for exports only, and the key that may be special.
pub(crate) struct Limit {
    pub(crate) name: &'static str,
    pub(crate) per: Per,
    pub(crate) exports_only: bool,
    pub(crate) special_key: &'static str,
}

/// A call as the tests draw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Errand {
    pub(crate) org: &'static str,
    pub(crate) client: &'static str,
    pub(crate) export: bool,
    /// Whether it is interactive; else it is a batch call.
    pub(crate) urgent: bool,
}

/// The organisations and the clients there are.
pub(crate) const ORGS: [&str; 3] = ["acme", "bolt", "core"];
pub(crate) const CLIENTS: [&str; 2] = ["app", "bot"];

/// A limit counted per organisation, a shared one, one for two attributes and a part of the calls, one for everybody.
pub(crate) const LIMITS: [Limit; 4] = [
    Limit { name: "org", per: Per::Org, exports_only: false, special_key: "acme" },
    Limit { name: "token", per: Per::Client, exports_only: false, special_key: "app" },
    Limit { name: "exports", per: Per::OrgAndClient, exports_only: true, special_key: "acme/app" },
    Limit { name: "platform", per: Per::Nothing, exports_only: false, special_key: "" },
];

impl Errand {
    /// The key that this call has at a limit, if the limit is for it.
    pub(crate) fn key(self, limit: &Limit) -> Option<String> {
        let key = match limit.per {
            Per::Org => self.org.to_owned(),
            Per::Client => self.client.to_owned(),
            Per::OrgAndClient => format!("{}/{}", self.org, self.client),
            Per::Nothing => String::new(),
        };
        (self.export || !limit.exports_only).then_some(key)
    }

    pub(crate) fn route(self) -> &'static str {
        if self.export { "/exports/1" } else { "/users" }
    }
}

impl Rules {
    /// What holds for one key of a limit, if the limit is in the policy.
    pub(crate) fn allowance(&self, limit: usize, key: &str) -> Option<Allowance> {
        let rule = self.0[limit].as_ref()?;
        let special = rule.special.filter(|_| key == LIMITS[limit].special_key);
        Some(special.unwrap_or(rule.allowance))
    }

    /// Whether the limit is in the policy and refuses calls.
    pub(crate) fn enforces(&self, limit: usize) -> bool {
        self.0[limit].as_ref().is_some_and(|rule| !rule.observed)
    }

    /// The document.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = String::from("namespace = \"history\"\n");
        for (limit, rule) in LIMITS.iter().zip(&self.0) {
            let Some(rule) = rule else { continue };
            let per = match limit.per {
                Per::Org => "\"org\"",
                Per::Client => "\"client\"",
                Per::OrgAndClient => "\"org\", \"client\"",
                Per::Nothing => "",
            };
            let _ = write!(text, "[[limit]]\nname = {:?}\nper = [{per}]\n", limit.name);
            if limit.exports_only {
                text.push_str("when = { path = \"/exports/**\" }\n");
            }
            if rule.observed {
                text.push_str("mode = \"observe\"\n");
            }
            if let Some(most) = rule.max_keys {
                let _ = writeln!(text, "max_keys = {most}");
            }
            let _ = writeln!(text, "{}", rule.allowance.fields("\n"));
            if let Some(special) = rule.special {
                let _ = writeln!(text, "override.{:?} = {{ {} }}", limit.special_key, special.fields(", "));
            }
        }
        text
    }
}

impl Allowance {
    fn fields(self, separator: &str) -> String {
        let quantity = match self.quantity {
            Quantity::Rate { tokens, span_us } => format!("rate = \"{tokens}/{span_us}us\""),
            Quantity::Quota { tokens, window_us, slack_us } => {
                format!("quota = \"{tokens}/{window_us}us\"{separator}slack = \"{slack_us}us\"")
            }
        };
        format!("{quantity}{separator}burst = {}", self.burst)
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fields(", "))
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (limit, rule) in LIMITS.iter().zip(&self.0) {
            let Some(rule) = rule else { continue };
            write!(f, "{separator}{} [{}", limit.name, rule.allowance)?;
            if let Some(special) = rule.special {
                write!(f, "; {:?}: {special}", limit.special_key)?;
            }
            if let Some(most) = rule.max_keys {
                write!(f, "; max_keys {most}")?;
            }
            f.write_str(if rule.observed { "; observe]" } else { "]" })?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("no limits") } else { Ok(()) }
    }
}
