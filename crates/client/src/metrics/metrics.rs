//! What a limiter has counted, to be read.

use std::sync::Arc;

use super::catalogue as of;
use super::counter::Counter;
use super::family::{Description, Family, MetricValue, Sample};
use super::limits::LimitMeter;
use crate::gate::Tollgate;
use crate::keeper::Keeper;

/// What one limiter of this process has counted: calls granted, refused and waiting at each limit, what the provider
/// has refused, and how its store does.
///
/// Another limiter has numbers of its own. The calls of other replicas are not among them: sum over all replicas. Held,
/// it keeps no task of the limiter alive. With the feature `prometheus` it is a `Collector` that a registry of
/// `prometheus-client` takes; two limiters of one namespace in one registry need a label each that tells them apart
/// (`sub_registry_with_label`).
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tollgate::Error> {
/// use tollgate::{Call, Policy, Tollgate};
///
/// let policy = Policy::from_toml("namespace = 'genesys'\n[[limit]]\nname = 'org'\nper = ['org']\nrate = '10/s'")?;
/// let gate = Tollgate::embedded(policy).await?;
/// gate.acquire(&Call::get("/").org("acme")).await?;
/// for family in gate.metrics().families() {
///     for sample in &family.samples {
///         println!("{}{:?} {:?}", family.description.name, sample.labels, sample.value);
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    keeper: Arc<Keeper>,
}

impl Tollgate {
    /// What this limiter counts.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics { keeper: self.shared_keeper() }
    }
}

impl Metrics {
    /// Every metric there is, in the order of [`Metrics::families`].
    #[must_use]
    pub fn catalogue() -> &'static [&'static Description] {
        &of::ALL
    }

    /// All metrics with what was counted until now. Values that belong together, such as of calls and of tokens, are
    /// read one after the other while calls go on.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let held = self.keeper.held();
        let namespace = held.policy.namespace();
        let mut families = self.of_limits(namespace);
        families.extend(self.of_calls(namespace));
        families.extend(self.of_store(namespace));
        families.push(single(&of::POLICY_VERSION, namespace, held.record.version));
        // Not told before it is known: a replica that starts would look as if the state had been lost.
        let epoch = self.keeper.epoch().map(|epoch| Sample::new([namespace], epoch.into()));
        families.push(family(&of::STATE_EPOCH, epoch.into_iter().collect()));
        families
    }

    fn of_limits(&self, namespace: &str) -> Vec<Family> {
        let limits = self.keeper.meters().limits.all();
        let one = |description, value: &dyn Fn(&LimitMeter) -> MetricValue| {
            let sample = |limit: &Arc<LimitMeter>| Sample::new([namespace, limit.name()], value(limit));
            family(description, limits.iter().map(sample).collect())
        };
        let several = |description, values: &dyn Fn(&LimitMeter) -> Vec<(&'static str, MetricValue)>| {
            let samples = limits.iter().flat_map(|limit| {
                let sample = |(label, value)| Sample::new([namespace, limit.name(), label], value);
                values(limit).into_iter().map(sample).collect::<Vec<_>>()
            });
            family(description, samples.collect())
        };
        vec![
            one(&of::GRANTED_CALLS, &|limit| limit.granted_calls().into()),
            one(&of::GRANTED_TOKENS, &|limit| limit.granted_tokens().into()),
            several(&of::REFUSED_CALLS, &|limit| {
                limit.refused_calls().map(|(reason, count)| (reason, count.into())).collect()
            }),
            one(&of::WOULD_REFUSE_CALLS, &|limit| limit.would_refuse_calls().into()),
            one(&of::WAITING_CALLS, &|limit| limit.waiting_calls.get().into()),
            one(&of::PROVIDER_REFUSALS, &|limit| limit.provider_refusals().into()),
            several(&of::PAUSES, &|limit| limit.pauses().map(|(by, count, _)| (by, count.into())).collect()),
            several(&of::PAUSE_SECONDS, &|limit| {
                limit.pauses().map(|(by, _, length)| (by, length.as_secs_f64().into())).collect()
            }),
            one(&of::PACE_CUTS, &|limit| limit.cuts().into()),
            one(&of::PACE, &|limit| limit.pace().into()),
        ]
    }

    fn of_calls(&self, namespace: &str) -> [Family; 4] {
        let meters = self.keeper.meters();
        let ended = meters.acquires.ended();
        let ended = ended.map(|(outcome, count)| Sample::new([namespace, outcome], count.into()));
        let waited = meters.acquires.waited();
        let waited =
            waited.map(|(priority, waits)| Sample::new([namespace, priority], waits.distribution().into()));
        let corrections = meters.corrections.all();
        let corrections = corrections
            .map(|(purpose, outcome, count)| Sample::new([namespace, purpose, outcome], count.into()));
        [
            family(&of::ACQUIRES, ended.collect()),
            family(&of::WAIT, waited.collect()),
            family(&of::CORRECTIONS, corrections.collect()),
            single(&of::BATCH_CALLS, namespace, meters.batches.distribution()),
        ]
    }

    /// A script that was never called is left out.
    fn of_store(&self, namespace: &str) -> [Family; 4] {
        let meter = self.keeper.library().store.meter();
        let (mut calls, mut took) = (Vec::new(), Vec::new());
        for (script, counted) in meter.scripts() {
            if counted.outcomes().all(|(_, count)| count == 0) {
                continue;
            }
            let outcomes = counted.outcomes();
            calls.extend(
                outcomes.map(|(outcome, count)| Sample::new([namespace, script, outcome], count.into())),
            );
            took.push(Sample::new([namespace, script], counted.took.distribution().into()));
        }
        [
            family(&of::STORE_CALLS, calls),
            family(&of::STORE_CALL_SECONDS, took),
            single(&of::STORE_REPEATS, namespace, Counter::get(&meter.repeats)),
            single(&of::STORE_UP, namespace, meter.up()),
        ]
    }
}

fn family(description: &'static Description, samples: Vec<Sample>) -> Family {
    Family { description, samples }
}

fn single(description: &'static Description, namespace: &str, value: impl Into<MetricValue>) -> Family {
    family(description, vec![Sample::new([namespace], value.into())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::policy::Policy;

    #[tokio::test]
    async fn what_is_told_is_what_the_catalogue_has() -> Result<(), crate::Error> {
        let policy = "namespace = 'n'\n[[limit]]\nname = 'org'\nper = ['org']\nrate = '1/s'";
        let gate = Tollgate::embedded(Policy::from_toml(policy)?).await?;
        gate.acquire(&Call::get("/").org("acme")).await?;
        let families = gate.metrics().families();
        let told: Vec<_> = families.iter().map(|family| family.description).collect();
        assert_eq!(told, Metrics::catalogue());
        for Family { description, samples } in families {
            assert!(!samples.is_empty(), "{description:?}");
            for sample in samples {
                assert_eq!(sample.labels.len(), description.labels.len(), "{description:?}");
            }
        }
        Ok(())
    }
}
