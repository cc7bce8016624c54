//! The commands our scripts use, in Redis 7.0's words where it complains.

use super::answer::{Answer, Outcome};
use super::hash::Hash;
use super::keyspace::Keyspace;
use super::scan;
use super::stream_commands::{xadd, xinfo, xrange, xrevrange, xtrim};

use Arity::{AtLeast, Exactly};

const COMMANDS: &[Command] = &[
    command("DEL", AtLeast(1), Keys::All, del),
    command("EXISTS", AtLeast(1), Keys::All, exists),
    command("HDEL", AtLeast(2), Keys::First, hdel),
    command("HEXISTS", Exactly(2), Keys::First, hexists),
    command("HGET", Exactly(2), Keys::First, hget),
    command("HLEN", Exactly(1), Keys::First, hlen),
    command("HMGET", AtLeast(2), Keys::First, hmget),
    command("HSCAN", AtLeast(2), Keys::First, scan::hscan),
    command("HSET", AtLeast(3), Keys::First, hset),
    command("TIME", Exactly(0), Keys::None, time),
    command("XADD", AtLeast(4), Keys::First, xadd),
    command("XINFO", Exactly(2), Keys::Second, xinfo),
    command("XRANGE", AtLeast(3), Keys::First, xrange),
    command("XREVRANGE", AtLeast(3), Keys::First, xrevrange),
    command("XTRIM", AtLeast(3), Keys::First, xtrim),
];

/// One command of the table.
pub(super) struct Command {
    /// In upper case.
    pub(super) name: &'static str,
    arity: Arity,
    keys: Keys,
    run: Run,
}

/// How many arguments follow the name.
enum Arity {
    Exactly(usize),
    AtLeast(usize),
}

/// Which arguments are keys.
enum Keys {
    None,
    First,
    Second,
    All,
}

/// What a command does with the keyspace, its name and arguments, and the time in microseconds since the Unix epoch.
type Run = for<'k> fn(&'k mut Keyspace, &[Vec<u8>], u64) -> Outcome<'k>;

const fn command(name: &'static str, arity: Arity, keys: Keys, run: Run) -> Command {
    Command { name, arity, keys, run }
}

/// The command called `name`, in any case.
pub(super) fn find(name: &[u8]) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
}

impl Command {
    /// Whether `argv`, which starts with the name, has as many arguments as the command takes.
    pub(super) fn takes(&self, argv: &[Vec<u8>]) -> bool {
        match self.arity {
            Exactly(count) => argv.len() == 1 + count,
            AtLeast(count) => argv.len() > count,
        }
    }

    /// The keys among the arguments, which are as many as the command takes.
    pub(super) fn keys<'a>(&self, argv: &'a [Vec<u8>]) -> &'a [Vec<u8>] {
        match self.keys {
            Keys::None => &[],
            Keys::First => &argv[1..2],
            Keys::Second => &argv[2..3],
            Keys::All => &argv[1..],
        }
    }

    /// Runs on arguments that [`takes`](Command::takes) lets pass: no command looks for one that is missing.
    pub(super) fn run<'k>(&self, keyspace: &'k mut Keyspace, argv: &[Vec<u8>], now_us: u64) -> Answer<'k> {
        (self.run)(keyspace, argv, now_us).unwrap_or_else(|complaint| complaint)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as all commands of the table")]
fn del<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    Ok(Answer::count(argv[1..].iter().filter(|key| keyspace.remove(key)).count()))
}

/// A key named twice counts twice.
#[expect(clippy::unnecessary_wraps, reason = "as all commands of the table")]
fn exists<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    Ok(Answer::count(argv[1..].iter().filter(|key| keyspace.holds(key)).count()))
}

fn hdel<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    Ok(Answer::count(keyspace.remove_fields(&argv[1], &argv[2..])?))
}

fn hexists<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    let value = keyspace.hash(&argv[1])?.and_then(|hash| hash.get(&argv[2]));
    Ok(Answer::flag(value.is_some()))
}

fn hget<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    Ok(Answer::maybe(keyspace.hash(&argv[1])?.and_then(|hash| hash.get(&argv[2]))))
}

fn hlen<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    Ok(Answer::count(keyspace.hash(&argv[1])?.map_or(0, Hash::len)))
}

fn hmget<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    let hash = keyspace.hash(&argv[1])?;
    let value = |field: &Vec<u8>| Answer::maybe(hash.and_then(|hash| hash.get(field)));
    Ok(Answer::Array(argv[2..].iter().map(value).collect()))
}

fn hset<'k>(keyspace: &'k mut Keyspace, argv: &[Vec<u8>], _now_us: u64) -> Outcome<'k> {
    if argv.len() % 2 == 1 {
        return Err(Answer::Error("ERR wrong number of arguments for 'hset' command"));
    }
    let hash = keyspace.hash_or_new(&argv[1])?;
    let is_new = |pair: &&[Vec<u8>]| hash.set(&pair[0], &pair[1]);
    Ok(Answer::count(argv[2..].chunks_exact(2).filter(is_new).count()))
}

#[expect(clippy::unnecessary_wraps, reason = "as all commands of the table")]
fn time<'k>(_keyspace: &'k mut Keyspace, _argv: &[Vec<u8>], now_us: u64) -> Outcome<'k> {
    let (seconds, microseconds) = (now_us / 1_000_000, now_us % 1_000_000);
    Ok(Answer::Array([seconds, microseconds].map(|part| Answer::text(part.to_string())).to_vec()))
}
