//! What a policy says of one key changed, and overrides that have run out left out.

use super::Policy;
use super::compile;
use super::document::{Document, LimitDocument, Override};
use super::error::PolicyError;
use super::problem::{Wrong, quoted};

/// A policy without overrides that have run out.
#[derive(Debug)]
pub(crate) struct Expired {
    /// The policy that is left.
    pub(crate) policy: Policy,
    /// Which they were, each as its limit and its key.
    pub(crate) overrides: Vec<(String, String)>,
}

impl Policy {
    /// What a key of a limit has instead of what the limit says, if there is such a limit and it says that of the key.
    #[must_use]
    pub fn override_of(&self, limit: &str, key: &str) -> Option<&Override> {
        let limit = self.limits.iter().find(|known| known.name() == limit)?;
        limit.written.overrides.get(key)
    }

    /// This policy with `own` as what the key of a limit has instead of what the limit says; with `None` without it.
    ///
    /// # Errors
    /// [`PolicyError`] if there is no such limit (its field is `limit`), no call could have that key (`key`), or the
    /// override can't be: the fields of the problems are then those of the override.
    pub fn with_override(
        &self,
        limit: &str,
        key: &str,
        own: Option<Override>,
    ) -> Result<Policy, PolicyError> {
        let mut limits = self.written();
        let Some(index) = limits.iter().position(|known| known.name == limit) else {
            return Err(Wrong::text(limit, "the name of a limit of the policy").at("limit").into());
        };
        let overrides = &mut limits[index].overrides;
        match own {
            Some(own) => drop(overrides.insert(key.to_owned(), own)),
            None => drop(overrides.remove(key)),
        }
        let place = format!("limit[{index}].override.{}", quoted(key));
        self.with_limits(limits).map_err(|error| {
            error.told_of(|field| match field.strip_prefix(&place) {
                Some("") => "key".to_owned(),
                Some(own) => own.trim_start_matches('.').to_owned(),
                None => field.to_owned(),
            })
        })
    }

    /// The weight that a limit gives an organisation, if there is such a limit and it says one.
    #[must_use]
    pub fn weight_of(&self, limit: &str, org: &str) -> Option<u32> {
        let limit = self.limits.iter().find(|known| known.name() == limit)?;
        limit.written.weight.get(org).copied()
    }

    /// This policy with another weight for an organisation where calls wait at a limit that is counted per
    /// organisation, and at all limits that say nothing of it; with `None` without one.
    ///
    /// # Errors
    /// [`PolicyError`] if there is no such limit (its field is `limit`), or the weight can't be (`weight`): it is 1 to
    /// 1,000, the limit is counted `per = ["org"]`, and other such limits say no other one.
    pub fn with_weight(&self, limit: &str, org: &str, weight: Option<u32>) -> Result<Policy, PolicyError> {
        let mut limits = self.written();
        let Some(index) = limits.iter().position(|known| known.name == limit) else {
            return Err(Wrong::text(limit, "the name of a limit of the policy").at("limit").into());
        };
        let limit = &mut limits[index];
        match weight {
            Some(weight) if limit.per == ["org"] => drop(limit.weight.insert(org.to_owned(), weight)),
            Some(weight) => {
                let expected = "none, as the limit is not counted per organisation alone";
                return Err(Wrong::plain(weight.to_string(), expected).at("weight").into());
            }
            None => drop(limit.weight.remove(org)),
        }
        self.with_limits(limits).map_err(|error| {
            error.told_of(
                |field| if field.contains(".weight.") { "weight".to_owned() } else { field.to_owned() },
            )
        })
    }

    /// When the next of its overrides runs out, in microseconds since 1970, if any does.
    pub(crate) fn next_expiry_us(&self) -> Option<u64> {
        let overrides = self.limits.iter().flat_map(|limit| limit.written.overrides.values());
        overrides.filter_map(Override::expires_at_us).min()
    }

    /// This policy without the overrides that have run out by then.
    pub(crate) fn without_expired(&self, now_us: u64) -> Result<Expired, PolicyError> {
        let (mut limits, mut expired) = (self.written(), Vec::new());
        for limit in &mut limits {
            let name = &limit.name;
            limit.overrides.retain(|key, own| {
                let is_over = own.expires_at_us().is_some_and(|at_us| at_us <= now_us);
                if is_over {
                    expired.push((name.clone(), key.clone()));
                }
                !is_over
            });
        }
        Ok(Expired { policy: self.with_limits(limits)?, overrides: expired })
    }

    fn written(&self) -> Vec<LimitDocument> {
        self.limits.iter().map(|limit| limit.written.clone()).collect()
    }

    fn with_limits(&self, limits: Vec<LimitDocument>) -> Result<Policy, PolicyError> {
        compile::policy(Document { limit: limits, ..self.head() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: u64 = 1_700_000_000_000_000; // 2023-11-14T22:13:20Z

    fn policy() -> Policy {
        Policy::from_toml(
            r#"
            namespace = "shop"
            [[limit]]
            name = "other"
            per = ["client"]
            rate = "1/s"
            [[limit]]
            name = "org"
            per = ["org"]
            rate = "10/s"
            override.globex = { rate = "1/s" }
            override.hooli = { rate = "90/s", expires_at = "2023-11-14T22:13:20Z" }
            override.initech = { rate = "80/s", expires_at = "2023-11-15T00:13:20.000001+02:00" }
            "#,
        )
        .expect("a policy")
    }

    fn rate(text: &str) -> Override {
        Override { rate: Some(text.to_owned()), ..Override::default() }
    }

    #[test]
    fn an_override_is_set_replaced_and_removed_and_nothing_else_changes() {
        let policy = policy();
        let set = policy.with_override("org", "acme", Some(rate("50/s"))).expect("a policy");
        assert_eq!(set.override_of("org", "acme"), Some(&rate("50/s")));
        let replaced = set.with_override("org", "acme", Some(rate("5/s"))).expect("a policy");
        assert_eq!(replaced.override_of("org", "acme"), Some(&rate("5/s")));
        assert_eq!(replaced.override_of("org", "globex"), Some(&rate("1/s")));
        assert_eq!(replaced.with_override("org", "acme", None).expect("a policy"), policy);
        assert_eq!(policy.with_override("org", "nobody", None).expect("a policy"), policy);
    }

    #[test]
    fn what_is_wrong_is_told_by_the_fields_of_the_override() {
        let fields = |limit: &str, key: &str, own: Override| {
            let error = policy().with_override(limit, key, Some(own)).expect_err("an override that can't be");
            error.problems().iter().map(|problem| problem.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(fields("nothing", "acme", rate("1/s")), ["limit"]);
        assert_eq!(fields("org", "", rate("1/s")), ["key"]);
        assert_eq!(fields("org", "acme", rate("much")), ["rate"]);
        assert_eq!(fields("org", "ac.me", Override { burst: Some(0), ..rate("1/s") }), ["burst"]);
        let unfit = Override { expires_at: Some("tomorrow".to_owned()), ..rate("1/s") };
        assert_eq!(fields("org", "acme", unfit), ["expires_at"]);
        assert_eq!(fields("org", "acme", Override::default()), ["key"]);
    }

    #[test]
    fn a_weight_is_set_and_removed_where_the_key_is_an_organisation() {
        let policy = policy();
        let set = policy.with_weight("org", "acme", Some(3)).expect("a policy");
        assert_eq!((set.weight_of("org", "acme"), set.weight_of("org", "globex")), (Some(3), None));
        assert_eq!(set.with_weight("org", "acme", None).expect("a policy"), policy);
        for (limit, weight, field) in [("nothing", 3, "limit"), ("org", 0, "weight"), ("other", 3, "weight")]
        {
            let error = policy.with_weight(limit, "acme", Some(weight)).expect_err("a weight that can't be");
            assert_eq!(error.problems()[0].field, field);
        }
    }

    #[test]
    fn an_override_runs_out_at_its_time_and_not_before() {
        let policy = policy();
        assert_eq!(policy.next_expiry_us(), Some(NOW_US));
        let none = policy.without_expired(NOW_US - 1).expect("a policy");
        assert_eq!((none.policy, none.overrides), (policy.clone(), Vec::new()));
        let one = policy.without_expired(NOW_US).expect("a policy");
        assert_eq!(one.overrides, [("org".to_owned(), "hooli".to_owned())]);
        assert_eq!(one.policy.next_expiry_us(), Some(NOW_US + 1));
        let both = policy.without_expired(NOW_US + 1).expect("a policy");
        assert_eq!((both.overrides.len(), both.policy.next_expiry_us()), (2, None));
        assert_eq!(both.policy.override_of("org", "globex"), Some(&rate("1/s")));
    }
}
