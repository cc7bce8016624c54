//! What must be true of every answer to a batch of calls.

use std::collections::HashSet;

use tollgate::engine::{AcquireReply, EntryReply, Repeated, Reply, Script};
use tollgate::{Mode, engine};

use crate::fleet::{Fleet, Watch};
use crate::head::{Value, values};
use crate::lab::State;
use crate::replica::{Calls, Settled, Told};

/// How long a name stands for the call that was charged under it: the promise is 10 minutes.
const NAMED_US: u64 = 600_000_000;

impl Fleet {
    /// Checks an answer, and notes its grants.
    pub(crate) fn served(
        &mut self,
        lane: usize,
        calls: &Calls,
        repeated: Repeated,
        reply: &AcquireReply,
        before: &State,
        owed: &[u64],
    ) -> Result<(), String> {
        let replica = self.lanes[lane].replica;
        self.replicas[replica].epoch = self.replicas[replica].epoch.max(reply.epoch);
        let charged = charged_entries(calls, reply, before);
        charged_exactly(calls, reply, owed, &charged)?;
        observed_never_refuses(calls, reply)?;
        self.nothing_charged_on_refusal(calls, repeated, reply, before)?;
        for (index, entry) in reply.entries.iter().enumerate() {
            self.hand_out(calls, index, entry, reply, charged[index]);
            if entry.granted < calls.batch.entries()[index].calls.count {
                self.come_back_us = Some(reply.now_us + entry.wait_us);
                if !entry.crowded && self.watch == Watch::Everything {
                    self.wait_is_exact(calls, index, entry, reply.now_us, before)?;
                }
            }
        }
        Ok(())
    }

    /// A batch of which nothing was granted leaves everything as it was, unless an epoch began or the clock stepped
    /// back far: those are written down once. Calls that wait are written down too; what they charge, another check
    /// tells.
    fn nothing_charged_on_refusal(
        &self,
        calls: &Calls,
        repeated: Repeated,
        reply: &AcquireReply,
        before: &State,
    ) -> Result<(), String> {
        let granted = reply.entries.iter().any(|entry| entry.granted > 0);
        let (Some(was), Some(is)) = (before.head(), self.state.head()) else {
            return Err("LOST: a head came or went with a batch".to_owned());
        };
        let waits = |entry: &engine::Entry| entry.calls.patience_us > 0 || !entry.calls.tickets.is_empty();
        let waited = calls.batch.entries().iter().any(waits);
        if granted
            || waited
            || repeated == Repeated::Yes
            || was.epoch != is.epoch
            || was.offset_us != is.offset_us
        {
            return Ok(());
        }
        self.unchanged_since(before, "a refused batch")
    }

    /// Notes the grants of an entry for the judge, and for whoever settles them later.
    fn hand_out(
        &mut self,
        calls: &Calls,
        index: usize,
        entry: &EntryReply,
        reply: &AcquireReply,
        charged: bool,
    ) {
        let asked = &calls.batch.entries()[index];
        let name = asked.calls.permit.as_deref().map(str::to_owned);
        let buckets = calls.batch.path(index).map(|bucket| calls.batch.buckets()[bucket].name().to_owned());
        let buckets: Vec<String> = buckets.collect();
        for number in 0..entry.granted {
            let at_us = self.judged(reply.now_us);
            let grant = if charged {
                self.judge.granted(at_us, reply.epoch, calls.errands[index], calls.costs[index].into())
            } else {
                let first = self.told.iter().rev().find(|told| told.name == name);
                // A name that was charged before this batch, or by it.
                let Some(first) = first else { continue };
                first.grant
            };
            self.told.push(Told {
                grant,
                errand: calls.errands[index],
                cost: calls.costs[index],
                epoch: reply.epoch,
                at_us: reply.now_us,
                buckets: buckets.clone(),
                // The last ones, as the client takes it.
                over: entry.over > 0 && number + entry.over >= entry.granted,
                settled: Settled::Not,
                name: name.clone(),
            });
        }
    }

    /// A refused call passes when it was told, with the tickets it was given, if nobody else comes. Where nobody waits
    /// before it that is exact: a microsecond earlier it does not pass.
    fn wait_is_exact(
        &mut self,
        calls: &Calls,
        index: usize,
        entry: &EntryReply,
        now_us: u64,
        before: &State,
    ) -> Result<(), String> {
        let Some(head) = self.state.head() else {
            return Ok(());
        };
        let asked = &calls.batch.entries()[index];
        let Some(path) = calls.held.path(calls.errands[index], calls.costs[index]) else {
            return Ok(());
        };
        let others_wait = |own: &[engine::Ticket]| {
            let mut names = calls.batch.path(index).map(|bucket| calls.batch.buckets()[bucket].name());
            names.any(|bucket| others_wait(before, bucket, own) || others_wait(&self.state, bucket, own))
        };
        if calls.batch.entries().len() > 1 && others_wait(&[]) {
            // Others of the batch may have come to wait before it, or have given up their turn.
            return Ok(());
        }
        let crowd = others_wait(&[entry.tickets.as_slice(), &asked.calls.tickets].concat());
        for (early_us, expected) in [(1, 0), (0, 1)].into_iter().skip(usize::from(crowd)) {
            self.fork.restore(&self.state)?;
            let mut batch = engine::AcquireBatch::default();
            let tickets = entry.tickets.clone();
            batch.push(&path, engine::Calls { tickets, ..engine::Calls::trying(1) });
            let id = engine::BatchId { answer: "judge:0", number: 1, server: &self.server };
            let argument = batch.encode(&id, Repeated::No, &calls.held.policy, &calls.held.fence);
            let time_us = now_us + entry.wait_us - early_us;
            let reply = self.fork.ask(Script::ACQUIRE, &argument, time_us - head.offset_us)?;
            match batch.decode(&reply).map_err(|error| error.to_string())? {
                Reply::Done(reply) if reply.now_us < time_us && early_us == 1 => {}
                Reply::Done(reply) if reply.entries[0].granted == expected => {}
                // Its limit has as many buckets as it may, too. That may end at any time, or never.
                Reply::Done(reply) if reply.entries[0].crowded => {}
                other => {
                    let told = entry.wait_us;
                    return Err(format!("WAIT: told {told} us; {early_us} us before that: {other:?}"));
                }
            }
        }
        Ok(())
    }
}

/// Whether anybody but the holder of these tickets waits at a bucket.
fn others_wait(state: &State, bucket: &str, own: &[engine::Ticket]) -> bool {
    let record = state.get(&format!("b:{bucket}")).map(values).unwrap_or_default();
    let Some(Value::List(queue)) = record.get(8) else { return false };
    let own: Vec<_> = own.iter().filter(|own| queue.first() == Some(&Value::Integer(own.period))).collect();
    let mut tags = queue.iter().skip(3).step_by(3);
    tags.any(|tag| !own.iter().any(|own| *tag == Value::Integer(own.tag)))
}

/// Which entries were charged: of those with a name only the first, and only if it was not charged in the
/// last 10 minutes, or was settled since.
fn charged_entries(calls: &Calls, reply: &AcquireReply, before: &State) -> Vec<bool> {
    let mut names = HashSet::new();
    let now_us = reply.now_us;
    let entries = calls.batch.entries().iter().zip(&reply.entries);
    entries
        .map(|(entry, reply)| match &entry.calls.permit {
            None => true,
            Some(name) => {
                let known = before.get(&format!("p:{name}")).map(values);
                let known = known.is_some_and(|record| match (&record[1], &record[2]) {
                    (Value::Integer(at_us), Value::Integer(0)) => now_us.saturating_sub(*at_us) <= NAMED_US,
                    _ => false,
                });
                reply.granted > 0 && !known && names.insert(name.clone())
            }
        })
        .collect()
}

/// All or nothing: a grant charges every bucket on its path by exactly its cost. An observed bucket may be charged
/// less.
fn charged_exactly(
    calls: &Calls,
    reply: &AcquireReply,
    owed: &[u64],
    charged: &[bool],
) -> Result<(), String> {
    let mut expected = owed.to_vec();
    for (index, entry) in reply.entries.iter().enumerate().filter(|(index, _)| charged[*index]) {
        for (bucket, cost) in calls.batch.charges(index) {
            let tokens = u64::from(entry.granted) * u64::from(cost);
            expected[bucket] += tokens * calls.batch.buckets()[bucket].terms().credit();
        }
    }
    for ((bucket, debt), (expected, owed)) in
        calls.batch.buckets().iter().zip(&reply.debts).zip(expected.iter().zip(owed))
    {
        let right = match bucket.mode() {
            Mode::Enforce => debt == expected,
            Mode::Observe => (owed..=expected).contains(&debt),
        };
        if !right {
            return Err(format!("CHARGED: {} owes {debt}, expected {expected}", bucket.name()));
        }
    }
    Ok(())
}

/// A call that passes observed limits only is granted.
fn observed_never_refuses(calls: &Calls, reply: &AcquireReply) -> Result<(), String> {
    for (index, (asked, entry)) in calls.batch.entries().iter().zip(&reply.entries).enumerate() {
        let observed =
            calls.batch.path(index).all(|bucket| calls.batch.buckets()[bucket].mode() == Mode::Observe);
        if observed && entry.granted < asked.calls.count {
            return Err(format!("OBSERVED: entry {index} was refused"));
        }
    }
    Ok(())
}
