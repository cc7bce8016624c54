//! One task a process that carries calls to the store: everything that waits goes with the next batch.
//!
//! A task of its own, never a caller's future: a caller that stops being polled must not stand in everybody's way.

mod cargo;
mod flight;
mod grant;
mod landing;
mod lanes;
mod lease;
mod line;
mod notice;
mod party;
mod reports;
mod request;
mod told;
mod waiting;

pub(crate) use grant::{Charge, Grant};
pub(crate) use lease::{Lease, Leases};
pub(crate) use notice::{Notice, Outbox};
pub(crate) use reports::Reports;
pub(crate) use request::{Answer, GoneOut, Inbox, LineKey, Patience, Request};

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

use self::cargo::{Acquires, Settlements};
use self::flight::{Landed, Lane, Route};
use self::lanes::Lanes;
use self::lease::Held;
use self::notice::SettleRequest;
use self::waiting::Waiting;
use crate::clock::{self, Instant};
use crate::engine::Keys;
use crate::error::Error;
use crate::in_force::{Current, InForce};
use crate::keeper::Keeper;
use crate::store::Store;

/// Entries and buckets of a batch. Redis is busy with 250 entries for 0.7 ms, and can't unpack more than 8,000 fields.
const ENTRIES_MOST: usize = 250;
const BUCKETS_MOST: usize = 2_000;

/// A batch that has so many entries for the audit trail takes no other line along, and a line that comes anew has no
/// more of them. With each the server is busy for three microseconds, with the longest for ten, and a far store is
/// asked for so many of a line in each round trip.
const TOLD_MOST: usize = 500;

/// Buckets of which a batch tells what callers were told, and how long that waits for a batch that goes anyway.
const REPORTS_MOST: usize = 250;
const REPORT_WITHIN: Duration = Duration::from_secs(1);

/// Calls that wait to be taken up by the dispatcher.
const INBOX_SIZE: usize = 16_384;

/// How long after one look at the policy the next follows while calls are parked. A raise that has just missed a look
/// takes this time and three and a half round trips: to look, to read the policy, to ask. With 60 ms each that is 310
/// ms.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// What the dispatcher is made from.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) store: Arc<Store>,
    pub(crate) keys: Keys,
    pub(crate) current: Current,
    pub(crate) keeper: Arc<Keeper>,
    /// Names this process among all that share the store.
    pub(crate) replica: String,
    pub(crate) timeout: Duration,
    /// Most calls of a flow that wait.
    pub(crate) waiting_most: usize,
    /// What callers are told that is to be counted.
    pub(crate) reports: Arc<Reports>,
}

/// The ways in.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) gone: GoneOut,
}

/// Starts the task. It ends when all senders are dropped and everything they sent is answered.
pub(crate) fn start(setup: Setup) -> Doors {
    let (doors, ways) = ways();
    tokio::spawn(Dispatcher::new(setup, ways).run());
    doors
}

/// What comes in through the doors.
struct Ways {
    acquires: mpsc::Receiver<Request>,
    notices: mpsc::UnboundedReceiver<Notice>,
    gone: mpsc::UnboundedReceiver<LineKey>,
    /// For the grants it gives out; weak, or it would keep itself alive.
    outbox: mpsc::WeakUnboundedSender<Notice>,
}

fn ways() -> (Doors, Ways) {
    let (inbox, acquires) = mpsc::channel(INBOX_SIZE);
    let (outbox, notices) = mpsc::unbounded_channel();
    let (gone_out, gone) = mpsc::unbounded_channel();
    let ways = Ways { acquires, notices, gone, outbox: outbox.downgrade() };
    (Doors { inbox, outbox, gone: gone_out }, ways)
}

struct Dispatcher {
    route: Route,
    current: Current,
    /// The policy by which the waiting calls were resolved.
    in_force: Arc<InForce>,
    keeper: Arc<Keeper>,
    ways: Ways,
    waiting: Waiting,
    reports: Arc<Reports>,
    /// When they are sent even if no call is asked for; `None` if there is nothing to tell.
    report_by: Option<Instant>,
    corrections: VecDeque<SettleRequest>,
    /// The leases of the calls in flight whose permits are held in this process.
    held: Held,
    lanes: Lanes,
    settle_lane: Option<Lane>,
    flights: FuturesUnordered<Flight>,
    upkeep: Upkeep,
    /// The end of a pause by an operator that those who wait have heard of, in microseconds of the namespace's time.
    eased_us: u64,
}

type Flight = Pin<Box<dyn Future<Output = Event> + Send>>;

/// Something that was on its way has come back.
enum Event {
    Acquired(Landed<Acquires>),
    Settled(Landed<Settlements>),
    /// The policy was looked at, read again or restored; or it could not be.
    Kept(Result<(), Error>),
}

/// Whether the policy is being seen to.
enum Upkeep {
    /// It is not; it is looked at again then, if calls are parked.
    Idle { watch_at: Instant },
    /// It is looked at, while calls go on.
    Watching,
    /// It is read again or restored, and calls wait for it.
    Renewing,
    /// That failed; it is tried again then.
    Failed { again_at: Instant },
}

impl Dispatcher {
    fn new(setup: Setup, ways: Ways) -> Self {
        let Setup { store, keys, current, keeper, replica, timeout, waiting_most, reports } = setup;
        Self {
            route: Route { store, keys, timeout },
            in_force: current.load_full(),
            current,
            keeper,
            ways,
            waiting: Waiting::new(timeout, waiting_most),
            reports,
            report_by: None,
            corrections: VecDeque::new(),
            held: Held::default(),
            lanes: Lanes::new(&replica),
            settle_lane: Some(Lane::new(&replica, Lanes::COUNT)),
            flights: FuturesUnordered::new(),
            upkeep: Upkeep::Idle { watch_at: clock::now() + WATCH_EVERY },
            eased_us: 0,
        }
    }

    async fn run(mut self) {
        let mut requests = Vec::new();
        let mut notices = Vec::new();
        let mut gone = Vec::new();
        let (mut acquires_open, mut notices_open, mut gone_open) = (true, true, true);
        loop {
            let now = clock::now();
            self.tend(now);
            let timer = self.next_timer(now);
            tokio::select! {
                biased;
                // First those who leave: they make room for those who come.
                count = self.ways.gone.recv_many(&mut gone, INBOX_SIZE), if gone_open => {
                    gone_open = count > 0;
                    gone.drain(..).for_each(|line| self.waiting.forget_gone(&line));
                }
                count = self.ways.acquires.recv_many(&mut requests, INBOX_SIZE), if acquires_open => {
                    acquires_open = count > 0;
                    if !acquires_open {
                        // Nobody is left who could be told: the calls in line have been given up.
                        self.waiting.outdate();
                    }
                    requests.drain(..).for_each(|request| self.join(request));
                }
                count = self.ways.notices.recv_many(&mut notices, INBOX_SIZE), if notices_open => {
                    notices_open = count > 0;
                    notices.drain(..).for_each(|notice| self.note(notice, now));
                }
                Some(event) = self.flights.next() => self.handle(event),
                () = clock::sleep_until(timer.unwrap_or_else(clock::now)), if timer.is_some() => {}
                else => return,
            }
        }
    }

    /// Sends what can be sent, and sees to what is due.
    fn tend(&mut self, now: Instant) {
        self.follow_policy();
        self.follow_operators(now);
        self.waiting.wake(now);
        self.waiting.expire(now);
        self.renew_leases(now);
        self.send_settlements(now);
        match self.upkeep {
            Upkeep::Failed { again_at } if again_at <= now => self.renew(),
            Upkeep::Idle { watch_at } if watch_at <= now && self.waiting.next_due().is_some() => self.watch(),
            _ => {}
        }
        while self.has_to_send(now) {
            let Some(lane) = self.lanes.take(now) else { return };
            self.send_acquires(lane, now);
        }
    }

    /// Whether calls, or what others were told long enough ago, wait for nothing but a lane.
    fn has_to_send(&self, now: Instant) -> bool {
        let has_something = self.waiting.has_ready() || self.report_by.is_some_and(|by| by <= now);
        matches!(self.upkeep, Upkeep::Idle { .. } | Upkeep::Watching) && has_something
    }

    /// Puts a call in line, if its path is of the policy in force.
    fn join(&mut self, request: Request) {
        if request.line.generation == self.in_force.generation() {
            self.waiting.join(request);
        } else {
            request.answer(Ok(Answer::Outdated));
        }
    }

    /// Takes up what a holder of a permit tells.
    fn note(&mut self, notice: Notice, now: Instant) {
        match notice {
            Notice::Settle(request) => {
                request.ended_leases().iter().for_each(|lease| self.held.forget(lease));
                self.corrections.push_back(request);
            }
            Notice::Dropped(request) => {
                let last = request.and_leases(|lease| self.held.let_go(lease));
                self.corrections.extend(last);
            }
            Notice::TakenBack(leases) => leases.into_iter().for_each(|lease| self.held.add(lease, now)),
            Notice::HandedOver(leases) => {
                for lease in &leases {
                    self.held.let_go(lease);
                }
            }
            Notice::Told => self.report_by = Some(now + REPORT_WITHIN),
        }
    }

    /// Renews the leases of the calls that are still in flight, before all corrections: they can wait. While a flight
    /// is out leases stay due, so that a store that stands still is not asked for the same again and again when it goes
    /// on.
    fn renew_leases(&mut self, now: Instant) {
        if self.settle_lane.is_none() {
            return;
        }
        while self.held.next_due().is_some_and(|due| due <= now) {
            let leases = self.held.take_due(now, ENTRIES_MOST);
            self.corrections.push_front(SettleRequest::renewal(leases));
        }
    }

    /// Sends the waiting calls back to find their paths anew where another policy has come into force.
    fn follow_policy(&mut self) {
        let current = self.current.load();
        if !Arc::ptr_eq(&current, &self.in_force) {
            self.in_force = Arc::clone(&current);
            self.held.follow(&self.in_force.policy, clock::now());
            self.waiting.outdate();
        }
    }

    /// The calls that go with the next batch.
    fn next_calls(&mut self, now: Instant) -> Acquires {
        let mut cargo = Acquires::new(Arc::clone(&self.in_force), self.eased_us);
        while cargo.batch.entries().len() < ENTRIES_MOST
            && cargo.batch.buckets().len() < BUCKETS_MOST
            && cargo.told < TOLD_MOST
        {
            let Some(party) = self.waiting.next_party() else {
                break;
            };
            cargo.push(party, now);
        }
        cargo
    }

    fn send_acquires(&mut self, lane: Lane, now: Instant) {
        let mut cargo = self.next_calls(now);
        if self.report_by.is_some() {
            let (reports, has_more) = self.reports.take(REPORTS_MOST);
            cargo.batch.report(reports);
            self.report_by = has_more.then_some(now);
        } else if cargo.parties.is_empty() {
            return self.lanes.put_back(lane);
        }
        let since = cargo.waiting_since().unwrap_or(now);
        self.keeper.meters().batches.observe(cargo.calls());
        let route = self.route.clone();
        self.flights.push(Box::pin(async move { Event::Acquired(route.fly(lane, cargo, since).await) }));
    }

    fn send_settlements(&mut self, now: Instant) {
        if self.corrections.is_empty() {
            return;
        }
        if let Some(lane) = self.settle_lane.take() {
            let mut buckets = 0;
            let fits = |request: &&SettleRequest| {
                buckets += request.bucket_count();
                buckets <= BUCKETS_MOST
            };
            let most = self.corrections.iter().take(ENTRIES_MOST).take_while(fits).count().max(1);
            let cargo =
                Settlements::new(Arc::clone(&self.in_force), self.corrections.drain(..most).collect());
            let route = self.route.clone();
            self.flights.push(Box::pin(async move { Event::Settled(route.fly(lane, cargo, now).await) }));
        }
    }

    /// Whoever waits asks again once an operator has ended a pause: it may have been for that.
    fn follow_operators(&mut self, now: Instant) {
        let eased_us = self.keeper.eased_us();
        if eased_us != self.eased_us {
            self.eased_us = eased_us;
            self.waiting.wake_all(now);
        }
    }

    /// Asks whether the policy is still the same.
    fn watch(&mut self) {
        self.upkeep = Upkeep::Watching;
        let keeper = Arc::clone(&self.keeper);
        self.flights.push(Box::pin(async move { Event::Kept(keeper.check().await) }));
    }

    /// Reads the policy again, or gives it back to a store that has lost it. Calls wait meanwhile.
    fn renew(&mut self) {
        if matches!(self.upkeep, Upkeep::Renewing) {
            return;
        }
        self.upkeep = Upkeep::Renewing;
        let keeper = Arc::clone(&self.keeper);
        self.flights.push(Box::pin(async move { Event::Kept(keeper.renew().await) }));
    }

    fn next_timer(&self, now: Instant) -> Option<Instant> {
        let upkeep = match self.upkeep {
            Upkeep::Idle { watch_at } => self.waiting.next_due().map(|_| watch_at),
            Upkeep::Failed { again_at } => Some(again_at),
            Upkeep::Watching | Upkeep::Renewing => None,
        };
        let opening = if self.has_to_send(now) { self.lanes.next_opening(now) } else { None };
        let renewal = self.settle_lane.as_ref().and(self.held.next_due());
        let due = [self.waiting.next_due(), self.waiting.next_expiry(), renewal];
        // Once it is past, there is a lane to wait for.
        let report = self.report_by.filter(|by| *by > now);
        due.into_iter().chain([opening, upkeep, report]).flatten().min()
    }
}
