//! Limits that the policy does not know: one refusal teaches the fleet, at the scope of the limit, and it stays close
//! below.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tollgate::{Pause, Tollgate};
use tollgate_simulator::Time;
use tollgate_testkit::Seed;

use crate::world::{Traffic, World, pass, replicas, run_for};

const HIDDEN: &str = "quality/exports.rate.per.minute";
const WINDOW_S: u64 = 60;
const VALUE: u64 = 1200;

/// What the operator knows of: far more than what the provider lets pass, and what is asked for.
const POLICY: &str = "namespace = 'genesys'\nprovider = 'genesys-cloud'\n\
    [[limit]]\nname = 'token'\nper = ['client']\nrate = '600/s'\nburst = 200\n\
    [[limit]]\nname = 'org'\nper = ['org']\nrate = '300/s'\nburst = 100\n";

const EXPORTS: &str = "/api/v2/quality/evaluations";
const USERS: &str = "/api/v2/users";
const REPLICAS: usize = 8;
const WAY: Duration = Duration::from_millis(20);
/// How long a caller does something else after each call.
const PAUSES: [(&str, usize, Duration); 2] =
    [(EXPORTS, 4, Duration::from_millis(200)), (USERS, 1, Duration::from_secs(1))];

/// A fleet that calls a family with a hidden limit, and another one without.
struct Scene {
    world: World,
    callers: JoinSet<Result<()>>,
    /// When a call was refused that was granted after the last pause had begun: what the fleet could have known.
    news: Arc<Mutex<Vec<(Time, Pause)>>>,
}

/// Whether a refusal names the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Yes,
    No,
}

impl Scene {
    /// `changes` to the hidden limit, as the provider's configuration has them.
    async fn start(said: Said, changes: &str, seed: Seed) -> Result<Self> {
        let said = said == Said::Yes;
        let config = format!(
            "shape = 'genesys-cloud'\n[[limit]]\nname = '{HIDDEN}'\nper = ['org']\npath = '/api/v2/quality/**'\n\
             kind = 'fixed-window'\nvalue = {VALUE}\nwindow = '{WINDOW_S}s'\nsaid = {said}\n{changes}"
        );
        let world = World::new(&config, WAY, seed)?;
        let news = Arc::new(Mutex::new(Vec::new()));
        let mut callers = JoinSet::new();
        for gate in replicas(POLICY, REPLICAS).await? {
            for (path, count, pause) in PAUSES {
                for _ in 0..count {
                    let caller =
                        Caller { gate: gate.clone(), world: world.clone(), news: Arc::clone(&news), pause };
                    callers.spawn(caller.work(Traffic::new("acme", "app", path)));
                }
            }
        }
        Ok(Self { world, callers, news })
    }

    async fn run(&mut self, windows: u64) -> Result<()> {
        run_for(Duration::from_secs(windows * WINDOW_S), &mut self.callers).await
    }

    fn news(&self) -> Vec<(Time, Pause)> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many refusals the fleet could have known of in each of the provider's windows.
    fn news_per_window(&self) -> Result<Vec<usize>> {
        let opened = self.world.windows(HIDDEN, "acme", Duration::from_secs(WINDOW_S))?;
        let mut counts = vec![0; opened.len()];
        for (at, _) in self.news() {
            counts[opened.partition_point(|&opened| opened <= at) - 1] += 1;
        }
        Ok(counts)
    }

    fn utilisation(&self, windows: std::ops::Range<u64>) -> Result<f64> {
        self.world.utilisation(HIDDEN, "acme", windows.start * WINDOW_S..windows.end * WINDOW_S)
    }

    /// The windows from `from` on until one whose use is at least `least`.
    fn windows_until(&self, from: u64, most: u64, least: f64) -> Result<u64> {
        for window in from..from + most {
            if self.utilisation(window..window + 1)? >= least {
                return Ok(window + 1 - from);
            }
        }
        anyhow::bail!("not within {most} windows from {from} on")
    }
}

/// A caller of one replica.
struct Caller {
    gate: Tollgate,
    world: World,
    news: Arc<Mutex<Vec<(Time, Pause)>>>,
    /// How long it does something else after each call.
    pause: Duration,
}

impl Caller {
    /// Calls, and tells what it was answered, again and again.
    async fn work(self, traffic: Traffic) -> Result<()> {
        loop {
            let call = traffic.call();
            let permit = self.gate.acquire(&call).await?;
            let came = self.world.send(&traffic).await?;
            let observed = self.gate.observe(&permit, &came.answer()).call(&call).await?;
            if came.is_refused() {
                let pause = observed.pause.context("a refusal pauses something")?;
                if pause.is_news {
                    self.news.lock().unwrap_or_else(PoisonError::into_inner).push((came.at, pause));
                }
            }
            pass(self.pause).await;
        }
    }
}

/// Goal: after the first refusal no replica sends a call of that scope until the pause ends, and other scopes never
/// stop. Method: eight replicas call a family of paths with a limit that nobody knows; from the first refusal's pause
/// on the provider's ledger has no call of it that was not on its way, and goes on having calls of the other family.
async fn the_first_refusal_teaches_all(said: Said) -> Result<()> {
    let mut scene = Scene::start(said, "", Seed::for_this_test()?).await?;
    scene.run(1).await?;
    let (at, pause) = scene.news().first().cloned().context("somebody was refused")?;
    println!("{said:?}: refused at {at}, {pause:?}");
    ensure!(pause.limit.starts_with("learned-") && pause.wait > Duration::from_secs(5), "{pause:?}");
    let provider = scene.world.provider();
    // The answer has to come back, and the store to be told.
    let paused = at + 3 * WAY..at + pause.wait;
    let during = || provider.ledger().callers().during(paused.clone());
    let exports = during().only(|entry| entry.path == EXPORTS).count();
    ensure!(exports == 0, "{exports} calls in the pause");
    let users = during().only(|entry| entry.path == USERS);
    let times: Vec<_> = users.entries().map(|entry| entry.at).collect();
    let longest = times.windows(2).map(|pair| pair[1].since(pair[0])).max().context("calls of others")?;
    ensure!(longest < Duration::from_secs(1), "no call of the other family for {longest:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_first_refusal_by_a_named_limit_teaches_all() -> Result<()> {
    the_first_refusal_teaches_all(Said::Yes).await
}

#[tokio::test(start_paused = true)]
async fn the_first_refusal_by_a_limit_without_a_name_teaches_all() -> Result<()> {
    the_first_refusal_teaches_all(Said::No).await
}

/// Goal: the fleet comes close to a limit that it does not know and stays there. Method: nobody is told how much it
/// lets pass; after ten windows it must be used to nine tenths for twenty, with no more than one refusal in a window
/// that could have been known.
#[tokio::test(start_paused = true)]
async fn the_fleet_stays_close_below_a_hidden_limit() -> Result<()> {
    let mut scene = Scene::start(Said::No, "", Seed::for_this_test()?).await?;
    scene.run(30).await?;
    scene.world.is_sound()?;
    let used: Vec<_> = (0..30).map(|window| scene.utilisation(window..window + 1)).collect::<Result<_>>()?;
    let news = scene.news_per_window()?;
    println!("used {used:.3?}\nrefusals {news:?}");
    let whole = scene.utilisation(10..30)?;
    ensure!(whole >= 0.9 && used[10..].iter().all(|&used| used >= 0.85), "{whole}: {used:.3?}");
    ensure!(news.iter().all(|&count| count <= 1), "{news:?}");
    Ok(())
}

/// Goal: a limit that changes is followed. Method: after fifteen windows the hidden limit is cut by three tenths, after
/// another fifteen raised again; it is used to nine tenths within three and within ten windows, with no more than one
/// refusal in a window.
#[tokio::test(start_paused = true)]
async fn a_cut_and_a_raise_of_a_hidden_limit_are_followed() -> Result<()> {
    let change = |window: u64, value: u64| {
        format!("[[change]]\nat = '{}s'\nlimit = '{HIDDEN}'\nvalue = {value}\n", window * WINDOW_S)
    };
    let changes = change(15, VALUE * 7 / 10) + &change(30, VALUE);
    let mut scene = Scene::start(Said::No, &changes, Seed::for_this_test()?).await?;
    scene.run(45).await?;
    let news = scene.news_per_window()?;
    let used: Vec<_> = (0..45).map(|window| scene.utilisation(window..window + 1)).collect::<Result<_>>()?;
    println!("used {used:.3?}\nrefusals {news:?}");
    ensure!(news.iter().all(|&count| count <= 1), "{news:?}");
    let (cut, raise) = (scene.windows_until(15, 3, 0.9)?, scene.windows_until(30, 10, 0.9)?);
    println!("the cut is followed within {cut} windows, the raise within {raise}");
    let after = (scene.utilisation(18..30)?, scene.utilisation(40..45)?);
    ensure!(after.0 >= 0.9 && after.1 >= 0.9, "{after:?}");
    Ok(())
}
