//! What a policy should say for an organisation, by what the provider says.

use std::collections::BTreeSet;

use anyhow::bail;
use tollgate::provider::Adapter;
use tollgate::{Attribute, Limit, Measure};

use super::document::{Amounts, Document, LimitText, Wanted};
use super::effective::{Counted, EffectiveLimit};
use super::row::{Row, Verdict};
use super::snippet::Unknown;

/// Whose limits, and which of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) org: &'a str,
    /// Limits of the policy; all where there are none.
    pub(super) limits: &'a [String],
    /// Whether the provider was asked for some of its limits only.
    pub(super) is_partial: bool,
}

/// A policy beside the limits of the provider.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) rows: Vec<Row>,
    /// What the policy does not know.
    pub(super) unknown: Vec<Unknown>,
    /// The policy with all changes.
    pub(super) document: Document,
}

/// One limit of the policy, at its place.
struct Place<'a> {
    index: usize,
    limit: &'a Limit,
    text: LimitText,
    org: &'a str,
}

impl Proposal {
    /// Compares.
    ///
    /// # Errors
    /// Where the policy has no limit of a name in the scope.
    pub(super) fn of(document: &Document, told: &[EffectiveLimit], scope: Scope<'_>) -> anyhow::Result<Self> {
        let policy = document.policy.clone();
        let is_there = |name: &&String| policy.limits().iter().any(|limit| limit.name() == name.as_str());
        if let Some(stranger) = scope.limits.iter().find(|name| !is_there(name)) {
            let known: Vec<&str> = policy.limits().iter().map(Limit::name).collect();
            bail!("limit: {stranger:?}, expected one of the policy's: {}", known.join(", "));
        }
        let told = named(told, policy.adapter());
        let mut proposal = Self { rows: Vec::new(), unknown: Vec::new(), document: document.clone() };
        for (index, limit) in policy.limits().iter().enumerate() {
            let is_wanted = scope.limits.is_empty() || scope.limits.iter().any(|name| name == limit.name());
            if let Some(text) = document.limit(index).filter(|_| is_wanted) {
                proposal.compare(&Place { index, limit, text, org: scope.org }, &told, scope.is_partial);
            }
        }
        proposal.unknown = unknown(&policy, &told);
        Ok(proposal)
    }

    /// How many limits would change.
    pub(super) fn changes(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Change { .. })).count()
    }

    /// How many limits can't be as the provider says.
    pub(super) fn unfit(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Unfit { .. })).count()
    }

    fn compare(&mut self, place: &Place<'_>, told: &[(String, &EffectiveLimit)], is_partial: bool) {
        let names = place.limit.names();
        let matching: Vec<_> = told.iter().filter(|(name, _)| names.contains(name)).collect();
        let (now, overridden) = place.text.of_key(place.org);
        if matching.is_empty() {
            // A rule of one's own has no name at the provider; one that was not asked for is not missing.
            if !names.is_empty() && !is_partial {
                let now = now.tokens().map(str::to_owned);
                let (limit, names) = (place.limit.name().to_owned(), names.to_vec());
                let verdict = Verdict::NotTold;
                self.rows.push(Row { limit, names, provider: None, now, overridden, verdict });
            }
            return;
        }
        let effective: Vec<&EffectiveLimit> = matching.iter().map(|(_, limit)| *limit).collect();
        let is_told = |name: &String| matching.iter().any(|(known, _)| known == name);
        let untold: Vec<&str> = names.iter().filter(|name| !is_told(name)).map(String::as_str).collect();
        // Where no override can be, it does not matter what else the provider might tell.
        let verdict = if untold.is_empty() || place.limit.per() != [Attribute::Org] {
            self.verdict(place, &now, &effective)
        } else {
            // What is not known may be the smallest.
            let why = if is_partial { "was not asked for" } else { "tells nothing of" };
            Verdict::Aside { reason: format!("the provider {why} {}", untold.join(", ")) }
        };
        let said: BTreeSet<String> = effective.iter().map(|limit| limit.said()).collect();
        self.rows.push(Row {
            limit: place.limit.name().to_owned(),
            names: matching.iter().map(|(name, _)| name.clone()).collect(),
            provider: Some(said.into_iter().collect::<Vec<_>>().join(", ")),
            now: shown(&now, &effective),
            overridden,
            verdict,
        });
    }

    fn verdict(&mut self, place: &Place<'_>, now: &Amounts, effective: &[&EffectiveLimit]) -> Verdict {
        if place.limit.per() != [Attribute::Org] {
            let per: Vec<String> = place.limit.per().iter().map(ToString::to_string).collect();
            let per = if per.is_empty() { "nothing".to_owned() } else { per.join(" and ") };
            let reason = format!("counted per {per}: no override of it is for one organisation alone");
            return Verdict::Aside { reason };
        }
        if !place.text.counts(place.org) {
            return Verdict::Aside { reason: format!("does not count calls of {}", place.org) };
        }
        let wanted = match wanted(now, effective) {
            Ok(wanted) => wanted,
            Err(reason) => return Verdict::Unfit { reason },
        };
        let candidate = match self.document.with_override(place.index, place.org, &wanted) {
            Ok(candidate) => candidate,
            Err(error) => return Verdict::Unfit { reason: format!("the policy can't hold it: {error}") },
        };
        if self.is_equal(place, now, &candidate, &wanted) {
            return Verdict::Equal;
        }
        self.document = candidate;
        Verdict::Change { then: wanted.to_string() }
    }

    /// Whether the override would change nothing, however the amounts are written.
    fn is_equal(&self, place: &Place<'_>, now: &Amounts, candidate: &Document, wanted: &Wanted) -> bool {
        let measure = match wanted {
            // A rate keeps no window, even where it comes to the same.
            Wanted::Quota { .. } if now.quota.is_none() => return false,
            Wanted::Quota { .. } => Measure::Tokens,
            Wanted::Concurrent(_) => Measure::InFlight,
        };
        let terms = |document: &Document| document.policy.limits()[place.index].terms_of(measure, place.org);
        terms(&self.document) == terms(candidate)
    }
}

/// Each limit with the name that its refusals would have.
fn named<'a>(told: &'a [EffectiveLimit], adapter: &Adapter) -> Vec<(String, &'a EffectiveLimit)> {
    told.iter().map(|limit| (limit.name(adapter), limit)).collect()
}

fn unknown(policy: &tollgate::Policy, told: &[(String, &EffectiveLimit)]) -> Vec<Unknown> {
    let known: BTreeSet<&String> = policy.limits().iter().flat_map(Limit::names).collect();
    let mut taken: BTreeSet<String> = policy.limits().iter().map(|limit| limit.name().to_owned()).collect();
    let unknown = told.iter().filter(|(name, _)| !known.contains(name));
    unknown.map(|(name, limit)| Unknown::of(name, limit, &mut taken)).collect()
}

/// What the policy says of what the provider's limits count.
fn shown(now: &Amounts, effective: &[&EffectiveLimit]) -> Option<String> {
    match effective.first()?.counted() {
        Counted::AtOnce => now.concurrent.map(|calls| Wanted::Concurrent(calls).to_string()),
        _ => now.tokens().map(str::to_owned),
    }
}

/// What the override has to say: the smallest of what the provider's limits of this name allow. Or why it can't say it.
fn wanted(now: &Amounts, effective: &[&EffectiveLimit]) -> Result<Wanted, String> {
    let amounts: Result<Vec<u64>, String> = effective.iter().map(|limit| limit.amount()).collect();
    let amount = amounts?.into_iter().min().unwrap_or(1);
    let mut counted = effective.iter().map(|limit| limit.counted());
    let first = counted.next().unwrap_or(Counted::Other);
    if counted.any(|other| other != first) {
        return Err("the provider's limits of these names count over different windows".to_owned());
    }
    match first {
        Counted::Window(window) if now.tokens().is_some() => Ok(Wanted::Quota { amount, window }),
        Counted::Window(_) => {
            Err("the provider's limit is on calls in a window, and this one has no quota and no rate"
                .to_owned())
        }
        Counted::AtOnce if now.concurrent.is_some() => Ok(Wanted::Concurrent(amount)),
        Counted::AtOnce => {
            Err("the provider's limit is on calls in flight, and this one has no `concurrent`".to_owned())
        }
        Counted::Other => Err("the provider's name of it does not tell what it counts over".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::effective::tests::effective;
    use super::*;
    use serde_json::{Value, json};
    use tollgate::Policy;

    const POLICY: &str = "
        namespace = 'genesys'
        provider = 'genesys-cloud'
        [[limit]]
        name = 'token'
        names = ['platform.api/token.rate.per.minute']
        per = ['client']
        quota = '300/1m'
        [[limit]]
        name = 'users'
        names = ['directory/user.rate.per.minute', 'directory/all.rate.per.minute']
        per = ['org']
        quota = '180/1m'
        slack = '500ms'
        override.globex = { quota = '60/60s' }
        [[limit]]
        name = 'own'
        per = ['org']
        rate = '10/s'
        [[limit]]
        name = 'actions'
        names = ['actions/in.flight']
        per = ['org']
        concurrent = 20
    ";

    fn document(toml: &str) -> Document {
        Document::parse(&Policy::from_toml(toml).expect(toml).to_json()).expect("JSON of a policy")
    }

    fn proposal(org: &str, told: &[EffectiveLimit]) -> Proposal {
        let scope = Scope { org, limits: &[], is_partial: false };
        Proposal::of(&document(POLICY), told, scope).expect("a proposal")
    }

    fn verdict(proposal: &Proposal, limit: &str) -> Verdict {
        proposal.rows.iter().find(|row| row.limit == limit).expect(limit).verdict.clone()
    }

    /// What a provider tells of the two names of `users`: the second is wider.
    fn of_users(value: impl Into<Value>) -> [EffectiveLimit; 2] {
        [
            effective("directory", "user.rate.per.minute", value),
            effective("directory", "all.rate.per.minute", 10_000),
        ]
    }

    fn change(then: &str) -> Verdict {
        Verdict::Change { then: then.to_owned() }
    }

    #[test]
    fn an_organisation_gets_what_the_provider_says_and_nothing_where_that_is_so() {
        let mut told = Vec::from(of_users(600));
        told.push(effective("actions", "in.flight", 20));
        told.push(effective("platform.api", "token.rate.per.minute", 100));
        let first = proposal("acme", &told);
        assert_eq!(verdict(&first, "users"), change("600/1m"));
        assert_eq!(verdict(&first, "actions"), Verdict::Equal);
        assert!(matches!(verdict(&first, "token"), Verdict::Aside { .. }));
        assert!(!first.rows.iter().any(|row| row.limit == "own"), "it has no name at the provider");
        let scope = Scope { org: "acme", limits: &[], is_partial: false };
        let again = Proposal::of(&first.document, &told, scope).expect("a proposal");
        assert_eq!((again.changes(), again.document.to_json()), (0, first.document.to_json()));
    }

    /// However it is written.
    #[test]
    fn an_override_that_comes_to_the_same_is_equal() {
        let told = of_users(60);
        assert_eq!(verdict(&proposal("globex", &told), "users"), Verdict::Equal);
        assert_eq!(verdict(&proposal("acme", &told), "users"), change("60/1m"));
    }

    #[test]
    fn of_several_limits_of_the_provider_the_smallest_counts() {
        let of = |one: u64, other: u64| {
            let told = [
                effective("directory", "user.rate.per.minute", one),
                effective("directory", "all.rate.per.minute", other),
            ];
            verdict(&proposal("acme", &told), "users")
        };
        assert_eq!(of(600, 90), change("90/1m"));
        assert_eq!(of(90, 600), change("90/1m"));
        let told = [
            effective("directory", "user.rate.per.minute", 90),
            effective("directory", "all.rate.per.minute", 0),
        ];
        assert!(matches!(verdict(&proposal("acme", &told), "users"), Verdict::Unfit { .. }));
    }

    #[test]
    fn what_can_not_be_taken_over_is_told_and_changes_nothing() {
        for value in [json!(0), json!(-1), json!(1.5), json!("600"), json!(5_000_000_000_u64), json!(null)] {
            let proposal = proposal("acme", &of_users(value.clone()));
            assert!(matches!(verdict(&proposal, "users"), Verdict::Unfit { .. }), "{value}");
            assert_eq!(proposal.document.to_json(), document(POLICY).to_json(), "{value}");
        }
        let told = [effective("actions", "in.flight", 1_001)];
        let Verdict::Unfit { reason } = verdict(&proposal("acme", &told), "actions") else {
            panic!("a policy holds no more than 1000");
        };
        assert!(reason.contains("concurrent"), "{reason}");
    }

    #[test]
    fn a_limit_that_the_provider_does_not_tell_of_is_told() {
        let proposal = proposal("acme", &[]);
        assert_eq!(verdict(&proposal, "users"), Verdict::NotTold);
        let scope = Scope { org: "acme", limits: &["own".to_owned()], is_partial: false };
        assert_eq!(Proposal::of(&document(POLICY), &[], scope).expect("a proposal").rows, []);
        let scope = Scope { org: "acme", limits: &["other".to_owned()], is_partial: false };
        assert!(Proposal::of(&document(POLICY), &[], scope).is_err());
    }

    /// The limit that was not asked for, or that the provider left out, may be the smaller one.
    #[test]
    fn a_limit_of_which_only_a_part_is_known_stays() {
        let told = [effective("directory", "user.rate.per.minute", 600)];
        for is_partial in [true, false] {
            let scope = Scope { org: "acme", limits: &[], is_partial };
            let proposal = Proposal::of(&document(POLICY), &told, scope).expect("a proposal");
            let Verdict::Aside { reason } = verdict(&proposal, "users") else {
                panic!("the other name is not known: {:?}", proposal.rows);
            };
            assert!(reason.ends_with(" directory/all.rate.per.minute"), "{reason}");
            assert_eq!(proposal.changes(), 0, "{:?}", proposal.rows);
        }
    }

    /// A rate promises nothing about windows: what passes in one may be more than the provider allows.
    #[test]
    fn a_rate_with_a_name_at_the_provider_becomes_a_quota() {
        let text = POLICY.replace("quota = '180/1m'\n        slack = '500ms'", "rate = '3/s'");
        let text = text.replace("override.globex = { quota = '60/60s' }", "");
        let told = of_users(180);
        let scope = Scope { org: "acme", limits: &[], is_partial: false };
        let proposal = Proposal::of(&document(&text), &told, scope).expect("a proposal");
        assert_eq!(verdict(&proposal, "users"), change("180/1m"));
    }
}
