//! Tidiness: rules about files that no compiler checks, each with where it is broken and what to do.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a rule ends where what it reads is not there, and the files are named by ourselves"
)]

mod tidy {
    mod arrows;
    mod dialect;
    mod files;
    mod http_api;
    mod links;
    mod readme;
    mod readme_example;
    mod redis_only_in_store;
    mod script;
    mod script_heads;
    mod statuses;
    mod tree;
    mod width;
}
