//! The adapters built in: every file is right, and is what the documentation lists.

use super::*;
use crate::provider::built_in::{FILES, read as read_file};

const DOCUMENTATION: &str = include_str!("../../../../../docs/POLICY.md");

#[test]
fn every_file_is_an_adapter() {
    for (name, text) in FILES {
        read_file(name, text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(built_in(name).name(), name);
    }
    assert!(Adapter::built_in_names().eq(FILES.map(|(name, _)| name)));
    assert!(Adapter::built_in("none").is_none());
}

#[test]
fn every_folder_entry_is_built_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/provider/adapters");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<String> = files.map(|file| file.into_string().unwrap()).collect();
    let mut named = FILES.map(|(name, _)| format!("{name}.toml"));
    files.sort();
    named.sort();
    assert_eq!(files, named);
}

#[test]
fn the_documentation_lists_each_of_them() {
    for name in Adapter::built_in_names() {
        assert!(DOCUMENTATION.contains(&format!("| `{name}` |")), "{name} is not in docs/POLICY.md");
    }
}

#[test]
fn every_one_knows_a_429_and_obeys_retry_after() {
    for name in Adapter::built_in_names() {
        let adapter = built_in(name);
        assert_eq!(wait_of(&read(&adapter, 429, &[("Retry-After", "0")], "")), told(0), "{name}");
        assert_eq!(wait_of(&read(&adapter, 429, &[("Retry-After", "10800")], "")), told(10_800), "{name}");
        let (wait, source) = wait_of(&read(&adapter, 429, &[], ""));
        assert_eq!((wait, source), (adapter.default_wait(Duration::ZERO), WaitSource::Default), "{name}");
        assert!(!wait.is_zero(), "{name}");
        assert_eq!(read(&adapter, 200, &[], "{}"), Reading::default(), "{name}");
    }
}

/// A policy can hold what a file holds: both are the same document.
#[test]
fn a_file_can_be_the_adapter_of_a_policy() {
    for (name, text) in FILES {
        let table: toml::Table = text.parse().unwrap();
        let policy = serde_json::json!({ "namespace": "n", "adapter": table }).to_string();
        let policy = Policy::from_json(&policy).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
        assert_eq!(policy.adapter().name(), "custom");
    }
}
