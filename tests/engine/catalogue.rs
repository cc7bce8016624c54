//! The catalogue of `lua/README.md` against what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use anyhow::{Context, Result, ensure};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::Config;
use tollgate::engine::{Begin, PolicyWrite, Script, WriteMode, WriteReply};
use tollgate_testkit::Seed;

use crate::audit_foreign;
use crate::call_records;
use crate::episode;
use crate::fleet::{Fleet, Watch};
use crate::head::values;
use crate::history::{Kind, histories};
use crate::hold;
use crate::keys;
use crate::lab::{Fields, State};
use crate::namespace::Namespace;
use crate::program::{Programs, REPLACED, RESTREAMED};
use crate::random::runner;
use crate::recovery;
use crate::refused_random;
use crate::replicas;
use crate::trace::Trace;
use crate::twin::{Twin, fields_of};
use crate::usage;

const README: &str = include_str!("../../lua/README.md");

/// Histories in which every field is written by every script that writes it.
const HISTORIES: usize = 300;

/// Histories in which the provider refuses calls.
const REFUSED: usize = 100;

/// One row of the catalogue.
#[derive(Debug)]
struct Row {
    key: String,
    field: String,
    /// How many values its record has, those in square brackets or not; `None` for plain text.
    values: Option<RangeInclusive<usize>>,
    written_by: BTreeSet<String>,
}

impl Row {
    /// The rows of the table whose first column is `key`.
    fn all() -> Vec<Self> {
        let rows = README.lines().skip_while(|line| !line.starts_with("| key |")).skip(2);
        rows.take_while(|line| line.starts_with('|'))
            .map(|line| {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                let record = cells[2];
                Self {
                    key: cells[0].to_owned(),
                    field: cells[1].trim_matches('`').to_owned(),
                    values: (record != "text").then(|| {
                        let most = record.split_whitespace().count();
                        most - record.matches('[').count()..=most
                    }),
                    written_by: cells[3].split(", ").map(str::to_owned).collect(),
                }
            })
            .collect()
    }

    /// Whether a field is of this row: as it stands there, with anything in the places in angle brackets.
    fn describes(&self, key: &str, field: &str) -> bool {
        let Some((prefix, rest)) = self.field.split_once('<') else {
            return self.key == key && self.field == field;
        };
        let colons = |text: &str| text.matches(':').count();
        self.key == key && field.starts_with(prefix) && colons(field) >= colons(prefix) + colons(rest)
    }
}

/// Traces of random histories.
fn traces(seed: Seed) -> Vec<Trace> {
    let mut runner = runner(seed, Config::default());
    let strategy = histories(Kind::Any, 30..=60);
    let original = Programs::original();
    let live = |_| {
        let history = strategy.new_tree(&mut runner).expect("a history").current();
        Fleet::live(&original, &history, Watch::Answers).unwrap_or_else(|failure| failure.trace)
    };
    let refused = refused_random::traces(seed.derive("refused"), REFUSED);
    (0..HISTORIES)
        .map(live)
        .chain(refused)
        .chain([
            audit_foreign::story(),
            call_records::story(),
            recovery::story(),
            hold::story(),
            keys::story(),
            replicas::story(),
        ])
        .chain(usage::stories())
        .chain(episode::stories())
        .collect()
}

/// Lives through histories on every server version and looks at the whole database after each: four hashes without a
/// TTL, every field in the catalogue with as many values as it says, and every field of the catalogue met. Three keys
/// are streams, whose entries have one field each.
#[test]
fn keys_in_a_busy_redis_equal_the_catalogue() -> Result<()> {
    let traces = traces(Seed::for_this_test()?);
    let rows = Row::all();
    ensure!(rows.len() == 38, "the catalogue is not read: {rows:#?}");
    for mut twin in Twin::start_every_version()? {
        let mut met = BTreeSet::new();
        let mut connection = twin.connection()?;
        for trace in &traces {
            ensure!(twin.differs(trace, false)?.is_none(), "the parity test tells more");
            let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection)?;
            for key in keys {
                let kept = key.strip_prefix("tollgate:{history}:").with_context(|| format!("a key {key}"))?;
                let ttl: i64 = redis::cmd("TTL").arg(&key).query(&mut connection)?;
                ensure!(ttl == -1, "{key} has a TTL of {ttl} s");
                for (field, record) in stored(&mut connection, &key)? {
                    let field = String::from_utf8(field)?;
                    let row = described(&rows, kept, &field)?;
                    if let Some(expected) = &row.values {
                        let count = values(&record).len();
                        ensure!(
                            expected.contains(&count),
                            "{key} {field}: {count} values, {expected:?} in the catalogue"
                        );
                    }
                    met.insert(row.field.as_str());
                }
            }
        }
        let all = rows.iter().map(|row| row.field.as_str()).collect();
        ensure!(met == all, "{}: met {met:?} of {all:?}", twin.name());
    }
    Ok(())
}

/// The fields of a hash and of the entries of a stream, each with its value.
fn stored(connection: &mut redis::Connection, key: &str) -> Result<Fields> {
    if ![":audit", ":calls", ":records"].iter().any(|stream| key.ends_with(stream)) {
        return fields_of(redis::cmd("HGETALL").arg(key).query(connection)?);
    }
    let entries: Vec<(String, Fields)> = redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(connection)?;
    ensure!(entries.iter().all(|(_, fields)| fields.len() == 1), "{entries:?} have one field each");
    Ok(entries.into_iter().flat_map(|(_, fields)| fields).collect())
}

/// Who writes what is as the catalogue says: looks at what changed with every script of random histories.
#[test]
fn every_field_is_written_by_the_scripts_that_the_catalogue_names() -> Result<()> {
    let rows = Row::all();
    let mut written: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for trace in traces(Seed::for_this_test()?) {
        let mut before = State::default();
        for run in trace.runs {
            if ![REPLACED, RESTREAMED].contains(&run.program) {
                for (stream, was, is) in [
                    ("audit", &before.audit.entries, &run.after.audit.entries),
                    ("calls", &before.calls.entries, &run.after.calls.entries),
                    ("records", &before.records.entries, &run.after.records.entries),
                ] {
                    for (_, texts) in is.iter().filter(|entry| !was.contains(entry)) {
                        let row = described(&rows, stream, std::str::from_utf8(&texts[0])?)?;
                        written.entry(&row.field).or_default().insert(run.program.to_owned());
                    }
                }
                let hashes = [
                    ("state", &before.state, &run.after.state),
                    ("policy", &before.policy, &run.after.policy),
                    ("usage", &before.usage, &run.after.usage),
                    ("keys", &before.keys, &run.after.keys),
                ];
                for (hash, was, is) in hashes {
                    for (field, _) in is.iter().filter(|pair| !was.contains(pair)) {
                        let row = described(&rows, hash, std::str::from_utf8(field)?)?;
                        written.entry(&row.field).or_default().insert(run.program.to_owned());
                    }
                    for (field, _) in
                        was.iter().filter(|(field, _)| is.iter().all(|(other, _)| other != field))
                    {
                        ensure!(
                            run.program == if hash == "keys" { "key_revoke" } else { "sweep" },
                            "{} removed {:?}",
                            run.program,
                            String::from_utf8_lossy(field)
                        );
                    }
                }
            }
            before = run.after;
        }
    }
    for row in &rows {
        ensure!(
            written.get(row.field.as_str()) == Some(&row.written_by),
            "{row:?} is written by {written:?}"
        );
    }
    Ok(())
}

fn described<'r>(rows: &'r [Row], key: &str, field: &str) -> Result<&'r Row> {
    rows.iter()
        .find(|row| row.describes(key, field))
        .with_context(|| format!("{field} in {key} is not in the catalogue"))
}

/// A policy that is changed often keeps its last hundred versions and no more.
#[test]
fn the_last_hundred_policies_are_kept() {
    let mut namespace = Namespace::new("");
    for version in 2..=250_u64 {
        let expected = format!("{}-x", version - 1);
        let write = PolicyWrite {
            mode: WriteMode::Put { expected: if version == 2 { namespace.fence() } else { &expected } },
            version,
            fence: &format!("{version}-x"),
            document: "{}",
            author: "",
            reason: "",
            seal: "another",
            replica: "r0",
            learned: None,
        };
        let argument = write.encode("server", Begin::Empty);
        let reply = PolicyWrite::decode(&namespace.ask(Script::POLICY, argument));
        assert_eq!(reply, Ok(WriteReply::Written(format!("{version}-x"))));
    }
    let policies = namespace.lab.state().policy;
    let kept: BTreeSet<_> =
        policies.iter().map(|(field, _)| String::from_utf8_lossy(field).into_owned()).collect();
    let versions = (151..=250).map(|version| format!("v:{version}"));
    assert_eq!(kept, versions.chain(["current".to_owned(), "seal".to_owned()]).collect());
}
