//! A fleet: lives through a history on the embedded engine, is checked at every step, and leaves a trace.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use tollgate::embedded::StreamDump;
use tollgate::engine::Ticket;

use crate::history::{Event, History, Step};
use crate::judge::Judge;
use crate::lab::{Lab, State};
use crate::program::Programs;
use crate::replica::{Calls, Corrections, Held, Lane, Replica, Straggler, Told};
use crate::rules::Errand;
use crate::trace::Trace;

/// What the server's clock shows when a history begins.
const BEGINNING_US: u64 = 1_700_000_000_000_000;

/// Everything a history has brought about so far.
pub(crate) struct Fleet {
    pub(crate) watch: Watch,
    pub(crate) lab: Lab,
    /// A second engine, for what would happen if.
    pub(crate) fork: Lab,
    pub(crate) judge: Judge,
    pub(crate) clock_us: u64,
    /// The run id of the server process.
    pub(crate) server: String,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) lanes: Vec<Lane<Calls>>,
    pub(crate) settle_lanes: Vec<Lane<Corrections>>,
    pub(crate) stragglers: Vec<Straggler>,
    /// What waiting calls hold, by lane, errand and cost.
    pub(crate) tickets: HashMap<(usize, Errand, u32), Vec<Ticket>>,
    pub(crate) told: Vec<Told>,
    /// When the last refused call passes, in the namespace's time.
    pub(crate) come_back_us: Option<u64>,
    pub(crate) state: State,
    pub(crate) trace: Trace,
    /// Every policy there ever was, by its fence.
    pub(crate) library: BTreeMap<String, Rc<Held>>,
    copy: Option<State>,
    /// The judge's time is the namespace's plus this.
    pub(crate) shift_us: i64,
    /// The judge's time now.
    pub(crate) judged_us: u64,
}

/// What is looked at while a history goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Every answer, and for every refusal whether its wait is exact, which takes as long as all the rest.
    Everything,
    /// Every answer.
    Answers,
}

/// What was stored before a script ran, and what it answered.
pub(crate) struct Called {
    pub(crate) before: State,
    pub(crate) reply: Vec<u8>,
}

/// A history that went wrong: how far it came, and what was wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) complaint: String,
    pub(crate) trace: Trace,
}

impl Fleet {
    /// Lives through a history under programs that may be mutants.
    pub(crate) fn live(programs: &Programs, history: &History, watch: Watch) -> Result<Trace, Box<Failure>> {
        let held = Held::new(1, history.rules.clone());
        let mut fleet = Self::new(programs, held, watch);
        match fleet.all(history) {
            Ok(()) => Ok(fleet.trace),
            Err(complaint) => Err(Box::new(Failure { complaint, trace: fleet.trace })),
        }
    }

    fn new(programs: &Programs, held: Rc<Held>, watch: Watch) -> Self {
        let replica = Replica { held, epoch: 0 };
        Self {
            watch,
            lab: Lab::new(programs.clone()),
            fork: Lab::new(programs.clone()),
            judge: Judge::default(),
            clock_us: BEGINNING_US,
            server: "server-0".to_owned(),
            replicas: vec![replica.clone(), replica],
            lanes: vec![Lane::new("r0:0", 0), Lane::new("r0:1", 0), Lane::new("r1:0", 1)],
            settle_lanes: vec![Lane::new("r0:s", 0), Lane::new("r1:s", 1)],
            stragglers: Vec::new(),
            tickets: HashMap::new(),
            told: Vec::new(),
            come_back_us: None,
            state: State::default(),
            trace: Trace::default(),
            library: BTreeMap::new(),
            copy: None,
            shift_us: 0,
            judged_us: BEGINNING_US,
        }
    }

    fn all(&mut self, history: &History) -> Result<(), String> {
        self.begin(history.full)?;
        for event in &history.events {
            self.happen(event)?;
        }
        self.judge.verdict()?;
        self.counters_are_right()
    }

    fn happen(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Acquire { lane, asks, fate } => self.acquire(usize::from(*lane) % 3, asks, *fate),
            Event::Straggler => self.straggler_arrives(),
            Event::Settle { replica, corrections, fate } => {
                self.settle(usize::from(*replica) % 2, corrections, *fate)
            }
            Event::Peek { replica } => self.peek(usize::from(*replica) % 2),
            Event::List { limit } => self.list(*limit),
            Event::Sweep => self.sweep(),
            Event::Clock(step) => {
                self.turn_clock(*step);
                Ok(())
            }
            Event::Put { replica, rules, unseen } => self.put(usize::from(*replica) % 2, rules, *unseen),
            Event::Read { version } => self.read(u64::from(*version)).map(drop),
            Event::Lose { state, policy } => self.lose(*state, *policy),
            Event::Copy => {
                self.copy = Some(self.state.clone());
                self.trace.aside("a copy is made".to_owned());
                Ok(())
            }
            Event::Failover { to_copy } => self.fail_over(*to_copy),
        }
    }

    fn turn_clock(&mut self, step: Step) {
        let was_us = self.clock_us;
        self.clock_us = match step {
            Step::Forward(us) => was_us + us,
            Step::Back(us) => was_us - us,
            Step::ToTold(beside) => match (self.come_back_us, self.state.head()) {
                (Some(time_us), Some(head)) => {
                    let clock_us = (time_us - head.offset_us).saturating_add_signed(beside.into());
                    // A clock that has gone past it stays.
                    clock_us.max(was_us)
                }
                _ => was_us,
            },
        };
        let moved_us = self.clock_us.cast_signed() - was_us.cast_signed();
        self.trace.aside(format!("the clock moves by {moved_us} us"));
    }

    fn lose(&mut self, state: bool, policy: bool) -> Result<(), String> {
        let lost = State {
            state: if state { Vec::new() } else { self.state.state.clone() },
            policy: if policy { Vec::new() } else { self.state.policy.clone() },
            // Whoever flushes a server spares nothing.
            usage: if state && policy { Vec::new() } else { self.state.usage.clone() },
            audit: if state && policy { StreamDump::default() } else { self.state.audit.clone() },
            calls: if state && policy { StreamDump::default() } else { self.state.calls.clone() },
            // Random histories make none.
            keys: Vec::new(),
        };
        self.replace(&lost, "lost")
    }

    fn fail_over(&mut self, to_copy: bool) -> Result<(), String> {
        self.server = format!("server-{}", self.trace.runs.len());
        // Their connection leads to a process that is gone.
        self.stragglers.clear();
        self.trace.aside(format!("{} takes over", self.server));
        match self.copy.clone().filter(|_| to_copy) {
            Some(copy) => self.replace(&copy, "as in the copy"),
            None => Ok(()),
        }
    }
}
