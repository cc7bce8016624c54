//! What a namespace has in its store, asked for and written directly, past the dispatcher.

use std::sync::Arc;

use crate::change::Change;
use crate::engine::{
    Announce, AuditRead, AuditReply, BackOff, BackOffReply, Begin, BucketsPage, BucketsReply, EpisodesPage,
    EpisodesReply, Foresee, ForeseeReply, Hold, HoldReply, Keys, Lower, Peek, PeekReply, PolicyRead,
    PolicyRecord, PolicyWrite, Remove, ReplicasRead, ReplicasReply, Reply, Script, UsageRead, UsageReply,
    VersionRecord, Versions, WaitersPage, WaitersReply, WriteMode, WriteReply,
};
use crate::identity;
use crate::in_force::{InForce, fence};
use crate::policy::Policy;
use crate::store::{Store, StoreError};

/// A namespace and its store.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    pub(crate) store: Arc<Store>,
    pub(crate) keys: Keys,
    /// The name of this replica, which nobody else has.
    pub(crate) replica: String,
}

impl Library {
    /// A policy, `None` for the one in force.
    pub(crate) async fn read(&self, version: Option<u64>) -> Result<Option<PolicyRecord>, StoreError> {
        let read = PolicyRead(version);
        let reply = self.ask(Script::POLICY_READ, |_| read.encode()).await?;
        match read.decode(&reply).map_err(|error| StoreError::answer(Script::POLICY_READ, &error))? {
            Reply::Done(record) => Ok(Some(record)),
            _ => Ok(None),
        }
    }

    /// The versions of the policy that are kept.
    pub(crate) async fn versions(&self, question: Versions) -> Result<Reply<Vec<VersionRecord>>, StoreError> {
        let reply = self.ask(Script::VERSIONS, |_| question.encode()).await?;
        Versions::decode(&reply).map_err(|error| StoreError::answer(Script::VERSIONS, &error))
    }

    /// Pages of the books.
    pub(crate) async fn usage(&self, read: UsageRead<'_>) -> Result<UsageReply, StoreError> {
        let reply = self.ask(Script::USAGE, |_| read.encode()).await?;
        match UsageRead::decode(&reply).map_err(|error| StoreError::answer(Script::USAGE, &error))? {
            Reply::Done(reply) => Ok(reply),
            other => {
                let detail = format!("answered {other:?}");
                Err(StoreError::Answer { script: Script::USAGE.name(), detail })
            }
        }
    }

    /// What buckets owe, or whether the policy is still the same.
    pub(crate) async fn peek(
        &self,
        question: &Peek,
        in_force: &InForce,
    ) -> Result<Reply<PeekReply>, StoreError> {
        let argument = |server: &str| question.encode(&in_force.policy, in_force.fence(), server);
        let reply = self.ask(Script::PEEK, argument).await?;
        question.decode(&reply).map_err(|error| StoreError::answer(Script::PEEK, &error))
    }

    /// What buckets owe under the policy in force, and would owe if `then` came after it now.
    pub(crate) async fn foresee(
        &self,
        question: &Foresee,
        in_force: &InForce,
        then: &Policy,
    ) -> Result<Reply<ForeseeReply>, StoreError> {
        let argument = |server: &str| question.encode([&in_force.policy, then], in_force.fence(), server);
        let reply = self.ask(Script::FORESEE, argument).await?;
        question.decode(&reply).map_err(|error| StoreError::answer(Script::FORESEE, &error))
    }

    /// Takes up that the provider has refused a call. Told again after a lost answer it may end the pause later, by as
    /// much as it comes later, and counts as one more refusal in the audit trail; it changes nothing else.
    pub(crate) async fn back_off(
        &self,
        refused: &BackOff,
        in_force: &InForce,
    ) -> Result<Reply<BackOffReply>, StoreError> {
        let argument = |server: &str| refused.encode(&in_force.policy, in_force.fence(), server);
        let reply = self.ask(Script::BACK_OFF, argument).await?;
        refused.decode(&reply).map_err(|error| StoreError::answer(Script::BACK_OFF, &error))
    }

    /// Takes up what the provider has said is left of its quotas. Told again it changes nothing more.
    pub(crate) async fn lower(&self, left: &Lower, in_force: &InForce) -> Result<Reply<u64>, StoreError> {
        let argument = |server: &str| left.encode(&in_force.policy, in_force.fence(), server);
        let reply = self.ask(Script::LOWER, argument).await?;
        Lower::decode(&reply).map_err(|error| StoreError::answer(Script::LOWER, &error))
    }

    /// Pauses a bucket because an operator says so, or ends its pause. Told again after a lost answer it may end the
    /// pause later, by as much as it comes later, and is told once more in the audit trail.
    pub(crate) async fn hold(&self, hold: &Hold, in_force: &InForce) -> Result<Reply<HoldReply>, StoreError> {
        let argument = |server: &str| hold.encode(&in_force.policy, in_force.fence(), server);
        let reply = self.ask(Script::PAUSE, argument).await?;
        Hold::decode(&reply).map_err(|error| StoreError::answer(Script::PAUSE, &error))
    }

    /// A page of the buckets that have a record.
    pub(crate) async fn page(&self, page: &BucketsPage<'_>) -> Result<Reply<BucketsReply>, StoreError> {
        let reply = self.ask(Script::LIST, |_| page.encode()).await?;
        BucketsPage::decode(&reply).map_err(|error| StoreError::answer(Script::LIST, &error))
    }

    /// A page of those who wait.
    pub(crate) async fn waiters(&self, page: &WaitersPage<'_>) -> Result<Reply<WaitersReply>, StoreError> {
        let reply = self.ask(Script::WAITERS, |_| page.encode()).await?;
        WaitersPage::decode(&reply).map_err(|error| StoreError::answer(Script::WAITERS, &error))
    }

    /// Says that a replica lives, or that it ends. Whether it is noted.
    pub(crate) async fn announce(&self, announce: &Announce<'_>) -> Result<Reply<bool>, StoreError> {
        let reply = self.ask(Script::ANNOUNCE, |_| announce.encode()).await?;
        Announce::decode(&reply).map_err(|error| StoreError::answer(Script::ANNOUNCE, &error))
    }

    /// Which replicas there are.
    pub(crate) async fn replicas(&self, read: ReplicasRead) -> Result<Reply<ReplicasReply>, StoreError> {
        let reply = self.ask(Script::REPLICAS, |_| read.encode()).await?;
        ReplicasRead::decode(&reply).map_err(|error| StoreError::answer(Script::REPLICAS, &error))
    }

    /// A page of the throttling episodes that go on.
    pub(crate) async fn episodes(&self, page: &EpisodesPage<'_>) -> Result<Reply<EpisodesReply>, StoreError> {
        let reply = self.ask(Script::EPISODES, |_| page.encode()).await?;
        EpisodesPage::decode(&reply).map_err(|error| StoreError::answer(Script::EPISODES, &error))
    }

    /// Removes all that is stored of the namespace. Whether there was anything.
    pub(crate) async fn remove(&self) -> Result<bool, StoreError> {
        let session = self.store.session().await?;
        let keys = self.keys.of_script(Script::REMOVE.name());
        let reply = session.call(Script::REMOVE, &keys, &Remove.encode()).await?;
        let reply = Remove.decode(&reply).map_err(|error| StoreError::answer(Script::REMOVE, &error))?;
        Ok(matches!(reply, Reply::Done(())))
    }

    /// A part of the audit trail.
    pub(crate) async fn audit(&self, read: &AuditRead) -> Result<AuditReply, StoreError> {
        let reply = self.ask(Script::AUDIT, |_| read.encode()).await?;
        match AuditRead::decode(&reply).map_err(|error| StoreError::answer(Script::AUDIT, &error))? {
            Reply::Done(reply) => Ok(reply),
            other => {
                let detail = format!("answered {other:?}");
                Err(StoreError::Answer { script: Script::AUDIT.name(), detail })
            }
        }
    }

    /// Runs a script that may be run twice. Where the connection turns out to be broken it is run again on another one.
    pub(crate) async fn ask(
        &self,
        script: &Script,
        argument: impl Fn(&str) -> Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let session = self.store.session().await?;
        let keys = self.keys.of_script(script.name());
        match session.call(script, &keys, &argument(session.server())).await {
            Err(StoreError::Unreachable { .. }) => {
                let session = self.store.session().await?;
                session.call(script, &keys, &argument(session.server())).await
            }
            reply => reply,
        }
    }

    /// Writes a policy as the successor of `after`. `begin` is for a namespace without state, `learned` the limit that
    /// the policy has learned by it, if it has.
    pub(crate) async fn put(
        &self,
        policy: &Policy,
        after: Option<&PolicyRecord>,
        change: &Change,
        (begin, learned): (Begin, Option<&str>),
    ) -> Result<WriteReply, StoreError> {
        let version = after.map_or(0, |record| record.version) + 1;
        let write = PolicyWrite {
            mode: WriteMode::Put { expected: after.map_or("", |record| &record.fence) },
            version,
            fence: &fence(version, policy),
            document: &policy.to_json(),
            author: &change.author,
            reason: &change.reason,
            seal: &identity::random(),
            replica: &self.replica,
            learned,
        };
        self.write(write, begin).await
    }

    /// Gives a policy back to a store that has lost it.
    pub(crate) async fn restore(&self, record: &PolicyRecord, epoch: u64) -> Result<WriteReply, StoreError> {
        let write = PolicyWrite {
            mode: WriteMode::Restore { epoch },
            version: record.version,
            fence: &record.fence,
            document: &record.document,
            author: &record.author,
            reason: &record.reason,
            seal: &record.seal,
            replica: &self.replica,
            learned: None,
        };
        self.write(write, Begin::Empty).await
    }

    async fn write(&self, write: PolicyWrite<'_>, begin: Begin) -> Result<WriteReply, StoreError> {
        let session = self.store.session().await?;
        let keys = self.keys.of_script(Script::POLICY.name());
        let argument = write.encode(session.server(), begin);
        let reply = session.call(Script::POLICY, &keys, &argument).await?;
        PolicyWrite::decode(&reply).map_err(|error| StoreError::answer(Script::POLICY, &error))
    }
}
