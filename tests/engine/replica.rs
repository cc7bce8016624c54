//! The replicas of a fleet, as far as the store can tell: what each holds, and what it has under way.

use std::rc::Rc;

use tollgate::engine::{AcquireBatch, BatchId, Repeated, SettleBatch};
use tollgate::policy::Path;
use tollgate::{Call, Policy, Priority};

use crate::rules::{Errand, Rules};

/// A policy that somebody has read or written.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) version: u64,
    pub(crate) fence: String,
    pub(crate) document: String,
    pub(crate) rules: Rules,
    pub(crate) policy: Policy,
}

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) held: Rc<Held>,
    /// The last epoch it was told.
    pub(crate) epoch: u64,
}

/// A name under which batches are answered once, each in its turn, and the batch that has no answer yet.
#[derive(Clone, Debug)]
pub(crate) struct Lane<B> {
    pub(crate) answer: String,
    pub(crate) replica: usize,
    pub(crate) number: u64,
    pub(crate) pending: Option<B>,
}

/// A batch of calls, with the policy that their paths were found by.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(crate) batch: AcquireBatch,
    /// What each entry is for.
    pub(crate) errands: Vec<Errand>,
    /// Tokens that each of its calls costs.
    pub(crate) costs: Vec<u32>,
    pub(crate) held: Rc<Held>,
    pub(crate) number: u64,
}

/// A batch of corrections, and what each is about.
#[derive(Clone, Debug)]
pub(crate) struct Corrections {
    pub(crate) batch: SettleBatch,
    pub(crate) about: Vec<About>,
    pub(crate) held: Rc<Held>,
    pub(crate) number: u64,
}

/// What a correction is about: a grant, by its place among those told, what is given back, and by which name.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) told: usize,
    pub(crate) give_back: i64,
    pub(crate) name: Option<String>,
}

/// A batch that is held up on its way.
#[derive(Clone, Debug)]
pub(crate) struct Straggler {
    pub(crate) lane: usize,
    pub(crate) calls: Calls,
    pub(crate) argument: Vec<u8>,
    pub(crate) repeated: Repeated,
}

/// A grant that somebody was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Its number with the judge.
    pub(crate) grant: usize,
    pub(crate) errand: Errand,
    pub(crate) cost: u32,
    pub(crate) epoch: u64,
    pub(crate) at_us: u64,
    /// An observed limit would have refused it, and did not charge it.
    pub(crate) over: bool,
    /// The buckets on its path.
    pub(crate) buckets: Vec<String>,
    pub(crate) settled: Settled,
    /// Under this name it is charged or settled once.
    pub(crate) name: Option<String>,
}

/// Whether a grant may be settled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Not,
    /// By somebody who comes once.
    Once,
    /// By its name, which may come again.
    ByName,
}

impl Held {
    pub(crate) fn new(version: u64, rules: Rules) -> Rc<Self> {
        let policy = Policy::from_toml(&rules.to_toml()).expect("rules that make a policy");
        let fence = format!("{version}-{}", policy.digest());
        Rc::new(Self { version, fence, document: policy.to_json(), rules, policy })
    }

    /// The path of a call, if it can pass at all.
    pub(crate) fn path(&self, errand: Errand, cost: u32) -> Option<Path> {
        let call = Call::get(errand.route()).org(errand.org).client(errand.client).cost(cost);
        let call = call.priority(if errand.urgent { Priority::Interactive } else { Priority::Batch });
        self.policy.path(&call).ok()
    }
}

impl<B> Lane<B> {
    pub(crate) fn new(answer: &str, replica: usize) -> Self {
        Self { answer: answer.to_owned(), replica, number: 0, pending: None }
    }
}

impl Calls {
    pub(crate) fn argument(&self, answer: &str, server: &str, repeated: Repeated) -> Vec<u8> {
        let id = BatchId { answer, number: self.number, server };
        self.batch.encode(&id, repeated, &self.held.policy, &self.held.fence)
    }
}

impl Corrections {
    pub(crate) fn argument(&self, answer: &str, server: &str) -> Vec<u8> {
        let id = BatchId { answer, number: self.number, server };
        self.batch.encode(&id, &self.held.policy)
    }
}
