//! One line of Lua at a time: conversions, errors, numbers, msgpack, the sandbox, each command.

mod corpus;
mod streams;

pub(crate) use corpus::{ARGS, all};
use corpus::{BLOBS, COMMANDS, CONVERSIONS, ERRORS, LIBRARIES, NUMBERS, SANDBOX};
use streams::STREAMS;

use crate::pair::Pair;

/// Runs every probe from empty keyspaces.
fn assert_same(probes: &[&str]) {
    let mut pair = Pair::start();
    let mut difference = |probe: &&str| {
        pair.flush();
        pair.check(probe, &ARGS).err()
    };
    let differences: Vec<String> = probes.iter().filter_map(&mut difference).collect();
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), probes.len(), differences.join("\n"));
}

#[test]
fn values_are_converted_as_redis_converts_them() {
    assert_same(CONVERSIONS);
}

#[test]
fn errors_are_worded_raised_and_caught_as_in_redis() {
    assert_same(ERRORS);
}

#[test]
fn numbers_are_read_and_printed_as_in_redis() {
    assert_same(NUMBERS);
}

#[test]
fn the_libraries_are_those_of_redis() {
    assert_same(LIBRARIES);
}

#[test]
fn the_sandbox_is_closed_where_that_of_redis_is() {
    assert_same(SANDBOX);
}

#[test]
fn each_command_answers_and_writes_as_in_redis() {
    assert_same(COMMANDS);
}

#[test]
fn streams_are_written_and_read_as_in_redis() {
    assert_same(STREAMS);
}

#[test]
fn blobs_are_packed_and_unpacked_as_in_redis() {
    assert_same(BLOBS);
}
