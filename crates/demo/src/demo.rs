//! A demo: one scenario, called in each of the three ways.

use std::fmt::Write as _;

use tokio::sync::watch;
use tollgate::Tollgate;
use tollgate_simulator::{Ledger, Seed, Server, Time};

use crate::batch::Batch;
use crate::client::Client;
use crate::crew::{BATCH, Crew};
use crate::error::DemoError;
use crate::fleet::Fleet;
use crate::progress::Progress;
use crate::report::{Report, Run, Wait};
use crate::settings::Settings;
use crate::traffic::Traffic;

/// The fixed batch, as a part of what the known quota lets pass while a run is judged. With the rest hidden, and one
/// organisation that asks for ten times as much, every client comes so far.
const BATCH_PERCENT: u64 = 20;

/// A scenario that can be run, and a namespace for it that nobody else has.
#[derive(Clone, Debug)]
pub struct Demo {
    settings: Settings,
    traffic: Traffic,
    namespace: String,
}

impl Demo {
    /// A demo with these settings. Nothing is sent or stored yet.
    ///
    /// # Errors
    /// [`DemoError::Setting`] if one is out of its range.
    pub fn new(settings: Settings) -> Result<Self, DemoError> {
        settings.check()?;
        let traffic = Traffic::draw(&settings);
        Ok(Self { settings, traffic, namespace: new_namespace() })
    }

    /// The namespace of its own in which the counters are.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// How it is set up.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A report of it, without a run yet.
    #[must_use]
    pub fn report(&self) -> Report {
        let Settings { scenario, seed, .. } = &self.settings;
        Report { scenario: scenario.name.clone(), seed: *seed, runs: Vec::new() }
    }

    /// How many batch calls each organisation has to have done.
    #[must_use]
    pub fn batch_each(&self) -> u64 {
        let Settings { scenario, orgs, .. } = &self.settings;
        let known = u64::from(scenario.known_calls) * self.settings.judged_s() / scenario.window_s;
        (known * BATCH_PERCENT / 100 / *orgs as u64).max(1)
    }

    /// Sets up all limiters and lets them go again, so that a store that is not fit is told before anything else is
    /// done.
    ///
    /// # Errors
    /// [`DemoError::Limiter`] if the store can't be reached or is not fit.
    pub async fn check_store(&self) -> Result<(), DemoError> {
        Fleet::start(&self.settings, Client::Tollgate, &self.namespace).await.map(drop)
    }

    /// Runs one client against a provider of its own; `watched` is told how far it is, ten times a second.
    ///
    /// # Errors
    /// Any but [`DemoError::Setting`].
    ///
    /// # Cancel safety
    /// Dropped before it is done it sends no more calls. The limiters' own tasks end soon after.
    pub async fn run(&self, client: Client, watched: &watch::Sender<Progress>) -> Result<Run, DemoError> {
        let Settings { scenario, seed, orgs, .. } = &self.settings;
        let fleet = Fleet::start(&self.settings, client, &self.namespace).await?;
        let provider = Server::start(scenario.provider.clone(), Seed::new(*seed)).await;
        let provider = provider.map_err(DemoError::Provider)?;
        let mut crew = Crew::begin(&self.traffic, fleet, &provider, Batch::new(self.batch_each(), *orgs));
        crew.work_for(self.settings.length(), client, watched).await?;
        let run = self.judge(client, &crew, &provider.ledger());
        crew.dismiss().await;
        Ok(run)
    }

    /// Removes the namespace from the store. Nobody may use it any more: end the runtime that [`Demo::run`] was run on
    /// before.
    ///
    /// # Errors
    /// [`DemoError::Limiter`] if the store can't be reached or refuses it.
    pub async fn remove_namespace(&self) -> Result<(), DemoError> {
        let builder = Tollgate::builder(&self.namespace).store(self.settings.store.clone());
        let removed = builder.remove_namespace().await.map(drop);
        removed.map_err(|source| DemoError::limiter(&self.namespace, source))
    }

    /// What the ledger and the callers' clocks say.
    fn judge(&self, client: Client, crew: &Crew, ledger: &Ledger) -> Run {
        let judged = Time::START..Time::from_secs(self.settings.judged_s());
        let calls = ledger.callers().during(judged.clone());
        let orgs: Vec<_> = self.traffic.orgs.iter().map(String::as_str).collect();
        let now = crew.passed();
        let wait = |percent| rounded(crew.waits.percentile(percent, now).as_secs_f64() * 1_000.0, 1);
        Run {
            client,
            requests: calls.clone().done().count(),
            throttled_429: calls.clone().refused().count(),
            utilisation: rounded(ledger.utilisation(&self.settings.scenario.judged, &judged), 4),
            jain: rounded(calls.done().only(|call| call.path == BATCH).jain(&orgs), 4),
            interactive_wait_ms: Wait { p50: wait(50), p99: wait(99) },
            batch_seconds: crew.batch.finished().map(|time| rounded(time.as_secs_f64(), 2)),
        }
    }
}

/// With so many digits behind the point: the next ones would differ from run to run.
fn rounded(figure: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (figure * scale).round() / scale
}

/// A name that no other demo has on the same store.
fn new_namespace() -> String {
    let mut random = [0; 8];
    // Without the system's randomness a name is taken that hardly anybody else has.
    if getrandom::fill(&mut random).is_err() {
        random = fastrand::u64(..).to_le_bytes();
    }
    random.iter().fold("demo-".to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}
