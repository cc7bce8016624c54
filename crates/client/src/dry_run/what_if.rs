//! What was used in the last hour, held against the numbers of another policy.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::replay::{Replay, share_percent};
use crate::engine::{UsageCounts, UsagePage, UsagePart};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::in_force::InForce;
use crate::policy::{Limit, Measure, Mode, Policy};
use crate::usage::UsageStep;

const MINUTE_US: u64 = 60_000_000;

/// How far back it goes.
const MINUTES: u64 = 60;

/// Most keys that are told, and most that are looked at: a minute has up to a hundred of each limit, and the next one
/// may have others.
const ROWS_MOST: usize = 1_000;
const KEYS_MOST: usize = 20_000;

/// What the last hour's usage would have met under the other policy: of each limit and key that would have other
/// numbers.
///
/// The books have minutes, and not when in its minute a call came. So each key is given the best that can be: a bucket
/// that was full when the time began, and calls that came whenever in their minutes that suits it best. What even that
/// bucket could not have granted is [`over`](WhatIfRow::over): a bucket under these numbers would have refused that
/// much of these calls, or had it wait into another minute, at least. It may have been more; it was not less. Of calls
/// whose true cost was told later (`settle`) the tokens count in the minute of that, and what is over may then be what
/// such a bucket would have owed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WhatIf {
    /// Where the hour begins, in microseconds since 1970 by the store's clock.
    pub from_us: u64,
    /// Where it ends: where the books end.
    pub to_us: u64,
    /// Up to when all is in the books, as [`Usage`](crate::Usage) tells it; 0 if that is not known yet, and the hour
    /// ends now.
    pub complete_until_us: u64,
    /// By limit and key, those with most over first. At most 1,000.
    pub rows: Vec<WhatIfRow>,
    /// There are more.
    pub is_cut: bool,
    /// What can't be told, and why.
    pub unjudged: Vec<Unjudged>,
}

/// What was used of a limit by one key, and what would have been over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WhatIfRow {
    /// The limit's name in the other policy.
    pub limit: String,
    /// What of it is counted.
    pub measure: Measure,
    /// The key.
    pub key: String,
    /// Whether the limit would refuse calls or only count them.
    pub mode: Mode,
    /// The limit of the policy in force that has counted it: mostly the same, else one that counts the same calls per
    /// the same values.
    pub counted_by: String,
    /// The part of the hour that is judged begins here: later than the hour where the limit counted something else
    /// until then.
    pub from_us: u64,
    /// What was counted in it. Only what was granted is held against the other numbers.
    pub counts: UsageCounts,
    /// Minutes in which more was granted than any bucket under the other numbers can grant in a minute.
    pub minutes_over: u64,
    /// Tokens that no such bucket could have granted, each in its minute.
    pub over: u64,
    /// When the minute with most tokens begins.
    pub busiest_at_us: u64,
    /// How many they were.
    pub busiest_tokens: u64,
    /// They in hundredths of what a bucket under the present numbers can grant in a minute that it begins full; `None`
    /// if the limit does not count that now.
    pub share_now_percent: Option<u64>,
    /// The same under the other numbers. Above 100 it is a minute over.
    pub share_then_percent: u64,
}

/// Usage that can't be held against the other policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unjudged {
    /// The limit's name in the other policy.
    pub limit: String,
    /// What of it is counted.
    pub measure: Measure,
    /// Why.
    pub reason: UnjudgedReason,
}

/// Why usage can't be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnjudgedReason {
    /// The books do not tell how long calls were in flight.
    InFlight,
    /// No limit in force counts the same calls per the same values.
    NotCounted,
    /// Keys that have no row of their own in the books: only of all of them together it is known what they have used.
    Others,
    /// What the limit counts was changed too lately for a whole minute to be in the books.
    ChangedLately,
}

/// A limit of the other policy that has other numbers in something that it counts.
#[derive(Debug)]
struct Question<'a> {
    limit: &'a Limit,
    measure: Measure,
    /// The limit of its name in the policy in force, if that counts the same.
    same: Option<&'a Limit>,
    /// The limit in force that counts the same.
    source: &'a Limit,
    /// The first minute of the source that counts.
    since: u64,
}

/// What is known of a key so far.
#[derive(Debug)]
struct Track {
    replay: Replay,
    counts: UsageCounts,
}

/// What the books say to each question.
#[derive(Debug, Default)]
struct Tracks {
    of_key: HashMap<(usize, String), Track>,
    has_others: BTreeSet<usize>,
    is_cut: bool,
}

impl Tollgate {
    /// Holds the last hour's usage against another policy.
    pub(super) async fn what_if(&self, in_force: &InForce, then: &Policy) -> Result<WhatIf, Error> {
        let (mut questions, mut unjudged) = questions(&in_force.policy, then);
        let complete_us = self.read_books(UsageStep::Minute, 0..0, None, |_| ControlFlow::Break(())).await?;
        let to_us = if complete_us > 0 { complete_us } else { self.keeper().clock_us().await? };
        let end = to_us.div_ceil(MINUTE_US);
        let first = end.saturating_sub(MINUTES);
        let sources = questions.iter().map(|question| question.source.name().to_owned()).collect();
        let since = self.counted_since(in_force, sources, first).await?;
        for question in &mut questions {
            question.since = since.get(question.source.name()).copied().unwrap_or(end);
        }
        questions.retain(|question| {
            let is_known = question.since < end;
            if !is_known {
                unjudged.push(question.unjudged(UnjudgedReason::ChangedLately));
            }
            is_known
        });
        let mut tracks = Tracks::default();
        if let Some(earliest) = questions.iter().map(|question| question.since).min() {
            let names: BTreeSet<&str> = questions.iter().map(|question| question.source.name()).collect();
            // One limit is read alone; of several each page is read once.
            let only = names.first().copied().filter(|_| names.len() == 1);
            let read = self.read_books(UsageStep::Minute, earliest..end, only, |pages| {
                for page in &pages {
                    tracks.take(&questions, page);
                }
                ControlFlow::Continue(())
            });
            read.await?;
        }
        unjudged
            .extend(tracks.has_others.iter().map(|&index| questions[index].unjudged(UnjudgedReason::Others)));
        let (rows, is_cut) = tracks.rows(&questions);
        let (from_us, to_us) = (first * MINUTE_US, end * MINUTE_US);
        Ok(WhatIf { from_us, to_us, complete_until_us: complete_us, rows, is_cut, unjudged })
    }
}

/// What is to be found out, and what can't be.
fn questions<'a>(now: &'a Policy, then: &'a Policy) -> (Vec<Question<'a>>, Vec<Unjudged>) {
    let (mut questions, mut unjudged) = (Vec::new(), Vec::new());
    for (limit, measure) in
        then.limits().iter().flat_map(|limit| Measure::ALL.map(|measure| (limit, measure)))
    {
        let same = now.limit(limit.name()).filter(|same| same.counts_as(limit));
        if !has(limit, measure) || !differs(limit, same, measure) {
            continue;
        }
        let reason =
            if measure == Measure::InFlight { UnjudgedReason::InFlight } else { UnjudgedReason::NotCounted };
        let others = now.limits().iter().filter(|other| other.counts_as(limit));
        let source = same.into_iter().chain(others).find(|source| has(source, measure));
        match source.filter(|_| measure != Measure::InFlight) {
            Some(source) => questions.push(Question { limit, measure, same, source, since: 0 }),
            None => unjudged.push(Unjudged { limit: limit.name().to_owned(), measure, reason }),
        }
    }
    (questions, unjudged)
}

/// Whether a limit counts this for any key.
fn has(limit: &Limit, measure: Measure) -> bool {
    limit.outlasting_terms().any(|(counted, _)| counted == measure)
}

/// Whether there is a key for which a limit has other numbers than the one of its name.
fn differs(limit: &Limit, same: Option<&Limit>, measure: Measure) -> bool {
    let Some(same) = same else { return true };
    let mut overridden = limit.overridden_keys().chain(same.overridden_keys());
    limit.mode() != same.mode()
        || limit.terms(measure) != same.terms(measure)
        || overridden.any(|key| limit.terms_of(measure, key) != same.terms_of(measure, key))
}

impl Question<'_> {
    fn unjudged(&self, reason: UnjudgedReason) -> Unjudged {
        Unjudged { limit: self.limit.name().to_owned(), measure: self.measure, reason }
    }

    /// A bucket of the key under the other numbers, if those are other ones.
    fn replay(&self, key: &str) -> Option<Replay> {
        let terms = self.limit.terms_of(self.measure, key)?;
        let now = self.same.map(|same| (same.terms_of(self.measure, key), same.mode()));
        if now == Some((Some(terms), self.limit.mode())) {
            return None;
        }
        Replay::full(terms, self.since)
    }

    fn row(&self, key: &str, track: &Track) -> Option<WhatIfRow> {
        let (tokens, minute) = track.replay.busiest;
        let now = self.same.and_then(|same| same.terms_of(self.measure, key));
        Some(WhatIfRow {
            limit: self.limit.name().to_owned(),
            measure: self.measure,
            key: key.to_owned(),
            mode: self.limit.mode(),
            counted_by: self.source.name().to_owned(),
            from_us: self.since * MINUTE_US,
            counts: track.counts,
            minutes_over: track.replay.minutes_over,
            over: track.replay.over,
            busiest_at_us: minute * MINUTE_US,
            busiest_tokens: tokens,
            share_now_percent: now.map(|terms| share_percent(terms, tokens)),
            share_then_percent: share_percent(self.limit.terms_of(self.measure, key)?, tokens),
        })
    }
}

impl Tracks {
    /// Takes up a minute.
    fn take(&mut self, questions: &[Question<'_>], page: &UsagePage) {
        let of_part: BTreeMap<&str, &UsagePart> =
            page.parts.iter().map(|part| (part.counted_as.as_str(), part)).collect();
        for (index, question) in
            questions.iter().enumerate().filter(|(_, question)| page.period >= question.since)
        {
            let Some(part) = of_part.get(&*question.source.counted_as(question.measure)) else { continue };
            if !part.others.is_nothing() {
                self.has_others.insert(index);
            }
            for (key, counts) in &part.rows {
                self.add((index, key), question, (page.period, counts));
            }
        }
    }

    fn add(
        &mut self,
        (index, key): (usize, &str),
        question: &Question<'_>,
        (minute, counts): (u64, &UsageCounts),
    ) {
        let place = (index, key.to_owned());
        if !self.of_key.contains_key(&place) {
            let Some(replay) = question.replay(key) else { return };
            if self.of_key.len() == KEYS_MOST {
                self.is_cut = true;
                return;
            }
            self.of_key.insert(place.clone(), Track { replay, counts: UsageCounts::default() });
        }
        if let Some(track) = self.of_key.get_mut(&place) {
            track.replay.minute(minute, counts.tokens);
            track.counts.add(counts);
        }
    }

    /// The rows, those with most over first, and whether there are more.
    fn rows(self, questions: &[Question<'_>]) -> (Vec<WhatIfRow>, bool) {
        let rows = self.of_key.iter().filter_map(|((index, key), track)| questions[*index].row(key, track));
        let mut rows: Vec<WhatIfRow> = rows.collect();
        rows.sort_by(|one, other| {
            let most = |row: &WhatIfRow| (row.over, row.share_then_percent, row.counts.tokens);
            let name = |row: &WhatIfRow| (row.limit.clone(), row.measure.suffix(), row.key.clone());
            most(other).cmp(&most(one)).then_with(|| name(one).cmp(&name(other)))
        });
        let is_cut = self.is_cut || rows.len() > ROWS_MOST;
        rows.truncate(ROWS_MOST);
        (rows, is_cut)
    }
}
