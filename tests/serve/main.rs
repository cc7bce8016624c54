//! `tollgate serve` as its users see it: over HTTP, embedded and on a private Redis.

#![expect(clippy::expect_used, reason = "helpers of tests panic as tests do")]

mod access;
mod acquire;
mod audit;
mod authority;
mod bad_input;
mod buckets;
mod client;
mod command_line;
mod description;
mod diagnosis;
mod disconnect;
mod doctor;
mod dry_run;
mod exposition;
mod genesys;
mod hostile;
mod https;
mod keys;
mod metrics;
mod observe;
mod observe_bad_input;
mod operate;
mod options;
mod overrides;
mod pauses;
mod permits;
mod policy;
mod policy_diff;
mod policy_versions;
mod ready;
mod replicas;
mod roles;
mod shutdown;
mod simulated_provider;
mod stores;
mod tls;
mod two_replicas;
mod usage;
mod waiters;
