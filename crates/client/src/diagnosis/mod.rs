//! Why calls are slow or refused: all that the store knows of it, in one answer.

mod buckets;
mod facts;
mod finding;
mod fleet;
mod usage;
mod words;

pub use finding::{Busy, Finding, FindingKind, Severity};

use self::facts::Facts;
use crate::error::Error;
use crate::gate::Tollgate;

/// Most findings of an answer.
const FINDINGS_MOST: usize = 100;

/// What a diagnosis is to be about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiagnosisQuery {
    /// What can hold up calls of this organisation: its own buckets, and those that it shares with others.
    pub org: Option<String>,
    /// Only this limit, beside what holds up all calls.
    pub limit: Option<String>,
}

/// What is wrong, as far as the store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The store's time when it was asked, in microseconds since 1970.
    pub now_us: u64,
    /// What was found, the severest first; nothing where nothing is wrong.
    pub findings: Vec<Finding>,
    /// Not everything was looked at, or not all that was found is told: there is too much.
    pub is_cut: bool,
}

impl Tollgate {
    /// Why calls are slow or refused: which buckets are paused, slowed down or used up and who waits there, who was
    /// refused lately, and what is wrong with the fleet and the policy. Only what the store knows; nothing is guessed.
    ///
    /// Of a namespace of more than some ten thousand buckets it is about a part of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    /// It only reads, unless the store has lost the policy: then it is given that back first.
    pub async fn diagnosis(&self, query: &DiagnosisQuery) -> Result<Diagnosis, Error> {
        let facts = Box::pin(Facts::gathered(self, query)).await?;
        Ok(facts.diagnosis())
    }
}

impl Facts {
    fn diagnosis(&self) -> Diagnosis {
        let mut findings = self.of_buckets();
        findings.extend(self.of_usage());
        findings.extend(self.of_the_fleet());
        findings.extend(self.of_the_policy());
        findings.sort_by(|one, other| one.order().cmp(&other.order()));
        let is_cut = self.is_cut || findings.len() > FINDINGS_MOST;
        findings.truncate(FINDINGS_MOST);
        Diagnosis { now_us: self.replicas.now_us, findings, is_cut }
    }
}
