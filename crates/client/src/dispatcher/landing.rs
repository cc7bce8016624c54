//! What becomes of a batch that has come back: calls are told, or wait on.

use std::sync::Arc;
use std::time::Duration;

use super::cargo::{Acquires, Settlements};
use super::flight::Landed;
use super::grant::{Charge, Grant};
use super::lease::{Lease, Leases};
use super::party::Party;
use super::told::Told;
use super::{Dispatcher, Event, REPORT_WITHIN, Upkeep, WATCH_EVERY};
use crate::clock;
use crate::engine::{self, AcquireReply, Reply, Script, SettlementReply};
use crate::error::Error;
use crate::in_force::InForce;
use crate::policy::Path;
use crate::store::StoreError;

/// Pause after the policy could not be read or restored.
const RENEW_AGAIN: Duration = Duration::from_millis(50);

impl Dispatcher {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Acquired(landed) => self.land_acquires(landed),
            Event::Settled(landed) => self.land_settlements(landed),
            Event::Kept(result) => self.land_upkeep(result),
        }
    }

    fn land_acquires(&mut self, landed: Landed<Acquires>) {
        let Landed { lane, mut cargo, reply, took } = landed;
        self.lanes.land(lane, took);
        let reply = reply.and_then(|reply| {
            cargo.batch.decode(&reply).map_err(|error| StoreError::answer(Script::ACQUIRE, &error))
        });
        match reply {
            Ok(Reply::Done(reply)) => {
                self.keeper.saw_epoch(reply.epoch);
                for (index, party) in std::mem::take(&mut cargo.parties).into_iter().enumerate() {
                    self.land_party(party, index, &cargo, &reply);
                }
            }
            // The namespace is gone, and nobody asks for anything that would bring it back: there is nothing to be
            // counted in.
            Ok(Reply::Lost) if cargo.parties.is_empty() => {}
            // Nothing was charged: the calls are asked for again, under the policy that is in force then.
            Ok(Reply::Stale { .. } | Reply::Lost) => {
                self.report_again(&mut cargo);
                if Arc::ptr_eq(&cargo.in_force, &self.in_force) {
                    self.renew();
                }
                for party in cargo.parties {
                    self.ask_again(party, &cargo.in_force);
                }
            }
            Ok(Reply::Superseded) => self.fail(cargo, &StoreError::superseded(Script::ACQUIRE)),
            Err(error) => {
                // Where no answer came it may have been counted: rather not at all than twice.
                if !error.is_unanswered() {
                    self.report_again(&mut cargo);
                }
                self.fail(cargo, &error);
            }
        }
    }

    /// Keeps what a batch has told in vain for a later one.
    fn report_again(&mut self, cargo: &mut Acquires) {
        let reports = cargo.batch.take_reports();
        if !reports.is_empty() {
            self.reports.put_back(reports);
            self.report_by = Some(clock::now() + REPORT_WITHIN);
        }
    }

    fn ask_again(&mut self, party: Party, asked_under: &Arc<InForce>) {
        if Arc::ptr_eq(asked_under, &self.in_force) {
            self.waiting.release(party.line, party.left());
        } else {
            self.waiting.dissolve(party.line, party.requests);
        }
    }

    /// Tells the calls of a batch that they were not decided on. Who came into their lines meanwhile is asked for next.
    fn fail(&mut self, cargo: Acquires, error: &StoreError) {
        for mut party in cargo.parties {
            for request in party.requests.drain(..) {
                request.answer(Err(Error::Store(error.clone())));
            }
            self.ask_again(party, &cargo.in_force);
        }
    }

    /// Tells the calls of one entry: those that wait longest are granted, the rest waits on.
    fn land_party(&mut self, mut party: Party, index: usize, cargo: &Acquires, reply: &AcquireReply) {
        let entry = &reply.entries[index];
        let path: Vec<_> = cargo.batch.path(index).collect();
        let debts: Arc<[u64]> = path.iter().map(|&bucket| reply.debts[bucket]).collect();
        // Without a sender left there is no caller left either.
        let Some(outbox) = self.ways.outbox.upgrade() else { return };
        let charge = Charge {
            path: Arc::clone(&party.path),
            generation: cargo.in_force.generation(),
            debts: Arc::clone(&debts),
            cost: party.path.cost(),
            epoch: reply.epoch,
            granted_at_us: reply.now_us,
            name: party.name.clone(),
            leases: entry.leases.iter().filter_map(|&leases| leases_at(&party.path, leases)).collect(),
            meters: Arc::clone(cargo.in_force.meters()),
            outbox,
        };
        let grants = party.grants(&Arc::new(charge), entry.granted, entry.over);
        for grant in &grants {
            self.hold(grant);
        }
        party.hand_out(grants);
        party.tickets.clone_from(&entry.tickets);
        let Some(by) = entry.by.and_then(|by| path.iter().position(|&bucket| bucket == by)) else {
            if party.is_told() {
                self.waiting.goes_on(party.line);
            }
            return self.ask_again(party, &cargo.in_force);
        };
        // It may have been decided before the pause was ended of which those who wait have been told since.
        if cargo.eased_us != self.keeper.eased_us() {
            return self.ask_again(party, &cargo.in_force);
        }
        let told = Told {
            at: clock::now(),
            path: Arc::clone(&party.path),
            debts,
            by,
            wait: Duration::from_micros(entry.wait_us),
            way: self.lanes.way().unwrap_or_default(),
            crowded: entry.crowded,
            meters: Arc::clone(cargo.in_force.meters()),
        };
        if Arc::ptr_eq(&cargo.in_force, &self.in_force) {
            self.waiting.park(party.line, party.left(), told);
        } else {
            self.waiting.dissolve(party.line, party.requests);
        }
    }

    /// Renews what a call holds that was granted, from now on, until its grant tells that it is over or handed over.
    fn hold(&mut self, grant: &Grant) {
        let now = clock::now();
        grant.leases().into_iter().for_each(|lease| self.held.add(lease, now));
    }

    fn land_settlements(&mut self, landed: Landed<Settlements>) {
        let Landed { lane, cargo, reply, .. } = landed;
        self.settle_lane = Some(lane);
        let reply = reply.and_then(|reply| {
            cargo.batch.decode(&reply).map_err(|error| StoreError::answer(Script::SETTLE, &error))
        });
        let outcomes = match reply {
            Ok(Reply::Done(outcomes)) => outcomes.into_iter().map(Ok).collect(),
            // With the state the charges are lost too: there is nothing to correct.
            Ok(Reply::Lost | Reply::Stale { .. }) => vec![Ok(SettlementReply::Settled); cargo.requests.len()],
            Ok(Reply::Superseded) => vec![Err(StoreError::superseded(Script::SETTLE)); cargo.requests.len()],
            Err(error) => vec![Err(error); cargo.requests.len()],
        };
        for (request, outcome) in cargo.requests.into_iter().zip(outcomes) {
            // Whoever waits for the end of a call need not wait for its time to look.
            request.ended_leases().iter().for_each(|lease| self.waiting.look_again(&lease.bucket));
            let outcome = outcome.map_err(Error::Store);
            self.keeper.meters().corrections.count(request.purpose, &outcome);
            if let Some(reply) = request.reply {
                let _ = reply.send(outcome);
            }
        }
    }

    fn land_upkeep(&mut self, result: Result<(), Error>) {
        let now = clock::now();
        match result {
            Ok(()) => self.upkeep = Upkeep::Idle { watch_at: now + WATCH_EVERY },
            Err(error) => {
                tracing::warn!(%error, "the policy can't be read from the store");
                let passing = matches!(&error, Error::Store(error) if error.is_unanswered());
                if matches!(self.upkeep, Upkeep::Renewing) && !passing {
                    self.waiting.fail_ready(&error);
                }
                self.upkeep = Upkeep::Failed { again_at: now + RENEW_AGAIN };
            }
        }
    }
}

/// The leases at the bucket that stands in a place on the path.
fn leases_at(path: &Path, told: engine::Leases) -> Option<Leases> {
    let bucket = path.buckets().get(usize::try_from(told.place).ok()?.checked_sub(1)?)?;
    Some(Leases { first: Lease { bucket: bucket.clone(), id: told.first }, calls: told.calls })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::dispatcher::flight::Cargo;
    use crate::dispatcher::{Answer, Doors, LineKey, Notice, Patience, Request, Setup, ways};
    use crate::embedded::Clock;
    use crate::engine::{EntryReply, Keys, PolicyRecord, Repeated};
    use crate::in_force::Current;
    use crate::keeper::Keeper;
    use crate::library::Library;
    use crate::policy::Policy;
    use crate::store::Store;
    use tokio::sync::oneshot;

    fn in_force(version: u64, limits: &str) -> InForce {
        let policy = Policy::from_toml(&format!("namespace = 'test'\n{limits}")).unwrap();
        let text = String::new;
        let record = PolicyRecord {
            version,
            fence: crate::in_force::fence(version, &policy),
            written_at_us: 0,
            author: text(),
            reason: text(),
            document: policy.to_json(),
            seal: text(),
        };
        InForce::compile(record, &Arc::default()).unwrap()
    }

    fn request(in_force: &InForce) -> (Request, oneshot::Receiver<Result<Answer, Error>>) {
        request_for(in_force, &Call::get("/").org("acme"))
    }

    fn request_for(in_force: &InForce, call: &Call) -> (Request, oneshot::Receiver<Result<Answer, Error>>) {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            line: LineKey {
                generation: in_force.generation(),
                path: Arc::new(in_force.policy.path(call).unwrap()),
                waits: true,
                name: None,
            },
            patience: Patience::Endless,
            queued_at: clock::now(),
            reply,
            place: None,
            held_by: None,
        };
        (request, answer)
    }

    /// A dispatcher under a policy, on a store that knows nothing of it.
    fn dispatcher(held: InForce) -> (Dispatcher, Current, Doors) {
        let current = Arc::new(arc_swap::ArcSwap::from_pointee(held));
        let store = Arc::new(Store::embedded(Clock::System));
        let keys = Keys::of("test");
        let replica = "r".to_owned();
        let library = Library { store: Arc::clone(&store), keys: keys.clone(), replica: replica.clone() };
        let keeper = Arc::new(Keeper::new(library, Arc::clone(&current), Arc::default()));
        let (doors, ways) = ways();
        let timeout = Duration::from_secs(1);
        let setup = Setup {
            store,
            keys,
            current: Arc::clone(&current),
            keeper,
            replica,
            timeout,
            waiting_most: 1_000,
            reports: Arc::default(),
        };
        (Dispatcher::new(setup, ways), current, doors)
    }

    /// Goal: no call is asked for with the buckets of a policy that is no longer in force. Method: a call comes into a
    /// line while a batch with its calls is on its way, the policy changes, and the batch fails. The call once stood
    /// ready then, and went with the next batch as if its path were of the new policy.
    #[tokio::test]
    async fn a_call_behind_a_batch_that_fails_is_resolved_anew_after_a_change() {
        let held = in_force(1, "[[limit]]\nname = 'org'\nper = ['org']\nrate = '1/s'");
        let (first, first_answer) = request(&held);
        let (second, mut second_answer) = request(&held);
        let (mut dispatcher, current, _doors) = dispatcher(held);

        dispatcher.join(first);
        let mut cargo = Acquires::new(Arc::clone(&dispatcher.in_force), 0);
        cargo.push(dispatcher.waiting.next_party().unwrap(), clock::now());
        dispatcher.join(second);
        current.store(Arc::new(in_force(2, "")));
        dispatcher.follow_policy();
        let lane = dispatcher.lanes.take(clock::now()).unwrap();
        let reply = Err(StoreError::NotWritable { detail: "OOM".to_owned() });
        dispatcher.land_acquires(Landed { lane, cargo, reply, took: None });

        assert!(matches!(first_answer.await, Ok(Err(Error::Store(_)))));
        assert!(matches!(second_answer.try_recv(), Ok(Ok(Answer::Outdated))));
        assert!(!dispatcher.waiting.has_ready());
    }

    /// What the store says of a call that has to wait for an hour.
    fn in_an_hour() -> AcquireReply {
        let entry = EntryReply {
            granted: 0,
            wait_us: 3_600_000_000,
            by: Some(0),
            crowded: false,
            over: 0,
            leases: Vec::new(),
            tickets: Vec::new(),
        };
        AcquireReply { now_us: 1, epoch: 0, entries: vec![entry], debts: vec![0] }
    }

    /// Goal: G8, the end of a pause reaches also the call whose batch was decided before it and answered after it was
    /// heard of: it once slept through the whole pause. And ends are told apart by what they are, not by which is
    /// later: after a loss of the store's state they are earlier. Method: the batch of a call comes back to a
    /// dispatcher that hears of ends at the moments that matter.
    #[tokio::test]
    async fn the_end_of_a_pause_reaches_a_call_that_is_on_its_way() {
        let held = in_force(1, "[[limit]]\nname = 'org'\nper = ['org']\nrate = '1/s'");
        let (call, _answer) = request(&held);
        let (mut dispatcher, _, _doors) = dispatcher(held);
        dispatcher.join(call);
        let asks = |dispatcher: &mut Dispatcher, meanwhile: &[u64]| {
            dispatcher.follow_operators(clock::now());
            let mut cargo = Acquires::new(Arc::clone(&dispatcher.in_force), dispatcher.eased_us);
            let party = dispatcher.waiting.next_party().unwrap();
            cargo.batch.push(&party.path, party.calls(clock::now()));
            for &eased_us in meanwhile {
                dispatcher.keeper.saw_eased(eased_us);
                dispatcher.follow_operators(clock::now());
            }
            dispatcher.land_party(party, 0, &cargo, &in_an_hour());
            dispatcher.waiting.has_ready()
        };
        assert!(asks(&mut dispatcher, &[7]), "what is on its way has not heard of it");
        assert!(!asks(&mut dispatcher, &[]), "nothing has happened since");
        for eased_us in [8, 3] {
            dispatcher.keeper.saw_eased(eased_us);
            dispatcher.follow_operators(clock::now());
            assert!(dispatcher.waiting.has_ready(), "who waits hears of {eased_us}");
            assert!(!asks(&mut dispatcher, &[]), "once");
        }
    }

    /// What is told of each call, in a limit per organisation and client.
    const TOLD: &str =
        "record_calls = ['acme']\n[[limit]]\nname = 'org'\nper = ['org', 'client']\nrate = '1/s'";

    /// Goal: a grant is of the call of which it is told. Method: of three calls that are told one by one the first
    /// caller goes while the batch is on its way, and may have been granted; two are granted.
    #[tokio::test]
    async fn a_grant_that_is_told_of_a_caller_who_has_gone_is_nobody_elses() {
        let held = in_force(1, TOLD);
        let [first, second, third] =
            ["/a", "/b", "/c"].map(|route| request_for(&held, &Call::get(route).org("acme").client("app")));
        let (mut dispatcher, _, _doors) = dispatcher(held);
        let (gone, mut granted, mut waits) = (first.1, second.1, third.1);
        for request in [first.0, second.0, third.0] {
            dispatcher.join(request);
        }
        let mut cargo = dispatcher.next_calls(clock::now());
        drop(gone);
        assert!(cargo.trim(Repeated::Yes));
        let entry = &cargo.batch.entries()[0];
        assert_eq!((cargo.told, entry.told(), entry.calls.count), (3, 3, 3));
        let mut reply = in_an_hour();
        reply.entries[0].granted = 2;
        let party = cargo.parties.pop().unwrap();
        dispatcher.land_party(party, 0, &cargo, &reply);
        assert!(matches!(granted.try_recv(), Ok(Ok(Answer::Granted(..)))));
        assert!(waits.try_recv().is_err(), "it waits on");
        assert!(
            matches!(dispatcher.ways.notices.try_recv(), Ok(Notice::Settle(_))),
            "what nobody has is given back"
        );
    }

    /// Goal: what a batch tells has a bound, whatever the lines. Method: lines of many calls that are all told one by
    /// one.
    #[tokio::test]
    async fn a_batch_that_tells_much_takes_no_other_line_along() {
        let held = in_force(1, TOLD);
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        for number in 0..900 {
            let (route, client) = (format!("/jobs/{number}"), format!("client-{}", number % 3));
            let (request, answer) = request_for(&held, &Call::get(route).org("acme").client(client));
            requests.push(request);
            answers.push(answer);
        }
        let (mut dispatcher, _, _doors) = dispatcher(held);
        for request in requests {
            dispatcher.join(request);
        }
        let told = [(); 3].map(|()| dispatcher.next_calls(clock::now()).told);
        assert_eq!(told, [600, 300, 0]);
    }
}
