//! Limits that a policy did not know until the provider named them.

use super::attribute::Attribute;
use super::checked::Policy;
use super::compile;
use super::document::{Document, LimitDocument, Mode, OneOrMore, When};
use super::error::PolicyError;
use super::measure::Measure;
use super::path::Path;
use super::quantity::Span;
use super::terms::{CAPACITY_MAX, Terms};
use crate::call::Call;
use crate::provider::ProviderLimit;

/// Most limits that a policy learns: names come from outside.
const LEARNED_MAX: usize = 16;
/// Most path patterns of a learned limit; beyond that it holds for all paths. All that is ever learned is fewer changes
/// than versions of the policy are kept.
const PATTERNS_MAX: usize = 4;
/// Most segments of a path that name its family.
const SEGMENTS_MAX: usize = 8;
/// Bytes that a name has at most, less what makes it unique.
const SLUG_BYTES: usize = 48;
/// How much passes a learned limit to begin with where nothing else on the path says how much may: its pace goes down
/// from there.
const RATE: &str = "100/s";

/// A policy with a limit that it did not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) policy: Policy,
    /// The limit's name.
    pub(crate) limit: String,
}

impl Policy {
    /// This policy with the limit by which the provider has refused `call`, which passes it now. It is counted per
    /// organisation and client, for the family of paths that the call's is of, and lets pass what the provider says
    /// where it has `named` it, or what the tightest other limit does; its pace tells the rest. `None` if it can't be
    /// learned: the policy has learned as many as it may, or has it already.
    pub(crate) fn with_learned(
        &self,
        named: Option<&ProviderLimit>,
        call: &Call,
    ) -> Result<Option<Learned>, PolicyError> {
        let mut limits: Vec<LimitDocument> = self.limits.iter().map(|limit| limit.written.clone()).collect();
        let family = family_of(call.path());
        let is_it = |limit: &&mut LimitDocument| match named {
            Some(named) => limit.names.contains(&named.name),
            None => limit.learned && limit.names.is_empty() && limit.is_of(&family),
        };
        let limit;
        if let Some(known) = limits.iter_mut().find(is_it) {
            limit = known.name.clone();
            if !known.learned || !widen(known, family) {
                return Ok(None);
            }
        } else {
            if limits.iter().filter(|limit| limit.learned).count() >= LEARNED_MAX {
                return Ok(None);
            }
            let learned = self.learned(named, call, family);
            limit = learned.name.clone();
            limits.push(learned);
        }
        let document = Document { limit: limits, ..self.head() };
        Ok(Some(Learned { policy: compile::policy(document)?, limit }))
    }

    fn learned(&self, named: Option<&ProviderLimit>, call: &Call, family: String) -> LimitDocument {
        let per = [Attribute::Org, Attribute::Client].into_iter().filter(|one| one.value(call).is_some());
        let quota = named.and_then(|limit| limit.value.zip(window_in(&limit.name)));
        let quota = quota.filter(|(value, _)| (1..=1_000_000_000).contains(value));
        let tightest = self.tightest(call);
        let (rate, quota, burst) = match quota {
            Some((value, (unit, window))) => {
                // A tenth, as by default, or as many as can be counted exactly over so long a window.
                let burst_max = CAPACITY_MAX / (window.us() + 1);
                (None, Some(format!("{value}/{unit}")), Some((value / 10).min(burst_max).max(1)))
            }
            None => (Some(tightest.rate), None, tightest.burst),
        };
        LimitDocument {
            name: self.free_name(named.map_or(family.trim_matches(['/', '*']), |limit| &limit.name)),
            names: named.iter().map(|limit| limit.name.clone()).collect(),
            when: Some(When { path: Some(OneOrMore(vec![family])), ..When::default() }),
            per: per.map(|attribute| attribute.to_string()).collect(),
            rate,
            quota,
            burst,
            mode: tightest.mode,
            learned: true,
            ..LimitDocument::default()
        }
    }

    /// A name for a limit that the provider calls so, that no limit has.
    fn free_name(&self, provider_name: &str) -> String {
        let letter = |letter: char| {
            let letter = letter.to_ascii_lowercase();
            if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' }
        };
        let slug: String = provider_name.chars().map(letter).take(SLUG_BYTES).collect();
        let name = format!("learned-{slug}");
        let mut names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
        let is_free = |name: &String| self.limits.iter().all(|limit| limit.name() != name);
        names.find(is_free).unwrap_or(name)
    }

    /// What the slowest limit lets pass that the call passes already: more can't come. Where all of them are only
    /// observed, what is learned is too.
    fn tightest(&self, call: &Call) -> Tightest {
        let path = self.path(call).ok();
        let buckets: Vec<_> = path.iter().flat_map(Path::buckets).collect();
        let enforced = buckets.iter().filter(|bucket| bucket.mode() == Mode::Enforce);
        let is_dry_run = !buckets.is_empty() && enforced.clone().next().is_none();
        let rates =
            enforced.filter(|bucket| bucket.measure() == Measure::Tokens).map(|bucket| bucket.terms());
        let slowest = rates.reduce(Terms::slower);
        Tightest {
            rate: slowest
                .map_or_else(|| RATE.to_owned(), |terms| format!("{}/{}us", terms.refill(), terms.credit())),
            burst: slowest.map(Terms::burst),
            mode: is_dry_run.then_some(Mode::Observe),
        }
    }
}

/// How much the tightest limit lets pass, as a limit is written.
struct Tightest {
    rate: String,
    burst: Option<u64>,
    mode: Option<Mode>,
}

impl LimitDocument {
    /// Whether it holds for a family of paths.
    fn is_of(&self, family: &str) -> bool {
        let paths = self.when.as_ref().and_then(|when| when.path.as_ref());
        paths.is_some_and(|OneOrMore(patterns)| patterns.iter().any(|pattern| pattern == family))
    }
}

/// Has a learned limit hold for a further family of paths. Whether that is anything new.
fn widen(limit: &mut LimitDocument, family: String) -> bool {
    let Some(OneOrMore(patterns)) = limit.when.as_mut().and_then(|when| when.path.as_mut()) else {
        return false;
    };
    if patterns.contains(&family) {
        return false;
    }
    if patterns.len() < PATTERNS_MAX {
        patterns.push(family);
    } else {
        limit.when = None;
    }
    true
}

/// The family of paths that a path is of: all below its first segment that is no `api` and no version.
fn family_of(path: &str) -> String {
    let is_prefix = |segment: &str| {
        segment == "api"
            || segment.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut family = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()).take(SEGMENTS_MAX) {
        family.push('/');
        // What may mean something else in a pattern is written as anything.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        family.push_str(if segment.bytes().all(is_plain) { segment } else { "*" });
        if !is_prefix(segment) {
            break;
        }
    }
    family + "/**"
}

/// The window that a provider's name ends in, such as `rate.per.minute`: as it is written, and how long it is.
fn window_in(name: &str) -> Option<(&'static str, Span)> {
    const WINDOWS: [(&str, &str); 4] = [("second", "1s"), ("minute", "1m"), ("hour", "1h"), ("day", "1d")];
    let (_, written) = WINDOWS.iter().find(|(unit, _)| name.ends_with(&format!(".per.{unit}")))?;
    Some((written, Span::parse(written).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;
    use crate::policy::Limit;

    const POLICY: &str = "namespace = 'n'\n[[limit]]\nname = 'org'\nper = ['org']\nrate = '10/s'\n";

    fn named(name: &str, value: Option<u64>) -> ProviderLimit {
        ProviderLimit { name: name.to_owned(), value }
    }

    fn learn(policy: &Policy, limit: &ProviderLimit, call: &Call) -> Policy {
        policy.with_learned(Some(limit), call).unwrap().unwrap().policy
    }

    #[test]
    fn a_learned_limit_is_passed_by_the_calls_of_its_family_and_no_others() {
        let policy = Policy::from_toml(POLICY).unwrap();
        let limit = named("directory/user.rate.per.minute", Some(180));
        let call = Call::get("/api/v2/users/7").org("acme").client("app");
        let learned = learn(&policy, &limit, &call);
        let names = |path: &str| -> Vec<String> {
            let path = learned.path(&Call::get(path).org("acme").client("app")).unwrap();
            path.buckets().iter().map(|bucket| bucket.name().to_owned()).collect()
        };
        let own = "learned-directory-user.rate.per.minute:acme/app";
        assert_eq!(names("/api/v2/users"), ["org:acme", own]);
        assert_eq!(names("/api/v2/groups"), ["org:acme"]);
        assert_eq!((learned.limits()[1].quota(), learned.limits()[1].burst()), (Some("180/1m"), Some(18)));
        assert_eq!(Policy::from_json(&learned.to_json()).unwrap(), learned);
        assert_eq!(learned.with_learned(Some(&limit), &call).unwrap(), None, "it is known");
    }

    #[test]
    fn without_a_value_it_lets_pass_what_others_do() {
        let policy = Policy::from_toml(POLICY).unwrap();
        let learned = learn(&policy, &named("hidden", None), &Call::get("/exports").org("acme"));
        assert_eq!(learned.limits()[1].rate(), Some("1/100000us"));
        assert_eq!(learned.limits()[1].per().len(), 1);
        let bare = Policy::from_toml("namespace = 'n'").unwrap();
        assert_eq!(learn(&bare, &named("hidden", None), &Call::get("/")).limits()[0].rate(), Some(RATE));
    }

    #[test]
    fn one_without_a_name_is_learned_once_for_each_family() {
        let mut policy = Policy::from_toml(POLICY).unwrap();
        for path in ["/api/v2/users/1", "/api/v2/quality", "/api/v2/users"] {
            let learned = policy.with_learned(None, &Call::get(path).org("acme").client("app")).unwrap();
            policy = learned.map_or(policy, |learned| learned.policy);
        }
        let names: Vec<_> = policy.limits()[1..].iter().map(Limit::name).collect();
        assert_eq!(names, ["learned-api-v2-users", "learned-api-v2-quality"]);
    }

    #[test]
    fn it_is_widened_by_calls_of_other_families() {
        let mut policy = Policy::from_toml(POLICY).unwrap();
        let limit = named("gateway", None);
        for family in 0..=PATTERNS_MAX {
            policy = learn(&policy, &limit, &Call::get(format!("/api/v2/f{family}/x")).org("acme"));
        }
        let everywhere = policy.path(&Call::get("/else").org("acme")).unwrap();
        assert_eq!(everywhere.buckets().len(), 2);
        assert_eq!(policy.limits().len(), 2);
    }

    /// What is learned of some calls is no hindrance to others that it can't count.
    #[test]
    fn a_learned_limit_makes_no_call_fail() {
        let policy = Policy::from_toml(&POLICY.replace("'10/s'", "'1000/1d'\nburst = 100")).unwrap();
        let learned =
            learn(&policy, &named("hidden", None), &Call::get("/exports").org("acme").client("app"));
        assert_eq!(learned.limits()[1].burst(), Some(100));
        let nobody = learned.path(&Call::get("/exports").org("acme")).unwrap();
        assert_eq!(nobody.buckets().len(), 1, "it has no client");
        let daily = learn(&policy, &named("requests.per.day", Some(1_000_000)), &Call::get("/").org("acme"));
        assert!(daily.limits()[1].burst().unwrap() < 100_000, "more can't be counted exactly");
    }

    #[test]
    fn where_all_is_observed_what_is_learned_is_too() {
        let policy = Policy::from_toml(&format!("{POLICY}mode = 'observe'\n")).unwrap();
        let learned = learn(&policy, &named("hidden", None), &Call::get("/exports").org("acme"));
        assert_eq!(learned.limits()[1].mode(), Mode::Observe);
    }

    #[test]
    fn hostile_names_make_limits_with_names_and_no_more_than_may_be() {
        let mut policy = Policy::from_toml(POLICY).unwrap();
        let names = ["../../x", "ÄÖÜ", "a b", "a/b", "", "A B", "*", &"x".repeat(256)];
        for name in names.iter().filter(|name| !name.is_empty()) {
            policy = learn(&policy, &named(name, Some(0)), &Call::get("/*/**/..").org("acme"));
        }
        for number in policy.limits().len() - 1..LEARNED_MAX {
            policy = learn(&policy, &named(&number.to_string(), Some(u64::MAX)), &Call::get("/").org("acme"));
        }
        let one_more = policy.with_learned(Some(&named("more", None)), &Call::get("/").org("acme"));
        assert_eq!(one_more.unwrap(), None);
    }

    #[test]
    fn what_was_written_by_hand_is_left_alone() {
        let written = format!("{POLICY}names = ['hand']\nwhen = {{ path = '/a/**' }}\n");
        let policy = Policy::from_toml(&written).unwrap();
        let learned = policy.with_learned(Some(&named("hand", None)), &Call::get("/b").org("acme"));
        assert_eq!(learned.unwrap(), None);
    }
}
