//! A namespace under one policy, asked script by script: for tests that tell one story instead of many.

use std::rc::Rc;

use tollgate::embedded::Reply as Raw;
use tollgate::engine::{
    AcquireBatch, AcquireReply, BatchId, Begin, CallState, Calls, Keys, PolicyWrite, Repeated, Reply, Script,
    SettleBatch, Settlement, SettlementReply, Sweep, SweepReply, WriteMode,
};
use tollgate::policy::Path;
use tollgate::{Call, Policy};

use crate::lab::{Lab, State, keys_of};
use crate::program::Programs;
use crate::trace::{Run, Trace};

/// What the server's clock shows when a story begins.
pub(crate) const BEGINNING_US: u64 = 1_700_000_000_000_000;

/// One namespace on an embedded engine, and the trace that repeats its story elsewhere.
pub(crate) struct Namespace {
    pub(crate) lab: Lab,
    pub(crate) clock_us: u64,
    pub(crate) trace: Trace,
    policy: Rc<Policy>,
    fence: String,
    version: u64,
    batches: u64,
    /// How many server processes have answered before this one.
    failovers: usize,
}

impl Namespace {
    /// A namespace whose buckets are full. The document is all of the policy but its namespace.
    pub(crate) fn new(limits: &str) -> Self {
        Self::under(&Programs::in_force(), limits)
    }

    /// The same under programs that may be mutants.
    pub(crate) fn under(programs: &Programs, limits: &str) -> Self {
        let policy = policy_of(limits);
        let fence = format!("1-{}", policy.digest());
        let mut namespace = Self {
            lab: Lab::new(programs.clone()),
            clock_us: BEGINNING_US,
            trace: Trace::default(),
            policy,
            fence,
            version: 1,
            batches: 0,
            failovers: 0,
        };
        let argument = namespace.write();
        namespace.ask(Script::POLICY, argument);
        namespace
    }

    /// Another policy comes into force.
    pub(crate) fn change(&mut self, limits: &str) {
        let before = self.fence.clone();
        self.policy = policy_of(limits);
        self.version += 1;
        self.fence = format!("{}-{}", self.version, self.policy.digest());
        let argument = self.write_after(&before);
        self.ask(Script::POLICY, argument);
    }

    /// The argument that writes the policy for the first time.
    pub(crate) fn write(&self) -> Vec<u8> {
        self.write_after("")
    }

    /// The argument that writes the same policy once more, as the next version.
    pub(crate) fn write_next(&self) -> Vec<u8> {
        self.write_after(&self.fence)
    }

    fn write_after(&self, expected: &str) -> Vec<u8> {
        let write = PolicyWrite {
            mode: WriteMode::Put { expected },
            version: self.version,
            fence: &self.fence,
            document: &self.policy.to_json(),
            author: "story",
            reason: "to see what happens",
            seal: "secret",
            replica: "r0",
            learned: None,
        };
        write.encode("server", Begin::Full)
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn fence(&self) -> &str {
        &self.fence
    }

    pub(crate) fn path(&self, call: &Call) -> Path {
        self.policy.path(call).expect("a call that has a path")
    }

    /// Runs a script and notes it in the trace.
    pub(crate) fn run(&mut self, script: &'static Script, argument: Vec<u8>) -> Raw {
        let keys = self.lab.keys().clone();
        self.run_on(script, &keys_of(script.name(), &keys), argument)
    }

    /// Runs a script on these keys and notes it in the trace.
    pub(crate) fn run_on(&mut self, script: &'static Script, keys: &[&str], argument: Vec<u8>) -> Raw {
        let reply = self.lab.run(script.name(), keys, &[&argument], self.clock_us).expect("a reply");
        self.note(script.name(), keys, vec![argument], reply.clone());
        reply
    }

    /// Sends a batch.
    pub(crate) fn send(&mut self, batch: &AcquireBatch, argument: Vec<u8>) -> Raw {
        let keys = self.lab.keys().clone();
        self.run_on(Script::ACQUIRE, &batch.keys(&keys), argument)
    }

    /// Runs a script that answers.
    pub(crate) fn ask(&mut self, script: &'static Script, argument: Vec<u8>) -> Vec<u8> {
        match self.run(script, argument) {
            Raw::Bulk(reply) => reply,
            other => panic!("{} answered {other:?}", script.name()),
        }
    }

    /// From here on another server process answers acquires: a new epoch begins with the first of them.
    pub(crate) fn failover(&mut self) {
        self.failovers += 1;
    }

    /// The run id of the server process that answers.
    pub(crate) fn server(&self) -> String {
        format!("server{}", ".".repeat(self.failovers))
    }

    /// Makes what is stored something else.
    pub(crate) fn replace(&mut self, state: &State) {
        let keys = self.lab.keys().clone();
        for (program, key, args) in state.put_back(&keys) {
            let borrowed: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            let reply = self.lab.run(program, &[key], &borrowed, self.clock_us).expect("a reply");
            self.note(program, &[key], args, reply);
        }
    }

    /// Runs a script that is none of the product's on one of the keys.
    pub(crate) fn foreign(&mut self, script: &str, key: fn(&Keys) -> &str, argument: &str) {
        let keys = self.lab.keys().clone();
        self.lab.eval(script, key(&keys), argument.as_bytes());
    }

    fn note(&mut self, program: &'static str, keys: &[&str], args: Vec<Vec<u8>>, reply: Raw) {
        self.trace.runs.push(Run {
            program,
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            args,
            clock_us: self.clock_us,
            reply,
            after: self.lab.state(),
            story: String::new(),
        });
    }

    /// The argument that asks for a batch, sent for the first time.
    pub(crate) fn argument(&mut self, batch: &AcquireBatch) -> Vec<u8> {
        self.batches += 1;
        let server = self.server();
        let id = BatchId { answer: "r0:0", number: self.batches, server: &server };
        batch.encode(&id, Repeated::No, &self.policy, &self.fence)
    }

    /// Asks for equal calls.
    pub(crate) fn acquire(&mut self, call: &Call, calls: u32) -> AcquireReply {
        self.acquire_on(&self.path(call), calls)
    }

    /// Asks for equal calls on a path, none of which waits.
    pub(crate) fn acquire_on(&mut self, path: &Path, calls: u32) -> AcquireReply {
        self.ask_for(path, Calls::trying(calls))
    }

    /// Asks for equal calls on a path.
    pub(crate) fn ask_for(&mut self, path: &Path, calls: Calls) -> AcquireReply {
        let mut batch = AcquireBatch::default();
        batch.push(path, calls);
        let argument = self.argument(&batch);
        self.granted_by(&batch, argument)
    }

    /// Sends a batch that is decided on.
    pub(crate) fn granted_by(&mut self, batch: &AcquireBatch, argument: Vec<u8>) -> AcquireReply {
        let Raw::Bulk(reply) = self.send(batch, argument) else { panic!("no answer") };
        match batch.decode(&reply).expect("a reply") {
            Reply::Done(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Corrects what a call was charged that was granted at a time, to what it has really cost at each bucket of its
    /// path; by the terms of any policy.
    pub(crate) fn settle(&mut self, path: &Path, policy: &Policy, granted_at_us: u64, costs: &[u32]) {
        let mut batch = SettleBatch::default();
        let given_back = path.charges().zip(costs);
        let given_back =
            given_back.map(|((bucket, charged), &cost)| (bucket, i64::from(charged) - i64::from(cost)));
        batch.push(given_back, Settlement { permit: None, epoch: 0, granted_at_us, call: CallState::Over });
        self.batches += 1;
        let server = self.server();
        let id = BatchId { answer: "r0:s", number: self.batches, server: &server };
        let argument = batch.encode(&id, policy);
        let reply = batch.decode(&self.ask(Script::SETTLE, argument)).expect("a reply");
        assert_eq!(reply, Reply::Done(vec![SettlementReply::Settled]));
    }

    /// The argument that sweeps.
    pub(crate) fn sweeping(&self) -> Vec<u8> {
        Sweep.encode(&self.policy, &self.fence)
    }

    pub(crate) fn sweep(&mut self) -> SweepReply {
        match Sweep.decode(&self.ask(Script::SWEEP, self.sweeping())).expect("a reply") {
            Reply::Done(reply) => reply,
            other => panic!("{other:?}"),
        }
    }
}

fn policy_of(limits: &str) -> Rc<Policy> {
    Rc::new(Policy::from_toml(&format!("namespace = \"history\"\n{limits}")).expect("a policy"))
}
