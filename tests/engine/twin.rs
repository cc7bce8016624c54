//! The twin: the same runs on a real server, whose clock is put into the scripts by one line in front of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, ensure};
use redis::{Connection, ConnectionLike, Pipeline, Value};
use tollgate::embedded::{Reply, StreamDump};
use tollgate::engine::{BucketsPage, Keys, Script, UsageRead, WaitersPage};
use tollgate_testkit::{ContainedRedis, Flavor, RedisServer, record_ran_on};

use crate::lab::{Fields, State, keys_of};
use crate::pages::rows;
use crate::program::{Programs, REPLACED, RESTREAMED};
use crate::trace::{Run, Trace};

/// In front of every script, on its first line: `TIME` is what the caller says in ARGV[2] and ARGV[3].
const CLOCK: &str = "local host = redis; local redis = setmetatable({call = function(command, ...) \
    if command == 'TIME' then return {ARGV[2], ARGV[3]} end return host.call(command, ...) end}, {__index = host}); ";

/// A server of the test's own.
enum Host {
    Private(RedisServer),
    Contained(Box<ContainedRedis>),
}

/// A server with the scripts on it.
pub(crate) struct Twin {
    host: Host,
    connection: Connection,
    digests: BTreeMap<&'static str, String>,
    keys: Keys,
}

impl Twin {
    pub(crate) fn start(flavor: &Flavor, programs: &Programs) -> Result<Self> {
        Self::on(Host::Private(RedisServer::builder().flavor(flavor).start()?), programs)
    }

    fn on(host: Host, programs: &Programs) -> Result<Self> {
        let mut connection = host.connection()?;
        let mut digests = BTreeMap::new();
        for program in programs.all() {
            let source = format!("{CLOCK}{}", program.source);
            let digest: String = redis::cmd("SCRIPT").arg("LOAD").arg(source).query(&mut connection)?;
            digests.insert(program.name, digest);
        }
        Ok(Self { host, connection, digests, keys: Keys::of("history") })
    }

    /// One twin on every server there is, and one in a container where an image is named.
    pub(crate) fn start_every_version() -> Result<Vec<Self>> {
        let programs = Programs::original();
        let mut twins: Vec<_> = Flavor::all_available()?
            .iter()
            .map(|flavor| Self::start(flavor, &programs))
            .collect::<Result<_>>()?;
        if std::env::var_os("TOLLGATE_TEST_REDIS_IMAGE").is_none() {
            record_ran_on("NOT RUN in a container: TOLLGATE_TEST_REDIS_IMAGE names no image");
        } else if let Some(contained) = ContainedRedis::start()? {
            twins.push(Self::on(Host::Contained(Box::new(contained)), &programs)?);
        }
        Ok(twins)
    }

    /// Another connection to its server.
    pub(crate) fn connection(&self) -> Result<Connection> {
        self.host.connection()
    }

    /// Which server it is.
    pub(crate) fn name(&self) -> String {
        match &self.host {
            Host::Private(server) => server.flavor().version().to_string(),
            Host::Contained(server) => format!("image {}", server.image()),
        }
    }

    /// Runs one of the product's scripts, which answer with one string.
    pub(crate) fn ask(&mut self, script: &Script, argument: &[u8], clock_us: u64) -> Result<Vec<u8>> {
        let digest = self.digests.get(script.name()).context("a program that is loaded")?;
        let keys = keys_of(script.name(), &self.keys);
        let mut command = redis::cmd("EVALSHA");
        command.arg(digest).arg(keys.len()).arg(&keys).arg(argument);
        command.arg(clock_us / 1_000_000).arg(clock_us % 1_000_000);
        Ok(command.query(&mut self.connection)?)
    }

    /// Repeats a whole trace on a server of each version that there is.
    ///
    /// # Errors
    /// Where one of them answers, or keeps, anything else after any step.
    pub(crate) fn all_agree_on(trace: &Trace) -> Result<()> {
        Self::start_every_version()?.iter_mut().try_for_each(|twin| twin.agrees_on(trace, true))
    }

    /// Repeats a whole trace.
    ///
    /// # Errors
    /// Where this server differs from it.
    pub(crate) fn agrees_on(&mut self, trace: &Trace, every_step: bool) -> Result<()> {
        self.differs(trace, every_step)?.map_or(Ok(()), |difference| Err(anyhow!(difference)))
    }

    /// Repeats a whole trace. Returns where this server differs from it, in words.
    pub(crate) fn differs(&mut self, trace: &Trace, every_step: bool) -> Result<Option<String>> {
        let mut pipeline = redis::pipe();
        let keys = &self.keys;
        pipeline.cmd("DEL").arg(keys_of("remove", keys));
        for (index, run) in trace.runs.iter().enumerate() {
            self.push_run(&mut pipeline, run)?;
            if every_step || index + 1 == trace.runs.len() {
                pipeline.cmd("HGETALL").arg(self.keys.state());
                pipeline.cmd("HGETALL").arg(self.keys.policy());
                pipeline.cmd("HGETALL").arg(self.keys.usage());
                for stream in [self.keys.audit(), self.keys.calls(), self.keys.records()] {
                    pipeline.cmd("XRANGE").arg(stream).arg("-").arg("+");
                    pipeline.cmd("XINFO").arg("STREAM").arg(stream);
                }
                pipeline.cmd("HGETALL").arg(self.keys.access());
            }
        }
        let replies = self.connection.req_packed_commands(
            &pipeline.get_packed_pipeline(),
            0,
            pipeline.cmd_iter().count(),
        )?;
        let mut replies = replies.into_iter().skip(1);
        let mut next = || replies.next().context("a reply for each command");
        for (index, run) in trace.runs.iter().enumerate() {
            let reply = comparable(run, reply_of(next()?)?);
            if reply != comparable(run, run.reply.clone()) {
                return Ok(Some(self.difference(index, "answers", &format!("{reply:?}"))));
            }
            if every_step || index + 1 == trace.runs.len() {
                let (state, policy, usage) = (fields_of(next()?)?, fields_of(next()?)?, fields_of(next()?)?);
                let audit = stream_of(next()?, &next()?)?;
                let calls = stream_of(next()?, &next()?)?;
                let records = stream_of(next()?, &next()?)?;
                let stored = State { state, policy, usage, audit, calls, records, keys: fields_of(next()?)? };
                // The rows of a page stand in the order in which a server has found the buckets.
                let same = rows(&stored.usage) == rows(&run.after.usage)
                    && State { usage: Vec::new(), ..stored.clone() }
                        == State { usage: Vec::new(), ..run.after.clone() };
                if !same {
                    let found = format!("{stored:?}, embedded {:?}", run.after);
                    return Ok(Some(self.difference(index, "stores", &found)));
                }
            }
        }
        Ok(None)
    }

    fn difference(&self, run: usize, what: &str, found: &str) -> String {
        format!("PARITY: at run {run} {} {what} {found}", self.name())
    }

    fn push_run(&self, pipeline: &mut Pipeline, run: &Run) -> Result<()> {
        let digest = self.digests.get(run.program).context("a program that is loaded")?;
        let command = pipeline.cmd("EVALSHA").arg(digest).arg(run.keys.len());
        for key in &run.keys {
            command.arg(key);
        }
        for arg in &run.args {
            command.arg(arg);
        }
        if ![REPLACED, RESTREAMED].contains(&run.program) {
            command.arg(run.clock_us / 1_000_000).arg(run.clock_us % 1_000_000);
        }
        Ok(())
    }
}

impl Host {
    fn connection(&self) -> Result<Connection> {
        match self {
            Self::Private(server) => server.connection(),
            Self::Contained(server) => server.connection(),
        }
    }
}

/// A reply in a form that has one way to be right: the order within a page is the server's own.
fn comparable(run: &Run, reply: Reply) -> Reply {
    let Reply::Bulk(bytes) = &reply else { return reply };
    if run.program == "usage" {
        return comparable_usage(bytes).unwrap_or(reply);
    }
    if run.program == "waiters" {
        return comparable_waiters(bytes).unwrap_or(reply);
    }
    match BucketsPage::decode(bytes) {
        Ok(tollgate::engine::Reply::Done(mut page)) if run.program == "list" => {
            page.buckets.sort_by(|one, other| one.name.cmp(&other.name));
            Reply::Status(format!("{page:?}"))
        }
        _ => reply,
    }
}

/// The pages of the books, their rows sorted.
fn comparable_usage(bytes: &[u8]) -> Option<Reply> {
    let Ok(tollgate::engine::Reply::Done(mut books)) = UsageRead::decode(bytes) else { return None };
    for page in &mut books.pages {
        page.parts.sort_by(|one, other| one.counted_as.cmp(&other.counted_as));
        page.parts.iter_mut().for_each(|part| part.rows.sort_by(|one, other| one.0.cmp(&other.0)));
    }
    Some(Reply::Status(format!("{books:?}")))
}

/// Those who wait, sorted.
fn comparable_waiters(bytes: &[u8]) -> Option<Reply> {
    let Ok(tollgate::engine::Reply::Done(mut page)) = WaitersPage::decode(bytes) else { return None };
    page.buckets.sort_by(|one, other| one.name.cmp(&other.name));
    page.buckets.iter_mut().for_each(|at| at.flows.sort_by(|one, other| one.name.cmp(&other.name)));
    Some(Reply::Status(format!("{page:?}")))
}

/// A server's reply as the embedded engine would give it. Redis puts its own position behind an error's text.
pub(crate) fn reply_of(value: Value) -> Result<Reply> {
    Ok(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::BulkString(bytes) => Reply::Bulk(bytes),
        Value::Okay => Reply::Status("OK".to_owned()),
        Value::SimpleString(text) => Reply::Status(text),
        Value::Array(items) => Reply::Array(items.into_iter().map(reply_of).collect::<Result<_>>()?),
        Value::ServerError(error) => {
            let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
            Reply::Error(text.split(" script: ").next().unwrap_or_default().to_owned())
        }
        other => anyhow::bail!("a reply that no script gives: {other:?}"),
    })
}

/// The pairs of HGETALL, sorted.
pub(crate) fn fields_of(value: Value) -> Result<Fields> {
    let Value::Array(values) = value else { anyhow::bail!("HGETALL answered {value:?}") };
    ensure!(values.len() % 2 == 0, "a field without a value");
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => Ok(bytes.clone()),
        other => anyhow::bail!("HGETALL holds {other:?}"),
    };
    let mut fields = values
        .chunks_exact(2)
        .map(|pair| Ok((text(&pair[0])?, text(&pair[1])?)))
        .collect::<Result<Fields>>()?;
    fields.sort();
    Ok(fields)
}

/// What XRANGE and XINFO STREAM say of a stream. Of one that is not there the latter complains.
fn stream_of(entries: Value, info: &Value) -> Result<StreamDump> {
    let Value::Array(entries) = entries else { anyhow::bail!("XRANGE answered {entries:?}") };
    let entry = |entry: Value| -> Result<(String, Vec<Vec<u8>>)> { Ok(redis::from_redis_value(entry)?) };
    let entries = entries.into_iter().map(entry).collect::<Result<_>>()?;
    let last_id = match info {
        Value::Array(info) => {
            let name = Value::BulkString(b"last-generated-id".to_vec());
            let at = info.iter().position(|value| *value == name).context("a stream without a last id")?;
            redis::from_redis_value(info[at + 1].clone())?
        }
        // As the embedded engine has it where there is none.
        _ => String::new(),
    };
    Ok(StreamDump { last_id, entries })
}
