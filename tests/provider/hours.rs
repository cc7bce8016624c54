//! A provider that wants to see no call for hours.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::{Decision, Error};
use tollgate_testkit::Seed;

use crate::world::{Traffic, World, now, pass, replicas};

const DAILY: &str = "task.management/workitems.per.day";

const PROVIDER: &str = "shape = 'genesys-cloud'\n[[limit]]\nname = 'task.management/workitems.per.day'\nper = ['org']\n\
    path = '/api/v2/taskmanagement/**'\nkind = 'fixed-window'\nvalue = 20\nwindow = '1d'\n";

const POLICY: &str = "namespace = 'genesys'\nprovider = 'genesys-cloud'\n\
    [[limit]]\nname = 'org'\nper = ['org']\nrate = '10/s'\nburst = 100\n\
    [[limit]]\nname = 'daily'\nnames = ['task.management/workitems.per.day']\nper = ['org']\n\
    when = { path = '/api/v2/taskmanagement/**' }\nrate = '10/s'\nburst = 100\n";

/// Goal: a wait of hours is a wait of one limit, and nobody waits for it who has no time. Method: a daily limit is used
/// up at two in the morning; callers of it with a deadline are refused in no time, at every replica, with the time that
/// is left, others go on. At the end of the day it goes on.
#[tokio::test(start_paused = true)]
async fn a_pause_of_hours_is_told_at_once_and_of_one_limit() -> Result<()> {
    let world = World::new(PROVIDER, Duration::from_millis(10), Seed::for_this_test()?)?;
    let gates = replicas(POLICY, 2).await?;
    let (work, other) = (
        Traffic::new("acme", "app", "/api/v2/taskmanagement/workitems"),
        Traffic::new("acme", "app", "/api/v2/users"),
    );
    // The window opens with the first of them.
    ensure!(!world.send(&work).await?.is_refused());
    pass(Duration::from_secs(7_200)).await;
    let pause = loop {
        let permit = gates[0].acquire(&work.call()).await?;
        let came = world.send(&work).await?;
        let observed = gates[0].observe(&permit, &came.answer()).await?;
        if let Some(pause) = observed.pause {
            break pause;
        }
    };
    ensure!(pause.limit == "daily" && pause.key == "acme", "{pause:?}");
    let left = Duration::from_secs(22 * 3_600);
    ensure!(pause.wait > Duration::from_secs(21 * 3_600) && pause.wait <= left, "{pause:?}");
    for gate in &gates {
        let asked = now();
        let refused = gate.acquire(&work.call()).within(Duration::from_secs(60)).await;
        let Err(Error::Refused(refused)) = refused else { anyhow::bail!("{refused:?}") };
        ensure!(now() - asked < Duration::from_millis(50), "it took {:?}", now() - asked);
        ensure!(
            refused.limit == "daily" && refused.retry_after + Duration::from_secs(1) > pause.wait,
            "{refused}"
        );
        ensure!(matches!(gate.try_acquire(&other.call()).await?, Decision::Granted(_)), "others go on");
    }
    pass(pause.wait).await;
    let permit = gates[1].acquire(&work.call()).within(Duration::from_secs(60)).await?;
    let came = world.send(&work).await?;
    ensure!(!came.is_refused(), "a new day");
    let observed = gates[1].observe(&permit, &came.answer()).await?;
    ensure!(observed.pause.is_none() && observed.reading.throttled.is_none());
    let refused = world.provider().ledger().all().refused_by(&DAILY.parse().context("a name")?).count();
    ensure!(refused == 1, "{refused} calls were refused");
    Ok(())
}
