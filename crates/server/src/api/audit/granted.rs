//! Granted calls, as the audit trail tells them.

use serde::Serialize;
use tollgate::{ChargedBucket, GrantedCalls, Measure, Priority};
use utoipa::ToSchema;

/// Equal calls that were granted at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditCall)]
pub(super) struct Granted {
    org: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client: Option<String>,
    /// The method and path, without the query, the first 200 bytes.
    route: String,
    /// Tokens that each costs by its own account.
    cost: u32,
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// How many they are.
    calls: u64,
    /// What each has passed.
    buckets: Vec<Charged>,
    /// How many buckets more, where their names are very long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    untold: Option<u64>,
    replica: String,
}

/// A bucket that a call has passed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditCharge)]
struct Charged {
    limit: String,
    measure: Measure,
    key: String,
    /// What a call costs there, in tokens.
    cost: u32,
}

impl From<GrantedCalls> for Granted {
    fn from(granted: GrantedCalls) -> Self {
        let GrantedCalls {
            org,
            client,
            route,
            cost,
            priority,
            request_id,
            calls,
            buckets,
            untold,
            replica,
            ..
        } = granted;
        let buckets = buckets.into_iter().map(Charged::from).collect();
        let untold = Some(untold).filter(|untold| *untold > 0);
        Self { org, client, route, cost, priority, request_id, calls, buckets, untold, replica }
    }
}

impl From<ChargedBucket> for Charged {
    fn from(bucket: ChargedBucket) -> Self {
        let ChargedBucket { limit, measure, key, cost, .. } = bucket;
        Self { limit, measure, key, cost }
    }
}
