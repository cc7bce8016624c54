//! The argument and the reply of `usage.lua`.

use super::flat::{Malformed, Reader, Writer};
use super::reply::Reply;

/// Pages of the books that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct UsageRead<'a> {
    /// Of an hour each; else of a minute.
    pub hours: bool,
    /// The first, in minutes or hours since 1970.
    pub first: u64,
    /// How many, at most 1000. The reply may have fewer.
    pub count: u64,
    /// Only this limit, in all that it counts.
    pub limit: Option<&'a str>,
}

/// What the books have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReply {
    /// Up to when all minutes are in the books, in microseconds of the namespace's time; 0 if that is not known yet.
    pub complete_us: u64,
    /// The minute or hour to go on with.
    pub next: u64,
    /// Those pages that are there.
    pub pages: Vec<UsagePage>,
}

/// A minute or an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsagePage {
    /// In minutes or hours since 1970.
    pub period: u64,
    /// What was counted, limit by limit.
    pub parts: Vec<UsagePart>,
}

/// What was counted at a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsagePart {
    /// `limit`, `limit/spacing` or `limit/concurrent`.
    pub counted_as: String,
    /// At each of its busiest keys.
    pub rows: Vec<(String, UsageCounts)>,
    /// At all others together.
    pub others: UsageCounts,
}

/// What was counted at a bucket, or at several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// Calls that were granted.
    pub granted: u64,
    /// Tokens that they cost, less those that were given back in that time.
    pub tokens: i64,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that were granted after they had waited.
    pub waits: u64,
    /// For how long together, in microseconds.
    pub waited_us: u64,
    /// The longest of them, in microseconds.
    pub longest_us: u64,
    /// Refusals of the provider that were put down to it.
    pub throttled: u64,
    /// By how much its pauses were made longer, less what was taken back, in microseconds.
    pub paused_us: i64,
}

impl UsageRead<'_> {
    /// The script's argument.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut args = Writer::new();
        args.text(if self.hours { "h" } else { "m" });
        args.integer(self.first);
        args.integer(self.count);
        args.text(self.limit.unwrap_or_default());
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<UsageReply>, Malformed> {
        Reply::read(reply, |reader| {
            let (complete_us, next) = (reader.integer()?, reader.integer()?);
            let mut pages = Vec::new();
            while reader.left() > 0 {
                let (period, limits) = (reader.integer()?, reader.integer()?);
                let parts = (0..limits).map(|_| UsagePart::read(reader)).collect::<Result<_, _>>()?;
                pages.push(UsagePage { period, parts });
            }
            Ok(UsageReply { complete_us, next, pages })
        })
    }
}

impl UsagePart {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let counted_as = reader.text()?.to_owned();
        let mut part = Reader::new(reader.blob()?)?;
        let others = UsageCounts::read(&mut part)?;
        let mut rows = Vec::new();
        while part.left() > 0 {
            rows.push((part.text()?.to_owned(), UsageCounts::read(&mut part)?));
        }
        Ok(Self { counted_as, rows, others })
    }
}

impl UsageCounts {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            granted: reader.integer()?,
            tokens: reader.signed()?,
            refused: reader.integer()?,
            waits: reader.integer()?,
            waited_us: reader.integer()?,
            longest_us: reader.integer()?,
            throttled: reader.integer()?,
            paused_us: reader.signed()?,
        })
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what was counted elsewhere, or at another time.
    pub fn add(&mut self, other: &Self) {
        self.granted += other.granted;
        self.tokens += other.tokens;
        self.refused += other.refused;
        self.waits += other.waits;
        self.waited_us += other.waited_us;
        self.longest_us = self.longest_us.max(other.longest_us);
        self.throttled += other.throttled;
        self.paused_us += other.paused_us;
    }
}
