//! What an answer tells of a quota: where its figures stand.

use super::decimal::Decimal;
use super::document::{QuotaDocument, SourceDocument, TimeDocument};
use super::named::name;
use super::reading::QuotaReading;
use super::source::{Source, Use};
use super::structured::Structured;
use super::time::WAIT_MAX;
use super::view::View;
use super::wait::TimeSource;
use crate::policy::{Problems, Span, Wrong};
use std::time::Duration;

/// The longest window that an answer is believed, which is the longest a policy can have.
pub(super) const WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Where the figures of one quota stand, or those of several.
#[derive(Debug, Clone)]
pub(super) enum QuotaRule {
    Figures(Box<Figures>),
    Structured(Structured),
}

/// Where each figure of a quota stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    name: Option<String>,
    name_from: Option<Source>,
    limit: Option<Source>,
    remaining: Option<Source>,
    used: Option<Source>,
    resets_in: Option<TimeSource>,
    /// What comes back each second, where a bucket refills evenly.
    per_second: Option<Source>,
    window: Option<Duration>,
    window_from: Option<TimeSource>,
}

impl QuotaRule {
    pub(super) fn check(document: &QuotaDocument, field: &str, problems: &mut Problems) -> Option<QuotaRule> {
        let Some(structured) = &document.structured else {
            return Figures::check(document, field, problems).map(Box::new).map(QuotaRule::Figures);
        };
        let alone = QuotaDocument { structured: Some(structured.clone()), ..QuotaDocument::default() };
        if *document != alone {
            let expected = "no other field beside it: structured fields tell all figures";
            problems.add(Wrong::plain("structured", expected).at(field));
        }
        Structured::check(structured, &format!("{field}.structured"), problems).map(QuotaRule::Structured)
    }

    pub(super) fn looks_at_body(&self) -> bool {
        match self {
            QuotaRule::Figures(figures) => figures.look_at_body(),
            QuotaRule::Structured(_) => false,
        }
    }

    pub(super) fn read(&self, view: &View<'_>) -> Vec<QuotaReading> {
        match self {
            QuotaRule::Figures(figures) => figures.read(view).into_iter().collect(),
            QuotaRule::Structured(structured) => structured.read(view),
        }
    }
}

impl Figures {
    fn check(document: &QuotaDocument, field: &str, problems: &mut Problems) -> Option<Figures> {
        let known = problems.take(field, is_told(document));
        let chosen = document.name.as_deref().map(|text| problems.take(format!("{field}.name"), named(text)));
        let window =
            document.window.as_deref().map(|text| problems.take(format!("{field}.window"), window(text)));
        let mut source = |name: &str, written: &Option<SourceDocument>| {
            let written = written.as_ref()?;
            Source::check(written.written(), Use::Value, &format!("{field}.{name}"), problems)
        };
        let figures = Figures {
            name: chosen.flatten(),
            window: window.flatten(),
            name_from: source("name_from", &document.name_from),
            limit: source("limit", &document.limit),
            remaining: source("remaining", &document.remaining),
            used: source("used", &document.used),
            per_second: source("per_second", &document.per_second),
            ..Figures::default()
        };
        let mut time = |name: &str, written: &Option<TimeDocument>| {
            TimeSource::check(written.as_ref()?, &format!("{field}.{name}"), problems)
        };
        let resets_in = time("resets_in", &document.resets_in);
        let window_from = time("window_from", &document.window_from);
        if window_from.as_ref().is_some_and(|window| !window.unit().is_length()) {
            let wrong = Wrong::plain("no length", "\"seconds\" or \"milliseconds\"");
            problems.add(wrong.at(format!("{field}.window_from.as")));
        }
        known.map(|()| Figures { resets_in, window_from, ..figures })
    }

    fn look_at_body(&self) -> bool {
        let sources = [&self.name_from, &self.limit, &self.remaining, &self.used, &self.per_second];
        let times = [&self.resets_in, &self.window_from];
        sources.into_iter().flatten().any(Source::is_in_body)
            || times.into_iter().flatten().any(TimeSource::is_in_body)
    }

    fn read(&self, view: &View<'_>) -> Option<QuotaReading> {
        let number = |source: &Option<Source>| source.as_ref()?.number(view);
        let time = |source: &Option<TimeSource>| source.as_ref()?.read(view);
        let (limit, used, told) = (number(&self.limit), number(&self.used), number(&self.remaining));
        let remaining = told.or_else(|| Some(used?.missing_to(limit?)));
        let per_second = number(&self.per_second);
        let refills_evenly = per_second.is_some();
        let refilled = || remaining?.missing_to(limit?).at_rate(per_second?);
        let named = self.name_from.as_ref().and_then(|source| source.find(view, name));
        let resets_in = time(&self.resets_in).or_else(refilled);
        if limit.is_none() && used.is_none() && remaining.is_none() && resets_in.is_none() {
            return None;
        }
        let window = time(&self.window_from).or(self.window).or_else(|| limit?.at_rate(per_second?));
        Some(QuotaReading {
            name: named.or_else(|| self.name.clone()),
            key: None,
            limit: limit.map(Decimal::floor),
            remaining: remaining.map(Decimal::floor),
            used: used.map(Decimal::ceil),
            resets_in: resets_in.map(|time| time.min(WAIT_MAX)),
            refills_evenly,
            window: window.map(|time| time.min(WINDOW_MAX)),
        })
    }
}

fn is_told(document: &QuotaDocument) -> Result<(), Wrong> {
    let QuotaDocument { limit, remaining, used, resets_in, .. } = document;
    if limit.is_none() && remaining.is_none() && used.is_none() && resets_in.is_none() {
        return Err(Wrong::plain(
            "no figure",
            "at least one of limit, remaining, used, resets_in and structured",
        ));
    }
    Ok(())
}

fn named(text: &str) -> Result<String, Wrong> {
    name(text).ok_or_else(|| Wrong::text(text, "1 to 256 bytes without control characters"))
}

fn window(text: &str) -> Result<Duration, Wrong> {
    let window = Duration::from_micros(Span::parse(text)?.us());
    if window.is_zero() {
        return Err(Wrong::text(text, "at least \"1us\""));
    }
    Ok(window)
}
