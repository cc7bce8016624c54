//! A million organisations come and go.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use tollgate::engine::{
    AcquireBatch, BatchId, Begin, Calls, PolicyWrite, Repeated, Reply, Script, Sweep, SweepReply, WriteMode,
};
use tollgate::{Call, Policy};
use tollgate_testkit::Flavor;

use crate::lab::Lab;
use crate::namespace::BEGINNING_US;
use crate::program::Programs;
use crate::twin::Twin;

const ORGS: usize = 1_000_000;

/// Calls in a batch, each of another organisation.
const BATCH: usize = 250;

/// Fields that a call of the sweep may look at. It asks for 250. A server hands out whole chains of its table, and
/// while it moves to a smaller one all that will share a place: Redis comes to 265, Valkey 9 to 1,200. A script could
/// name 7,999.
const LOOKED_MOST: u64 = 2_000;

/// Ordinary days after everybody has gone. Each batch looks 250 times into the hash, and with each look a server moves
/// at least ten places of a table that it leaves; with the deletions of a sweep it finds that the next one is too
/// large, too.
const DAYS: usize = 4;
const BATCHES_A_DAY: usize = 300;

/// What a server may keep: garbage that its Lua has not collected, and pages that its allocator holds. A million
/// buckets are 100 MB.
const KEPT_BYTES: u64 = 1 << 20;

/// Where the scripts run.
trait Store {
    fn ask(&mut self, script: &'static Script, argument: &[u8], clock_us: u64) -> Result<Vec<u8>>;
    /// Fields of the namespace's state.
    fn fields(&mut self) -> Result<usize>;
    /// Bytes in use.
    fn bytes(&mut self) -> Result<u64>;
}

impl Store for Twin {
    fn ask(&mut self, script: &'static Script, argument: &[u8], clock_us: u64) -> Result<Vec<u8>> {
        Twin::ask(self, script, argument, clock_us)
    }

    fn fields(&mut self) -> Result<usize> {
        let mut connection = self.connection()?;
        Ok(redis::cmd("HLEN").arg("tollgate:{history}:state").query(&mut connection)?)
    }

    fn bytes(&mut self) -> Result<u64> {
        let info: redis::InfoDict = redis::cmd("INFO").arg("memory").query(&mut self.connection()?)?;
        info.get("used_memory").context("INFO memory names used_memory")
    }
}

impl Store for Lab {
    fn ask(&mut self, script: &'static Script, argument: &[u8], clock_us: u64) -> Result<Vec<u8>> {
        Lab::ask(self, script, argument, clock_us).map_err(anyhow::Error::msg)
    }

    fn fields(&mut self) -> Result<usize> {
        // The policy hash has the policy in force, its one version and the seal.
        Ok(self.field_count() - 3 - self.usage_count())
    }

    fn bytes(&mut self) -> Result<u64> {
        Ok(self.machine_memory_bytes() as u64)
    }
}

fn policy() -> Policy {
    let document =
        "namespace = \"history\"\nlimit = [{ name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 2 }]";
    Policy::from_toml(document).expect("a policy")
}

/// Who comes: organisations by their number, in batches.
struct Crowd<'a> {
    policy: &'a Policy,
    fence: String,
    /// Of the last batch.
    number: u64,
}

impl Crowd<'_> {
    /// One call of each organisation, all granted.
    fn comes(&mut self, store: &mut impl Store, orgs: Range<usize>, clock_us: &mut u64) -> Result<()> {
        let orgs: Vec<usize> = orgs.collect();
        for orgs in orgs.chunks(BATCH) {
            let mut batch = AcquireBatch::default();
            for org in orgs {
                let path = self.policy.path(&Call::get("/").org(format!("organisation-{org}")))?;
                batch.push(&path, Calls::trying(1));
            }
            *clock_us += 1;
            self.number += 1;
            let id = BatchId { answer: "r0:0", number: self.number, server: "server" };
            let argument = batch.encode(&id, Repeated::No, self.policy, &self.fence);
            let reply = batch.decode(&store.ask(Script::ACQUIRE, &argument, *clock_us)?)?;
            let Reply::Done(reply) = reply else { anyhow::bail!("{reply:?}") };
            let all = reply.entries.iter().all(|entry| entry.granted == 1);
            ensure!(all, "batch {}: {reply:?}", self.number);
        }
        Ok(())
    }
}

fn sweep(store: &mut impl Store, sweeping: &[u8], clock_us: u64) -> Result<SweepReply> {
    match Sweep.decode(&store.ask(Script::SWEEP, sweeping, clock_us)?)? {
        Reply::Done(reply) => Ok(reply),
        other => anyhow::bail!("{other:?}"),
    }
}

/// One pass, each call when the last one said that there is work.
fn one_pass(store: &mut impl Store, sweeping: &[u8], clock_us: &mut u64) -> Result<(u64, u64)> {
    let (mut calls, mut looked_most) = (0, 0);
    loop {
        let reply = sweep(store, sweeping, *clock_us)?;
        calls += 1;
        looked_most = looked_most.max(reply.looked);
        *clock_us += reply.wait_us;
        // The gap after a pass is longer than any within.
        if reply.wait_us > 1_000_000 {
            return Ok((calls, looked_most));
        }
    }
}

/// A namespace that begins full. Returns its fence, and what its sweep is asked with.
fn begin(store: &mut impl Store, policy: &Policy) -> Result<(String, Vec<u8>)> {
    let fence = format!("1-{}", policy.digest());
    let write = PolicyWrite {
        mode: WriteMode::Put { expected: "" },
        version: 1,
        fence: &fence,
        document: &policy.to_json(),
        author: "",
        reason: "",
        seal: "secret",
        replica: "r0",
        learned: None,
    };
    store.ask(Script::POLICY, &write.encode("server", Begin::Full), BEGINNING_US)?;
    let sweeping = Sweep.encode(policy, &fence);
    Ok((fence, sweeping))
}

fn come_and_go(store: &mut impl Store, whom: &str) -> Result<()> {
    let (policy, mut clock_us) = (policy(), BEGINNING_US);
    let (fence, sweeping) = begin(store, &policy)?;
    one_pass(store, &sweeping, &mut clock_us)?;
    let (fields, bytes) = (store.fields()?, store.bytes()?);

    let mut crowd = Crowd { policy: &policy, fence, number: 0 };
    crowd.comes(store, 0..ORGS, &mut clock_us)?;
    let (fields_full, bytes_full) = (store.fields()?, store.bytes()?);
    // And the limit's counter, and the answer of the last batch.
    ensure!(fields_full == fields + ORGS + 2, "{whom}: {fields_full} fields");
    let looked = sweep(store, &sweeping, clock_us)?;
    ensure!(looked.removed == 0, "{whom}: {looked:?} while nobody is full again");

    // Time enough for every bucket and for the answer. That sweep has begun a pass, which has to end first.
    clock_us += 601_000_000;
    let (begun, looked_most) = one_pass(store, &sweeping, &mut clock_us)?;
    let (whole, _) = one_pass(store, &sweeping, &mut clock_us)?;
    let (fields_left, bytes_swept) = (store.fields()?, store.bytes()?);

    // A server moves a hash into a smaller table a step at a time, with every look into it. The days of a few go by.
    for _ in 0..DAYS {
        for _ in 0..BATCHES_A_DAY {
            crowd.comes(store, 0..BATCH, &mut clock_us)?;
            clock_us += 2_000_000;
        }
        clock_us += 601_000_000;
        one_pass(store, &sweeping, &mut clock_us)?;
    }
    let bytes_left = store.bytes()?;
    println!(
        "{whom}: fields {fields} -> {fields_full} -> {fields_left}, bytes {bytes} -> {bytes_full} -> {bytes_swept} -> {bytes_left}; \
         {begun} + {whole} sweeps, none looked at more than {looked_most} fields"
    );
    ensure!(
        fields_left == fields,
        "{whom}: {fields_left} fields are left of {fields_full}, {fields} at first"
    );
    ensure!(looked_most <= LOOKED_MOST, "{whom}: a sweep looked at {looked_most} fields");
    ensure!(
        bytes_left <= bytes + KEPT_BYTES,
        "{whom}: {bytes_left} bytes are left of {bytes_full}, {bytes} at first"
    );
    Ok(())
}

/// A million organisations, each with a bucket of its own, then all of them full again: a pass of the sweep, in calls
/// that look at a bounded number of fields each, brings the state and a server's memory back to where they were.
#[test]
fn a_million_organisations_leave_nothing_behind_in_redis() -> Result<()> {
    for flavor in Flavor::all_available()? {
        let mut twin = Twin::start(&flavor, &Programs::original())?;
        come_and_go(&mut twin, &flavor.version().to_string())?;
    }
    Ok(())
}

/// The same embedded. Its own accounting has the fields, and the memory of the Lua machine; the keyspace is a tree,
/// whose nodes go with their fields.
#[test]
fn a_million_organisations_leave_nothing_behind_embedded() -> Result<()> {
    come_and_go(&mut Lab::new(Programs::original()), "embedded")
}

/// Goal: a server that is full, and one that hands out a whole hash at once, are swept like any other. Method:
/// thousands of organisations have gone, beside thousands that are still there, for whose pages there is nothing to
/// remove; one pass.
#[test]
fn a_full_server_and_one_with_long_lists_are_swept() -> Result<()> {
    const GONE: usize = 6_000;
    for flavor in Flavor::all_available()? {
        for setting in [["hash-max-listpack-entries", "20000"], ["maxmemory", "1"]] {
            let mut twin = Twin::start(&flavor, &Programs::original())?;
            let set = |twin: &Twin| -> Result<()> {
                Ok(redis::cmd("CONFIG").arg("SET").arg(&setting).exec(&mut twin.connection()?)?)
            };
            let is_full = setting[0] == "maxmemory";
            if !is_full && set(&twin).is_err() {
                // Its name before Redis 7.
                let old = ["SET", "hash-max-ziplist-entries", "20000"];
                redis::cmd("CONFIG").arg(&old).exec(&mut twin.connection()?)?;
            }
            let (policy, mut clock_us) = (policy(), BEGINNING_US);
            let (fence, sweeping) = begin(&mut twin, &policy)?;
            let fields = twin.fields()?;
            let mut crowd = Crowd { policy: &policy, fence, number: 0 };
            crowd.comes(&mut twin, 0..GONE, &mut clock_us)?;
            clock_us += 601_000_000;
            crowd.comes(&mut twin, GONE..2 * GONE, &mut clock_us)?;
            if is_full {
                set(&twin)?;
            }
            one_pass(&mut twin, &sweeping, &mut clock_us)?;
            // The counter, the answer, and where the sweep stands.
            let (left, whom) = (twin.fields()?, flavor.version());
            ensure!(left == fields + GONE + 3, "{whom}, {setting:?}: {left} fields, {fields} at first");
        }
    }
    Ok(())
}
