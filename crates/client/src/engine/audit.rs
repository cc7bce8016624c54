//! The arguments and the reply of `audit.lua`, and the records of the audit trail.

use std::time::Duration;

use super::batch::BUCKET;
use super::flat::{Malformed, Reader, Writer};
use super::page::bucket_name;
use super::reply::Reply;
use crate::audit::{
    Attribution, AuditEntry, AuditEvent, AuditId, AuditKind, AuditOrder, ChargedBucket, GrantedCalls,
};
use crate::call::{Priority, cut_off};
use crate::observe::percent;
use crate::policy::{CallRecord, Measure};

/// Longest names of buckets, together, that the record of a granted call has.
const BUCKETS_BYTES_MAX: usize = 1_000;
/// What it has of each bucket beside its name, at most: what all fields of buckets begin with, how long it is, and a
/// cost.
const BUCKET_BYTES: usize = 10;

/// First value of every record.
const SCHEMA: u64 = 1;

/// Who reports what the provider has answered, and of whose call: it stands in the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reporter {
    /// The replica.
    pub replica: String,
    /// The organisation of the call, "" if that is not known.
    pub org: String,
    /// The method and the path of the call, "" if that is not known. No more than 200 bytes of it are told.
    pub route: String,
    /// Who has told the replica, "" if nobody has. No more than 200 bytes of it are told.
    pub author: String,
}

impl Reporter {
    /// The route and the author, as much of them as is told.
    pub(super) fn of_call(&self) -> [&str; 2] {
        [cut_off(&self.route), cut_off(&self.author)]
    }
}

/// A part of the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct AuditRead {
    /// From this id on.
    pub first: Option<AuditId>,
    /// Up to this id.
    pub last: Option<AuditId>,
    /// Most entries, 1 to 1,000.
    pub count: usize,
    /// From which end of the part.
    pub order: AuditOrder,
    /// Of which of its streams.
    pub streams: Streams,
}

/// The streams of the audit trail. Their ids are of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// All of them.
    #[default]
    All,
    /// The one that tells what was done to the namespace.
    Namespace,
    /// The one that tells what became of calls.
    Calls,
    /// The one that tells granted calls one by one.
    Records,
}

/// What it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReply {
    /// The id given out last in the whole trail.
    pub last: AuditId,
    /// Up to which id entries from `first` on may have been trimmed, of those that are read from the oldest on.
    pub gap: Option<AuditId>,
    /// Its entries.
    pub entries: Vec<AuditEntry>,
}

impl AuditRead {
    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut args = Writer::new();
        args.text(&self.first.map_or("-".to_owned(), |id| id.to_string()));
        args.text(&self.last.map_or("+".to_owned(), |id| id.to_string()));
        args.count(self.count);
        args.flag(self.order == AuditOrder::NewestFirst);
        args.integer(match self.streams {
            Streams::All => 0_u8,
            Streams::Namespace => 1,
            Streams::Calls => 2,
            Streams::Records => 3,
        });
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<AuditReply>, Malformed> {
        Reply::read(reply, |reader| {
            let (last, gap) = (id(reader)?, id(reader)?);
            let gap = Some(gap).filter(|gap| *gap > AuditId::default());
            let mut entries = Vec::with_capacity(reader.left() / 3);
            while reader.left() > 0 {
                let id = id(reader)?;
                let (kind, record) = (reader.blob()?, reader.blob()?);
                entries.push(entry(id, &String::from_utf8_lossy(kind), record));
            }
            Ok(AuditReply { last, gap, entries })
        })
    }
}

fn id(reader: &mut Reader<'_>) -> Result<AuditId, Malformed> {
    reader.text()?.parse().map_err(|_| Malformed("no id of an entry"))
}

/// Entries that can't be read are no reason not to show the others.
fn entry(id: AuditId, kind: &str, record: &[u8]) -> AuditEntry {
    read(kind, record).map_or_else(
        |_| {
            let event = AuditEvent::Unreadable { kind: kind.to_owned() };
            AuditEntry { id, at_us: id.us(), event }
        },
        |(at_us, event)| AuditEntry { id, at_us, event },
    )
}

fn read(kind: &str, record: &[u8]) -> Result<(u64, AuditEvent), Malformed> {
    let row = &mut Reader::of_row(record);
    if row.integer()? != SCHEMA {
        return Err(Malformed("a record of another version"));
    }
    let at_us = row.integer()?;
    let event = match kind.parse().map_err(|_| Malformed("an unknown kind"))? {
        AuditKind::Policy => {
            let (version, [tag, author, reason, replica]) = (row.integer()?, texts(row)?);
            AuditEvent::PolicyWritten { version, tag, author, reason, replica }
        }
        AuditKind::Restored => {
            let (version, [tag, author, reason, replica]) = (row.integer()?, texts(row)?);
            AuditEvent::PolicyRestored { version, tag, author, reason, replica }
        }
        AuditKind::Learned => {
            AuditEvent::LimitLearned { limit: text(row)?, version: row.integer()?, replica: text(row)? }
        }
        AuditKind::Epoch => AuditEvent::EpochBegun { epoch: row.integer()?, server: text(row)? },
        AuditKind::Pause => pause(row)?,
        AuditKind::Hold => {
            let ((limit, key), until_us, [author, reason, replica]) =
                (bucket(row)?, row.integer()?, texts(row)?);
            AuditEvent::Held { limit, key, until_us, author, reason, replica }
        }
        AuditKind::Resume => {
            let ((limit, key), until_us, [author, reason, replica]) =
                (bucket(row)?, row.integer()?, texts(row)?);
            AuditEvent::Resumed { limit, key, until_us, author, reason, replica }
        }
        AuditKind::Cut => cut(row)?,
        AuditKind::Recovered => recovered(row)?,
        AuditKind::Lowered => lowered(row)?,
        AuditKind::Repeated => repeated(row)?,
        AuditKind::Episode => episode(row)?,
        AuditKind::Throttled => throttled(row)?,
        AuditKind::Call => call(row)?,
        AuditKind::Key => {
            let ([id, role, label], expires_at_us) = (texts(row)?, row.integer()?);
            let [author, reason, replica] = texts(row)?;
            AuditEvent::KeyMade { id, role, label, expires_at_us, author, reason, replica }
        }
        AuditKind::Revoked => {
            let [id, role, label, author, reason, replica] = texts(row)?;
            AuditEvent::KeyRevoked { id, role, label, author, reason, replica }
        }
    };
    Ok((at_us, event))
}

fn pause(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (limit, key) = bucket(row)?;
    Ok(AuditEvent::Paused {
        limit,
        key,
        by: Attribution::read(row.text()?).ok_or(Malformed("an unknown attribution"))?,
        until_us: row.integer()?,
        wait: span(row)?,
        pace_percent: percent(row.narrow()?),
        status: row.narrow()?,
        org: known(row)?,
        replica: text(row)?,
    })
}

fn cut(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (limit, key) = bucket(row)?;
    Ok(AuditEvent::Cut {
        limit,
        key,
        from_percent: percent(row.narrow()?),
        to_percent: percent(row.narrow()?),
        window: span(row)?,
        org: known(row)?,
        replica: text(row)?,
    })
}

fn recovered(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (limit, key) = bucket(row)?;
    Ok(AuditEvent::Recovered {
        limit,
        key,
        cut_at_us: row.integer()?,
        from_percent: percent(row.narrow()?),
        is_forgotten: row.integer()? == 1,
    })
}

fn lowered(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (limit, key) = bucket(row)?;
    Ok(AuditEvent::Lowered {
        limit,
        key,
        remaining: row.integer()?,
        resets_in: span(row)?,
        held: row.integer()?,
        org: known(row)?,
        replica: text(row)?,
    })
}

fn repeated(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (limit, key) = bucket(row)?;
    let [since_us, refused, lowered, until_us] =
        [row.integer()?, row.integer()?, row.integer()?, row.integer()?];
    Ok(AuditEvent::Repeated { limit, key, since_us, refused, lowered, until_us })
}

fn throttled(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (limit, key) = bucket(row)?;
    Ok(AuditEvent::Throttled {
        limit,
        key,
        by: Attribution::read(row.text()?).ok_or(Malformed("an unknown attribution"))?,
        wait: span(row)?,
        status: row.narrow()?,
        is_news: row.integer()? == 1,
        org: known(row)?,
        replica: text(row)?,
        route: known(row)?,
        author: known(row)?,
    })
}

/// What the record of granted calls has behind how many they are. Each of its texts has a bound, so it has one: about 2
/// KiB.
pub(super) fn call_row<'b>(
    record: &CallRecord,
    charges: impl Iterator<Item = (&'b str, u32)>,
    replica: &str,
) -> Vec<u8> {
    let (mut passed, mut left) = (0_usize, BUCKETS_BYTES_MAX);
    let mut buckets = Writer::new();
    for (name, cost) in charges {
        passed += 1;
        // Once one does not fit none follows: those that are told are the first.
        left = left.saturating_sub(name.len() + BUCKET_BYTES);
        if left > 0 {
            buckets.joined(BUCKET, name);
            buckets.integer(cost);
        }
    }
    let mut row = Writer::new();
    for text in [&record.org, &record.client, &record.route] {
        row.text(text);
    }
    row.integer(record.cost);
    row.text(record.priority.name());
    row.text(&record.request_id);
    row.text(replica);
    row.count(passed);
    row.packed(&buckets.finish());
    row.into_row()
}

fn call(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (calls, org, client, route) = (row.integer()?, text(row)?, known(row)?, text(row)?);
    let (cost, priority) =
        (row.narrow()?, Priority::named(row.text()?).ok_or(Malformed("an unknown priority"))?);
    let (request_id, replica) = (known(row)?, text(row)?);
    let (passed, told) = (row.integer()?, &mut Reader::new(row.blob()?)?);
    let mut buckets = Vec::with_capacity(told.left() / 2);
    while told.left() > 0 {
        let ((limit, measure, key), cost) = (measured(told)?, told.narrow()?);
        buckets.push(ChargedBucket { limit, measure, key, cost });
    }
    let untold = passed.saturating_sub(buckets.len() as u64);
    let granted =
        GrantedCalls { org, client, route, cost, priority, request_id, calls, buckets, untold, replica };
    Ok(AuditEvent::CallGranted(Box::new(granted)))
}

fn episode(row: &mut Reader<'_>) -> Result<AuditEvent, Malformed> {
    let (limit, measure, key) = measured(row)?;
    Ok(AuditEvent::Episode {
        limit,
        measure,
        key,
        began_us: row.integer()?,
        last_us: row.integer()?,
        refused: row.integer()?,
        waits: row.integer()?,
        waited: span(row)?,
        longest_wait: span(row)?,
        is_over: row.integer()? == 1,
    })
}

/// The limit and the key of a bucket that is named by its field.
fn bucket(row: &mut Reader<'_>) -> Result<(String, String), Malformed> {
    measured(row).map(|(limit, _, key)| (limit, key))
}

/// The same, and what is counted there.
fn measured(row: &mut Reader<'_>) -> Result<(String, Measure, String), Malformed> {
    let name = bucket_name(row)?;
    let (counted_as, key) = name.split_once(':').ok_or(Malformed("a field that is no bucket"))?;
    let (limit, measure) = Measure::split(counted_as);
    Ok((limit.to_owned(), measure, key.to_owned()))
}

fn text(row: &mut Reader<'_>) -> Result<String, Malformed> {
    row.text().map(str::to_owned)
}

fn texts<const N: usize>(row: &mut Reader<'_>) -> Result<[String; N], Malformed> {
    let mut all = [const { String::new() }; N];
    for one in &mut all {
        *one = text(row)?;
    }
    Ok(all)
}

fn span(row: &mut Reader<'_>) -> Result<Duration, Malformed> {
    row.integer().map(Duration::from_micros)
}

/// A text that is empty where it is not known.
fn known(row: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
    text(row).map(|text| Some(text).filter(|text| !text.is_empty()))
}
