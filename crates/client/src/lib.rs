//! Tollgate, a distributed outbound rate limiter: what applications use.
//!
//! A [`Call`] passes the limits of a [`Policy`]; a [`Tollgate`] grants it a [`Permit`], charged to all of them at once,
//! or refuses it and tells when to come back. The counters are in Redis, shared by every replica, or embedded in the
//! process.

mod access;
mod acquire;
mod admin;
mod audit;
mod builder;
mod call;
mod change;
mod clock;
mod decision;
mod diagnosis;
mod dispatcher;
mod dry_run;
pub mod embedded;
pub mod engine;
mod episodes;
mod error;
mod gate;
mod hashed;
mod hold;
mod identity;
mod in_force;
mod inspection;
mod keeper;
mod library;
mod metrics;
mod observe;
mod permit;
pub mod policy;
pub mod provider;
mod replicas;
mod seal;
mod store;
mod sweeper;
mod usage;
mod versions;
mod waiters;

pub use access::{ApiKey, ApiKeys, KeyError, KeyToken, KeysSeen, MadeKey, NewKey, NoRole, Presented, Role};
pub use acquire::Acquire;
pub use admin::{BucketState, Buckets, PolicyVersion};
pub use audit::{
    Attribution, AuditEntry, AuditEvent, AuditGap, AuditId, AuditKind, AuditOrder, AuditPage, AuditQuery,
    ChargedBucket, GrantedCalls, NoAuditId, NoAuditKind,
};
pub use builder::Builder;
pub use call::{Call, CallError, Priority};
pub use change::{Change, ChangeError};
pub use decision::{Decision, Reason, Refused};
pub use diagnosis::{Busy, Diagnosis, DiagnosisQuery, Finding, FindingKind, Severity};
pub use dry_run::{BucketChange, BucketChanges, DryRun, Unjudged, UnjudgedReason, WhatIf, WhatIfRow};
pub use engine::Begin;
pub use engine::UsageCounts;
pub use episodes::{Episode, Episodes};
pub use error::Error;
pub use gate::Tollgate;
pub use inspection::{Inspection, StateSeen};
pub use metrics::{Description, Distribution, Family, MetricKind, MetricValue, Metrics, Sample};
pub use observe::{Observation, Observe, Pause};
pub use permit::{LimitState, Permit, PermitError};
pub use policy::{Attribute, Limit, Measure, Mode, Override, Policy, PolicyError, Position, Problem, Terms};
pub use replicas::{ReplicaSeen, Replicas};
pub use store::{
    Hindrance, RefusedCommand, ServerAddress, ServerFacts, StoreAddress, StoreAddressError, StoreError,
    StoreTls, StoreTlsError,
};
pub use usage::{Usage, UsageQuery, UsageRow, UsageStep};
pub use versions::PolicyChange;
pub use waiters::{WaitedAt, Waiters, WaitersQuery, WaitingOrg};
