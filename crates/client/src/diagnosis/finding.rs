//! Something that is wrong.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::policy::Measure;

/// Something that is wrong, or that explains why calls are slow or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The limit it is about, if it is about one.
    pub limit: Option<String>,
    /// Which of its buckets; `None` where it is about all of them, or about those that have no row of their own in the
    /// books.
    pub key: Option<String>,
    /// What of the limit is counted there.
    pub measure: Option<Measure>,
    /// The replica it is about.
    pub replica: Option<String>,
    /// From when on it has been so, in microseconds since 1970 by the store's clock, if that is known.
    pub since_us: Option<u64>,
    /// Until when it is so.
    pub until_us: Option<u64>,
    /// How much, by name. The names are those of the kind, units last.
    pub figures: BTreeMap<&'static str, u64>,
    /// Who has used most lately, where others share the bucket.
    pub busiest: Vec<Busy>,
    /// What it is and what to do about it, in a sentence or two.
    pub text: String,
    /// Among those of a kind, what weighs more comes first.
    pub(super) weight: u64,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A bucket is paused because the provider has said so.
    Paused,
    /// A bucket is paused because an operator has said so.
    PausedByHand,
    /// Somebody waits at a bucket.
    Waiting,
    /// The counters of the store began empty a short time ago.
    EpochBegan,
    /// The provider has refused calls lately.
    Throttled,
    /// Calls were refused lately.
    Refused,
    /// A bucket has nothing left, and nobody waits there.
    UsedUp,
    /// A bucket goes at a part of its rate, because the provider has refused calls.
    Slowed,
    /// A replica holds another policy than the one in force.
    OtherPolicy,
    /// A replica has not said lately that it lives.
    Silent,
    /// The books lag behind: what was used lately is not told.
    BooksLate,
    /// A limit that only observes has nothing left: it would refuse calls.
    WouldRefuse,
    /// The provider has named a limit that nobody has written into the policy yet.
    Learned,
    /// An override ends within a day.
    OverrideEnds,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Calls are held up or refused now.
    High,
    /// Calls are slower than they could be, or were refused lately.
    Medium,
    /// It is to be known.
    Low,
}

/// What an organisation has used lately, at the limit by which organisations are counted
/// ([`Policy::counting_per`](crate::Policy::counting_per)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Busy {
    /// Its name.
    pub org: String,
    /// Its calls that were granted.
    pub granted: u64,
    /// Tokens that they cost, less those that were given back.
    pub tokens: i64,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Paused,
        Self::PausedByHand,
        Self::Waiting,
        Self::EpochBegan,
        Self::Throttled,
        Self::Refused,
        Self::UsedUp,
        Self::Slowed,
        Self::OtherPolicy,
        Self::Silent,
        Self::BooksLate,
        Self::WouldRefuse,
        Self::Learned,
        Self::OverrideEnds,
    ];

    /// Its name for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::PausedByHand => "paused_by_hand",
            Self::Waiting => "waiting",
            Self::EpochBegan => "epoch_began",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::UsedUp => "used_up",
            Self::Slowed => "slowed",
            Self::OtherPolicy => "other_policy",
            Self::Silent => "silent",
            Self::BooksLate => "books_late",
            Self::WouldRefuse => "would_refuse",
            Self::Learned => "learned",
            Self::OverrideEnds => "override_ends",
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Paused | Self::PausedByHand | Self::Waiting | Self::EpochBegan => Severity::High,
            Self::Throttled
            | Self::Refused
            | Self::UsedUp
            | Self::Slowed
            | Self::OtherPolicy
            | Self::Silent => Severity::Medium,
            Self::BooksLate | Self::WouldRefuse | Self::Learned | Self::OverrideEnds => Severity::Low,
        }
    }
}

impl Severity {
    /// Its name for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl Finding {
    pub(super) fn of(kind: FindingKind, text: String) -> Self {
        Self {
            kind,
            limit: None,
            key: None,
            measure: None,
            replica: None,
            since_us: None,
            until_us: None,
            figures: BTreeMap::new(),
            busiest: Vec::new(),
            text,
            weight: 0,
        }
    }

    pub(super) fn at(mut self, limit: &str, key: Option<&str>, measure: Option<Measure>) -> Self {
        (self.limit, self.key, self.measure) = (Some(limit.to_owned()), key.map(str::to_owned), measure);
        self
    }

    pub(super) fn figure(mut self, name: &'static str, figure: u64) -> Self {
        self.figures.insert(name, figure);
        self
    }

    pub(super) fn weighing(mut self, weight: u64) -> Self {
        self.weight = weight;
        self
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// The severest first, and always in the same order.
    pub(super) fn order(&self) -> impl Ord + '_ {
        let place = (&self.limit, self.measure.map(Measure::suffix), &self.key, &self.replica);
        (self.severity(), self.kind, Reverse(self.weight), place)
    }
}
