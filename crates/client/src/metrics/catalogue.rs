//! Every metric of a limiter: its name, what it counts, its labels. No label is chosen by who sends calls: limits are
//! named by the policy, all else by this crate.

use super::family::{Description, MetricKind};

const fn metric(
    kind: MetricKind,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Description {
    Description { name, help, kind, labels }
}

const OF_LIMIT: &[&str] = &["namespace", "limit"];
const OF_ALL: &[&str] = &["namespace"];

pub(crate) const GRANTED_CALLS: Description = metric(
    MetricKind::Counter,
    "tollgate_granted_calls_total",
    OF_LIMIT,
    "Calls that passed the limit and whose callers were given a permit",
);
pub(crate) const GRANTED_TOKENS: Description = metric(
    MetricKind::Counter,
    "tollgate_granted_tokens_total",
    OF_LIMIT,
    "Tokens that these calls cost at the limit when they were granted",
);
pub(crate) const REFUSED_CALLS: Description = metric(
    MetricKind::Counter,
    "tollgate_refused_calls_total",
    &["namespace", "limit", "reason"],
    "Calls that were refused because of the limit, by what it had too little of",
);
pub(crate) const WOULD_REFUSE_CALLS: Description = metric(
    MetricKind::Counter,
    "tollgate_would_refuse_calls_total",
    OF_LIMIT,
    "Granted calls that the limit, which only observes, would have refused",
);
pub(crate) const WAITING_CALLS: Description = metric(
    MetricKind::Gauge,
    "tollgate_waiting_calls",
    OF_LIMIT,
    "Calls that wait in this process for the limit to let them pass",
);
pub(crate) const PROVIDER_REFUSALS: Description = metric(
    MetricKind::Counter,
    "tollgate_provider_refusals_total",
    OF_LIMIT,
    "Refusals of the provider that were told to this process and put down to the limit",
);
pub(crate) const PAUSES: Description = metric(
    MetricKind::Counter,
    "tollgate_pauses_total",
    &["namespace", "limit", "by"],
    "Pauses of a bucket of the limit that were told to this process, by who asked for them",
);
pub(crate) const PAUSE_SECONDS: Description = metric(
    MetricKind::Counter,
    "tollgate_pause_seconds_total",
    &["namespace", "limit", "by"],
    "Time for which these pauses were to last when they were told",
);
pub(crate) const PACE_CUTS: Description = metric(
    MetricKind::Counter,
    "tollgate_pace_cuts_total",
    OF_LIMIT,
    "Cuts of the pace of a bucket of the limit by refusals that were told to this process",
);
pub(crate) const PACE: Description = metric(
    MetricKind::Gauge,
    "tollgate_pace_ratio",
    OF_LIMIT,
    "Part of its rate at which the bucket of the limit goes that the provider has refused last, 1 if it goes at all of it",
);
pub(crate) const ACQUIRES: Description = metric(
    MetricKind::Counter,
    "tollgate_acquires_total",
    &["namespace", "outcome"],
    "Permits that were asked for, by how that ended",
);
pub(crate) const WAIT: Description = metric(
    MetricKind::Histogram,
    "tollgate_wait_seconds",
    &["namespace", "priority"],
    "How long granted calls had waited, from asking to the permit",
);
pub(crate) const CORRECTIONS: Description = metric(
    MetricKind::Counter,
    "tollgate_permit_corrections_total",
    &["namespace", "purpose", "outcome"],
    "Permits that were settled or given back, and grants that nobody claimed, by what the store said",
);
pub(crate) const BATCH_CALLS: Description =
    metric(MetricKind::Histogram, "tollgate_batch_calls", OF_ALL, "Calls that went to the store together");
pub(crate) const STORE_CALLS: Description = metric(
    MetricKind::Counter,
    "tollgate_store_calls_total",
    &["namespace", "script", "outcome"],
    "Script calls, each try of a repeated one included",
);
pub(crate) const STORE_CALL_SECONDS: Description = metric(
    MetricKind::Histogram,
    "tollgate_store_call_seconds",
    &["namespace", "script"],
    "How long script calls took",
);
pub(crate) const STORE_REPEATS: Description = metric(
    MetricKind::Counter,
    "tollgate_store_repeats_total",
    OF_ALL,
    "Batches that were sent once more because their answer had not come",
);
pub(crate) const STORE_UP: Description = metric(
    MetricKind::Gauge,
    "tollgate_store_up",
    OF_ALL,
    "1 if the store answered when it was last asked and takes writes, else 0",
);
pub(crate) const POLICY_VERSION: Description = metric(
    MetricKind::Gauge,
    "tollgate_policy_version",
    OF_ALL,
    "Version of the policy that this process goes by",
);
pub(crate) const STATE_EPOCH: Description = metric(
    MetricKind::Gauge,
    "tollgate_state_epoch",
    OF_ALL,
    "Number of the epoch of the counters, which rises when the store may have lost some; not told before a call was decided on",
);

/// Every metric there is, in the order in which they are told.
pub(super) static ALL: [&Description; 20] = [
    &GRANTED_CALLS,
    &GRANTED_TOKENS,
    &REFUSED_CALLS,
    &WOULD_REFUSE_CALLS,
    &WAITING_CALLS,
    &PROVIDER_REFUSALS,
    &PAUSES,
    &PAUSE_SECONDS,
    &PACE_CUTS,
    &PACE,
    &ACQUIRES,
    &WAIT,
    &CORRECTIONS,
    &BATCH_CALLS,
    &STORE_CALLS,
    &STORE_CALL_SECONDS,
    &STORE_REPEATS,
    &STORE_UP,
    &POLICY_VERSION,
    &STATE_EPOCH,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// What Prometheus' own checker asks for, and what a dashboard relies on.
    #[test]
    fn names_tell_what_they_are() {
        let names: HashSet<&str> = ALL.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), ALL.len(), "each name once");
        for Description { name, help, kind, labels } in ALL {
            assert!(name.starts_with("tollgate_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == MetricKind::Counter, "{name}");
            assert!(
                !help.ends_with('.') && help.chars().next().is_some_and(|first| !first.is_lowercase()),
                "{help}"
            );
            assert_eq!(labels[0], "namespace", "{name}");
            let chosen_by_callers = ["org", "client", "key", "path", "permit", "token"];
            assert!(labels.iter().all(|label| !chosen_by_callers.contains(label)), "{name}: {labels:?}");
        }
    }
}
