//! Which limits can explain that the provider has refused a call.

use std::time::Duration;

use super::attribute::Attribute;
use super::checked::Policy;
use super::document::Mode;
use super::key::value_of;
use super::limit::Limit;
use super::measure::Measure;
use super::path::Bucket;
use super::quantity::Quantity;
use crate::provider::QuotaReading;

/// What a limit is counted over that has neither a rate nor a quota.
const WINDOW: Duration = Duration::from_secs(1);

/// The limits that can explain that the provider has refused a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Suspects {
    /// The one that the provider has named.
    Named(Suspect),
    /// It has named one that the policy does not know, or that this call does not pass.
    Unknown,
    /// It has named none: those that the call passes, from the narrowest to the widest.
    Unnamed(Vec<Suspect>),
}

/// A bucket that may have let too much pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) bucket: Bucket,
    /// What its quota is counted over.
    pub(crate) window: Duration,
}

impl Policy {
    /// Who can explain that a call over these buckets was refused. `named` is what the provider calls the limit that it
    /// was. Limits that are only observed refuse nothing, and are no suspects unless they are named.
    pub(crate) fn suspects<'b>(
        &self,
        passed: impl IntoIterator<Item = &'b Bucket>,
        named: Option<&str>,
    ) -> Suspects {
        let mut passed: Vec<_> =
            passed.into_iter().map(|bucket| (&self.limits[usize::from(bucket.limit())], bucket)).collect();
        // The first of a limit's buckets stands for all of them: a call passes all or none.
        passed.dedup_by_key(|(_, bucket)| bucket.limit());
        passed.sort_by_key(|(limit, _)| (usize::MAX - limit.per.len(), limit.written.when.is_none()));
        let suspect = |(limit, bucket): (&Limit, &Bucket)| {
            let window = limit.window_of(bucket.key());
            Suspect { bucket: bucket.clone(), window }
        };
        let Some(name) = named else {
            let enforced = passed.into_iter().filter(|(limit, _)| limit.mode() == Mode::Enforce);
            return Suspects::Unnamed(enforced.map(suspect).collect());
        };
        let by_name = passed.into_iter().find(|(limit, _)| limit.is_called(name));
        by_name.map_or(Suspects::Unknown, |found| Suspects::Named(suspect(found)))
    }

    /// The organisation of a call over these buckets, if one of them is counted for it.
    pub(crate) fn org_of<'b>(&self, passed: impl IntoIterator<Item = &'b Bucket>) -> Option<String> {
        passed.into_iter().find_map(|bucket| {
            let per = &self.limits.get(usize::from(bucket.limit()))?.per;
            value_of(&Attribute::Org, per, bucket.key())
        })
    }

    /// What of an answer is told of a bucket: of its limit, and of no other key. Where nothing is told of the bucket's
    /// own key, the provider has names of its own for keys, and each is taken to be that of the call.
    pub(crate) fn told_of<'q>(
        &self,
        bucket: &Bucket,
        quotas: &'q [QuotaReading],
    ) -> impl Iterator<Item = &'q QuotaReading> {
        let limit = &self.limits[usize::from(bucket.limit())];
        let is_of_limit = |quota: &&QuotaReading| {
            let named = quota.name.as_deref();
            bucket.measure() == Measure::Tokens && named.is_some_and(|name| limit.is_called(name))
        };
        let is_own = |quota: &QuotaReading| quota.key.as_deref() == Some(bucket.key());
        let knows_key = quotas.iter().filter(is_of_limit).any(is_own);
        let is_of_key = move |quota: &&QuotaReading| !knows_key || quota.key.is_none() || is_own(quota);
        quotas.iter().filter(is_of_limit).filter(is_of_key)
    }
}

impl Limit {
    /// Whether the provider calls it so.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.written.names.iter().any(|own| own == name)
    }

    /// What the rate or quota of a key is counted over.
    pub(super) fn window_of(&self, key: &str) -> Duration {
        let own = |rate: &Option<String>, quota: &Option<String>| quota.clone().or_else(|| rate.clone());
        let written = self.written.overrides.get(key).and_then(|other| own(&other.rate, &other.quota));
        let written = written.or_else(|| own(&self.written.rate, &self.written.quota));
        let quantity = written.and_then(|text| Quantity::parse(&text).ok());
        quantity.map_or(WINDOW, |quantity| Duration::from_micros(quantity.span().us()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;
    use crate::call::Call;

    const POLICY: &str = "namespace = 'n'\n\
        [[limit]]\nname = 'platform'\nper = []\nrate = '400/s'\n\
        [[limit]]\nname = 'token'\nnames = ['platform.api/token']\nper = ['client']\nquota = '300/1m'\n\
        [[limit]]\nname = 'org'\nper = ['org']\nrate = '10/s'\noverride.acme = { quota = '500/1h' }\n\
        [[limit]]\nname = 'users'\nper = ['org']\nwhen = { path = '/users/**' }\nconcurrent = 3\nrate = '5/s'\n\
        [[limit]]\nname = 'dry'\nnames = ['dry.run']\nper = ['org', 'client']\nrate = '1/s'\nmode = 'observe'\n";

    fn suspects(named: Option<&str>) -> Suspects {
        let policy = Policy::from_toml(POLICY).unwrap();
        let path = policy.path(&Call::get("/users/7").org("acme").client("app")).unwrap();
        policy.suspects(path.buckets(), named)
    }

    #[test]
    fn unnamed_the_narrowest_come_first_and_each_limit_once() {
        let Suspects::Unnamed(all) = suspects(None) else { panic!("it was not named") };
        let names: Vec<_> = all.iter().map(|suspect| suspect.bucket.name().to_owned()).collect();
        assert_eq!(names, ["users:acme", "token:app", "org:acme", "platform:"]);
        let windows: Vec<_> = all.iter().map(|suspect| suspect.window.as_secs()).collect();
        assert_eq!(windows, [1, 60, 3600, 1]);
    }

    #[test]
    fn a_named_one_is_the_only_one() {
        let Suspects::Named(token) = suspects(Some("platform.api/token")) else { panic!("it was named") };
        assert_eq!(token.bucket.name(), "token:app");
        assert!(matches!(suspects(Some("dry.run")), Suspects::Named(_)));
        assert_eq!(suspects(Some("platform.api/other")), Suspects::Unknown);
    }
}
