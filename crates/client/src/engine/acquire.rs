//! The arguments and the reply of `acquire.lua`.

use std::sync::Arc;

use super::audit::call_row;
use super::batch::{ANSWER, BUCKET, BatchId, PERMIT, Repeated};
use super::buckets::BucketTable;
use super::flat::{INTEGER_MAX, Malformed, Reader, Writer};
use super::keys::Keys;
use super::numbered::Numbered;
use super::reply::Reply;
use super::report::Report;
use crate::policy::{Bucket, CallRecord, HashedName, Path, Policy};

/// Calls that go to the store together. Equal calls share an entry, equal buckets are sent once.
#[derive(Clone, Debug, Default)]
pub struct AcquireBatch {
    table: BucketTable,
    flows: Numbered<HashedName>,
    entries: Vec<Entry>,
    /// By the names of buckets, each once.
    reports: Vec<(String, Report)>,
}

/// Equal calls that are asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// Under this name the call is charged once, however often it is sent.
    pub permit: Option<Box<str>>,
    /// How many there are. 0 for calls that were given up, which are sent to give up their tickets.
    pub count: u32,
    /// How long the most patient of the calls would wait, in microseconds. With 0 none of them takes a ticket.
    pub patience_us: u64,
    /// What the calls were given when they were refused, in that order.
    pub tickets: Vec<Ticket>,
}

/// A place in the queue of one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Where on the path the bucket stands, from 1.
    pub place: u32,
    /// Of the queue; a ticket of a period that is over is worth nothing.
    pub period: u64,
    /// The turn.
    pub tag: u64,
}

/// Equal calls of a batch.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is asked for.
    pub calls: Calls,
    flow: u32,
    /// The buckets of the path.
    path: Box<[u32]>,
    /// Tokens that a call costs at each.
    costs: Arc<[u32]>,
    /// The weight of the flow at each.
    weights: Arc<[u32]>,
    /// What is told of its calls where they are granted, in their order: so many, and that of each.
    records: Vec<(u32, Arc<CallRecord>)>,
    /// How many were asked for first, where a batch that was sent asks for fewer.
    first: Option<u32>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireReply {
    /// The namespace's time in microseconds.
    pub now_us: u64,
    /// The epoch of the state, which rises whenever the store lost some of it.
    pub epoch: u64,
    /// For each entry of the batch, in its order.
    pub entries: Vec<EntryReply>,
    /// For each bucket of the batch, in its order: credits not yet earned back.
    pub debts: Vec<u64>,
}

/// What became of the calls of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryReply {
    /// How many of its calls were granted.
    pub granted: u32,
    /// Microseconds until one more would pass, 0 if all were granted.
    pub wait_us: u64,
    /// Index of the bucket that binds, where not all were granted.
    pub by: Option<usize>,
    /// It is not the bucket's tokens that bind, but the number of buckets that its limit may have.
    pub crowded: bool,
    /// How many granted calls an observed limit would have refused.
    pub over: u32,
    /// The leases of the granted calls, where calls in flight are counted.
    pub leases: Vec<Leases>,
    /// What those that wait bring when they come back, or give up.
    pub tickets: Vec<Ticket>,
}

/// The leases of calls that were granted together at one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leases {
    /// Where on the path the bucket stands, from 1.
    pub place: u32,
    /// The id of the first call's; those of the others follow it.
    pub first: u64,
    /// How many of the calls have one. The last ones have none where an observed limit would have refused them.
    pub calls: u32,
}

impl AcquireBatch {
    /// Adds equal calls that pass `path`; their reply is the one at the index that comes back.
    pub fn push(&mut self, path: &Path, calls: Calls) -> usize {
        let flow = self.flows.number_of(path.flow_name());
        let (indexes, costs, weights) = (self.table.path(path), path.costs(), path.weights());
        let records = path.record().map(|record| (calls.count, Arc::clone(record))).into_iter().collect();
        self.entries.push(Entry { calls, flow, path: indexes, costs, weights, records, first: None });
        self.entries.len() - 1
    }

    /// The same for calls of each of which is told what its own path has, in the order in which they are granted.
    pub fn push_told<'p>(&mut self, path: &Path, calls: Calls, own: impl Iterator<Item = &'p Path>) -> usize {
        let records = in_runs(own.filter_map(Path::record).take(calls.count as usize));
        let entry = self.push(path, calls);
        self.entries[entry].records = records;
        entry
    }

    /// Has the batch take along what callers were told, of each bucket once: at most 250 of them.
    pub fn report(&mut self, reports: Vec<(String, Report)>) {
        self.reports = reports;
    }

    /// What it takes along.
    pub fn take_reports(&mut self) -> Vec<(String, Report)> {
        std::mem::take(&mut self.reports)
    }

    /// The keys that the script takes: those of the audit trail only where it is to tell calls one by one.
    #[must_use]
    pub fn keys<'k>(&self, keys: &'k Keys) -> Vec<&'k str> {
        if self.records().next().is_some() { keys.of_telling() } else { vec![keys.state()] }
    }

    /// What is to be told of granted calls: the index of their entry, how many they are, and what.
    fn records(&self) -> impl Iterator<Item = (usize, u32, &CallRecord)> {
        let entries = self.entries.iter().enumerate();
        entries.flat_map(|(index, entry)| {
            entry.records.iter().map(move |(calls, record)| (index, *calls, &**record))
        })
    }

    /// The entries in the order they were added.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Has the batch ask for `calls` calls of an entry from now on, which are fewer than before. Where it has been
    /// sent, the answer may be to what it asked for first.
    pub fn ask_for_fewer(&mut self, entry: usize, calls: u32, repeated: Repeated) {
        let entry = &mut self.entries[entry];
        if repeated == Repeated::Yes {
            entry.first.get_or_insert(entry.calls.count);
        }
        entry.calls.count = calls;
    }

    /// The buckets that the entries pass, each once.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        self.table.buckets()
    }

    /// The buckets that an entry passes, as indexes.
    pub fn path(&self, entry: usize) -> impl Iterator<Item = usize> + '_ {
        self.entries[entry].path.iter().map(|&bucket| bucket as usize - 1)
    }

    /// The buckets that an entry passes, as indexes, each with what a call of it costs there.
    pub fn charges(&self, entry: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.path(entry).zip(self.entries[entry].costs.iter().copied())
    }

    /// The script's argument. `policy` is the one that the paths were resolved by, `fence` its mark in the store.
    #[must_use]
    pub fn encode(&self, id: &BatchId<'_>, repeated: Repeated, policy: &Policy, fence: &str) -> Vec<u8> {
        let mut args = Writer::new();
        args.joined(ANSWER, id.answer);
        args.integer(id.number);
        args.flag(repeated == Repeated::Yes);
        args.text(fence);
        args.text(id.server);
        args.packed(&self.calls());
        args.packed(&self.askers());
        let permits = || self.entries.iter().filter_map(|entry| entry.calls.permit.as_deref());
        args.count(permits().count());
        permits().for_each(|permit| args.joined(PERMIT, permit));
        self.table.write(&mut args, policy);
        let (costs, calls) = self.sums();
        // Mostly each call costs a token wherever it passes, and the one list is the other.
        let calls = if calls == costs { Vec::new() } else { calls };
        for sums in [costs, calls] {
            args.count(sums.len());
            for sum in sums {
                args.integer(sum);
            }
        }
        args.count(self.reports.len());
        for (bucket, report) in &self.reports {
            args.joined(BUCKET, bucket);
            for number in [report.refused, report.waits, report.waited_us, report.longest_us] {
                args.integer(number.min(INTEGER_MAX));
            }
        }
        self.write_records(&mut args, id);
        args.finish()
    }

    /// What is told of granted calls. Most batches have nothing of it, not even that there is nothing.
    fn write_records(&self, args: &mut Writer, id: &BatchId<'_>) {
        let count = self.records().count();
        if count == 0 {
            return;
        }
        args.count(count);
        for (entry, calls, record) in self.records() {
            let charges = self.charges(entry).map(|(bucket, cost)| (self.buckets()[bucket].name(), cost));
            args.count(entry + 1);
            args.integer(calls);
            args.packed(&call_row(record, charges, id.replica()));
        }
    }

    /// What is asked for, entry by entry: what the script reads only where there is not room for all.
    fn calls(&self) -> Vec<u8> {
        let mut args = Writer::new();
        args.count(self.entries.len());
        let mut permits = 0_u32;
        for Entry { calls, path, costs, .. } in &self.entries {
            permits += u32::from(calls.permit.is_some());
            args.integer(if calls.permit.is_some() { permits } else { 0 });
            args.integer(calls.count);
            args.count(path.len());
            for (&bucket, &cost) in path.iter().zip(&**costs) {
                args.integer(bucket);
                args.integer(cost);
            }
        }
        args.finish()
    }

    /// Tokens that all calls together cost at each bucket, and how many calls they are.
    fn sums(&self) -> (Vec<u64>, Vec<u64>) {
        let mut tokens = vec![0_u64; self.buckets().len()];
        let mut calls = tokens.clone();
        for (index, entry) in self.entries.iter().enumerate() {
            let count = u64::from(entry.calls.count);
            for (bucket, cost) in self.charges(index) {
                tokens[bucket] = tokens[bucket].saturating_add(count * u64::from(cost));
                calls[bucket] = calls[bucket].saturating_add(count);
            }
        }
        (tokens, calls)
    }

    /// Who asks: what the script needs to know only where calls wait, and reads only there.
    fn askers(&self) -> Vec<u8> {
        let mut args = Writer::new();
        args.count(self.flows.values().len());
        for flow in self.flows.values() {
            args.text(flow.as_str());
        }
        for Entry { calls, flow, weights, .. } in &self.entries {
            args.integer(*flow);
            args.integer(calls.patience_us);
            args.count(weights.len());
            weights.iter().for_each(|&weight| args.integer(weight));
            args.count(calls.tickets.len());
            for ticket in &calls.tickets {
                args.integer(ticket.place);
                args.integer(ticket.period);
                args.integer(ticket.tag);
            }
        }
        args.finish()
    }

    /// The script's reply to this batch.
    pub fn decode(&self, reply: &[u8]) -> Result<Reply<AcquireReply>, Malformed> {
        Reply::read(reply, |reader| {
            let (now_us, epoch) = (reader.integer()?, reader.integer()?);
            let all_granted = reader.integer()? == 1;
            let mut entries: Vec<_> = if all_granted {
                // Said of what was asked for first alone.
                let asked = |entry: &Entry| entry.first.unwrap_or(entry.calls.count);
                self.entries.iter().map(|entry| EntryReply::granted(asked(entry))).collect()
            } else {
                self.entries.iter().map(|_| EntryReply::read(reader)).collect::<Result<_, _>>()?
            };
            let debts = self.buckets().iter().map(|_| reader.integer()).collect::<Result<_, _>>()?;
            if all_granted {
                return Ok(AcquireReply { now_us, epoch, entries, debts });
            }
            for _ in 0..reader.integer()? {
                let entry = numbered(&mut entries, reader.narrow()?)?;
                entry.leases.push(Leases::read(reader)?);
            }
            while reader.left() > 0 {
                let entry = numbered(&mut entries, reader.narrow()?)?;
                entry.tickets.push(Ticket::read(reader)?);
            }
            Ok(AcquireReply { now_us, epoch, entries, debts })
        })
    }
}

/// What is told of calls, with how many of them in a row it is told.
fn in_runs<'r>(told: impl Iterator<Item = &'r Arc<CallRecord>>) -> Vec<(u32, Arc<CallRecord>)> {
    let mut runs = Vec::<(u32, Arc<CallRecord>)>::new();
    for record in told {
        match runs.last_mut() {
            Some((calls, last)) if last == record => *calls += 1,
            _ => runs.push((1, Arc::clone(record))),
        }
    }
    runs
}

/// The entry of this number, from 1.
fn numbered(entries: &mut [EntryReply], number: usize) -> Result<&mut EntryReply, Malformed> {
    let entry = number.checked_sub(1).and_then(|index| entries.get_mut(index));
    entry.ok_or(Malformed("no entry has this number"))
}

impl Entry {
    /// How many entries of the audit trail there are about its calls, if they are granted.
    #[must_use]
    pub fn told(&self) -> usize {
        self.records.len()
    }
}

impl Calls {
    /// `count` calls without a name, none of which waits.
    #[must_use]
    pub fn trying(count: u32) -> Self {
        Self { permit: None, count, patience_us: 0, tickets: Vec::new() }
    }

    /// The same under a name.
    #[must_use]
    pub fn named(self, permit: Option<Box<str>>) -> Self {
        Self { permit, ..self }
    }
}

impl Leases {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { place: reader.narrow()?, first: reader.integer()?, calls: reader.narrow()? })
    }
}

impl Ticket {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { place: reader.narrow()?, period: reader.integer()?, tag: reader.integer()? })
    }
}

impl EntryReply {
    /// All `calls` calls were granted, and no limit would have refused any.
    fn granted(calls: u32) -> Self {
        let (leases, tickets) = (Vec::new(), Vec::new());
        Self { granted: calls, wait_us: 0, by: None, crowded: false, over: 0, leases, tickets }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let granted = reader.narrow()?;
        let wait_us = reader.integer()?;
        let by = reader.signed()?;
        let over = reader.narrow()?;
        let bucket = usize::try_from(by.unsigned_abs()).map_err(|_| Malformed("a bucket out of range"))?;
        Ok(Self {
            granted,
            wait_us,
            by: bucket.checked_sub(1),
            crowded: by < 0,
            over,
            leases: Vec::new(),
            tickets: Vec::new(),
        })
    }
}
