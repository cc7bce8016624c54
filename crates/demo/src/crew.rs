//! Callers at work.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate::Priority;
use tollgate_simulator::Server;

use crate::batch::Batch;
use crate::client::Client;
use crate::clock::{self, Instant};
use crate::error::DemoError;
use crate::fleet::{Caller, Fleet};
use crate::progress::Progress;
use crate::traffic::{Post, Traffic};
use crate::waits::Waits;

/// What a batch calls, and what people do who click. Both count at the same limits.
pub(crate) const BATCH: &str = "/api/v2/users";
const CLICK: &str = "/api/v2/conversations";

/// How often it is looked how far a run is.
const TICK: Duration = Duration::from_millis(100);

/// Callers at work, until this is dropped.
pub(crate) struct Crew {
    pub(crate) batch: Arc<Batch>,
    pub(crate) waits: Arc<Waits>,
    began: Instant,
    fleet: Arc<Fleet>,
    callers: JoinSet<Result<(), DemoError>>,
}

impl Crew {
    /// Has everybody of the traffic call the provider through the fleet, from now on.
    pub(crate) fn begin(traffic: &Traffic, fleet: Fleet, provider: &Server, batch: Batch) -> Self {
        let (batch, waits, fleet) = (Arc::new(batch), Arc::new(Waits::of(&traffic.clicks)), Arc::new(fleet));
        let began = clock::now();
        let mut callers = JoinSet::new();
        for &post in &traffic.workers {
            let caller =
                fleet.caller(post.replica, &traffic.orgs[post.org], provider.url(BATCH), Priority::Batch);
            callers.spawn(work(caller, post, Arc::clone(&batch), began));
        }
        let people = People {
            traffic: traffic.clone(),
            fleet: Arc::clone(&fleet),
            url: provider.url(CLICK),
            waits: Arc::clone(&waits),
            began,
        };
        callers.spawn(people.click());
        Self { batch, waits, began, fleet, callers }
    }

    /// Since the beginning.
    pub(crate) fn passed(&self) -> Duration {
        clock::since(self.began)
    }

    /// Lets them work for `length`, and then until every click has its answer and every organisation its batch, for at
    /// most half as long again.
    pub(crate) async fn work_for(
        &mut self,
        length: Duration,
        client: Client,
        watched: &watch::Sender<Progress>,
    ) -> Result<(), DemoError> {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                ended = self.callers.join_next() => return Err(why(ended)),
            }
            let passed = self.passed();
            let (done, refused) = (self.fleet.way.done(), self.fleet.way.refused());
            watched.send_replace(Progress { client: Some(client), passed, length, done, refused });
            let is_complete = self.batch.finished().is_some() && self.waits.are_all_answered();
            if passed >= length && is_complete || 2 * passed >= 3 * length {
                return Ok(());
            }
        }
    }

    /// Ends all callers. When it returns none of them has anything of the fleet any more.
    pub(crate) async fn dismiss(mut self) {
        self.callers.shutdown().await;
    }
}

/// Why a caller has ended, which none does by itself.
fn why(ended: Option<Result<Result<(), DemoError>, tokio::task::JoinError>>) -> DemoError {
    match ended {
        Some(Ok(Err(error))) => error,
        _ => DemoError::Ended,
    }
}

/// Works off a batch, call after call.
async fn work(caller: Caller, post: Post, batch: Arc<Batch>, began: Instant) -> Result<(), DemoError> {
    loop {
        caller.call().await?;
        batch.count(post.org, clock::since(began));
    }
}

/// Those who click.
struct People {
    traffic: Traffic,
    fleet: Arc<Fleet>,
    url: String,
    waits: Arc<Waits>,
    began: Instant,
}

impl People {
    /// Sends a call at each click, whether or not the ones before have been answered. Never ends but for an error.
    async fn click(self) -> Result<(), DemoError> {
        let mut calls: JoinSet<Result<(), DemoError>> = JoinSet::new();
        for (number, click) in self.traffic.clicks.iter().enumerate() {
            tokio::time::sleep_until(self.began + click.at).await;
            let org = &self.traffic.orgs[click.post.org];
            let caller = self.fleet.caller(click.post.replica, org, self.url.clone(), Priority::Interactive);
            let (waits, began) = (Arc::clone(&self.waits), self.began);
            calls.spawn(async move {
                caller.call().await?;
                waits.answered(number, clock::since(began));
                Ok(())
            });
            while let Some(answered) = calls.try_join_next() {
                answered.map_err(|_| DemoError::Ended)??;
            }
        }
        while let Some(answered) = calls.join_next().await {
            answered.map_err(|_| DemoError::Ended)??;
        }
        std::future::pending().await
    }
}
