//! What a fleet does about its policy: put it, read it, take it over, give it back to a store that has lost it.

use std::rc::Rc;

use tollgate::engine::{Begin, PolicyRead, PolicyRecord, PolicyWrite, Reply, Script, WriteMode, WriteReply};

use crate::fleet::{Called, Fleet};
use crate::replica::Held;
use crate::rules::Rules;

/// Replicas that write at the same moment meet again; more than a few times in a row they don't.
const TRIES: usize = 5;

impl Fleet {
    /// Writes the first policy.
    pub(crate) fn begin(&mut self, full: bool) -> Result<(), String> {
        let held = Rc::clone(&self.replicas[0].held);
        let begin = if full { Begin::Full } else { Begin::Empty };
        match self.write_policy(&held, WriteMode::Put { expected: "" }, begin)? {
            WriteReply::Written(fence) if fence == held.fence => Ok(()),
            other => Err(format!("POLICY: the first one was answered {other:?}")),
        }
    }

    /// A replica writes a policy as the successor of its own, or of none there ever was.
    pub(crate) fn put(&mut self, replica: usize, rules: &Rules, unseen: bool) -> Result<(), String> {
        let held = Rc::clone(&self.replicas[replica].held);
        let next = Held::new(held.version + 1, rules.clone());
        let expected = if unseen { "7-unseen" } else { held.fence.as_str() };
        let before = self.state.clone();
        match self.write_policy(&next, WriteMode::Put { expected }, Begin::Empty)? {
            WriteReply::Written(fence) if fence == next.fence && !unseen => {
                self.replicas[replica].held = next;
                Ok(())
            }
            WriteReply::Conflict(current) if current != expected => {
                self.unchanged_since(&before, "a conflict")?;
                self.renew(replica)
            }
            other => Err(format!("POLICY: {} after {expected} was answered {other:?}", next.fence)),
        }
    }

    /// A replica takes over the store's policy, or gives its own back.
    pub(crate) fn renew(&mut self, replica: usize) -> Result<(), String> {
        for _ in 0..TRIES {
            let held = Rc::clone(&self.replicas[replica].held);
            if let Some(stored) = self.read(0)?
                && stored.version >= held.version
                && stored.fence != held.fence
            {
                self.replicas[replica].held = self.known(&stored.fence);
                return Ok(());
            }
            let mode = WriteMode::Restore { epoch: self.replicas[replica].epoch };
            if self.write_policy(&held, mode, Begin::Empty)? == WriteReply::Written(held.fence.clone()) {
                return Ok(());
            }
        }
        Err(format!("POLICY: replica {replica} could not agree with the store"))
    }

    /// Reads a policy, 0 for the one in force.
    pub(crate) fn read(&mut self, version: u64) -> Result<Option<PolicyRecord>, String> {
        let question = PolicyRead((version > 0).then_some(version));
        let called = self.call(Script::POLICY_READ, question.encode())?;
        let reply = question.decode(&called.reply).map_err(|error| error.to_string())?;
        self.unchanged_since(&called.before, "reading a policy")?;
        let record = match reply {
            Reply::Done(record) => Some(record),
            _ => None,
        };
        self.tell(format!("version {version}: {:?}", record.as_ref().map(|record| &record.fence)));
        Ok(record)
    }

    /// Writes a policy.
    pub(crate) fn write(&mut self, write: &PolicyWrite<'_>, begin: Begin) -> Result<Called, String> {
        self.call(Script::POLICY, write.encode(&self.server.clone(), begin))
    }

    fn write_policy(
        &mut self,
        held: &Rc<Held>,
        mode: WriteMode<'_>,
        begin: Begin,
    ) -> Result<WriteReply, String> {
        self.keep(held);
        let write = PolicyWrite {
            mode,
            version: held.version,
            fence: &held.fence,
            document: &held.document,
            author: "history",
            reason: "to see what happens",
            seal: "secret",
            replica: "r0",
            learned: (held.version % 3 == 2).then_some("org"),
        };
        let called = self.write(&write, begin)?;
        let reply = PolicyWrite::decode(&called.reply).map_err(|error| error.to_string())?;
        self.tell(format!("{mode:?} {begin:?} {}: {} -> {reply:?}", held.fence, held.rules));
        Ok(reply)
    }
}
