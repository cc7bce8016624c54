//! Permits: settled, given back, handed over and taken back.

use anyhow::{Result, ensure};
use tollgate::{Call, Change, Error, PermitError, Tollgate};
use tollgate_testkit::RedisServer;

use super::{call, gate, granted, per_org, spent_exactly};

/// A burst that does not come back while a test runs.
const SCARCE: &str = "rate = '1/1h'\nburst = 100";

#[tokio::test]
async fn a_permit_is_settled_for_less_and_for_more() -> Result<()> {
    let gate = Tollgate::embedded(per_org(SCARCE)?).await?;
    let costly = call("acme").cost(10);
    granted(&gate, &costly).await?.settle(4).await?;
    spent_exactly(&gate, "acme", 4).await?;
    granted(&gate, &costly).await?.settle(25).await?;
    spent_exactly(&gate, "acme", 29).await?;
    granted(&gate, &costly).await?.give_back().await?;
    spent_exactly(&gate, "acme", 29).await?;
    drop(granted(&gate, &costly).await?);
    spent_exactly(&gate, "acme", 39).await
}

/// Goal: what a call has really cost counts, though the bucket can't bear it. Method: a settlement beyond the burst;
/// the next call waits for all of it.
#[tokio::test]
async fn a_settlement_beyond_the_burst_makes_the_next_call_wait() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '1/1h'\nburst = 10")?).await?;
    granted(&gate, &call("acme")).await?.settle(30).await?;
    let tollgate::Decision::Refused(refused) = gate.try_acquire(&call("acme")).await? else {
        anyhow::bail!("granted from a bucket 20 tokens in debt")
    };
    let hours = refused.retry_after.as_secs_f64() / 3600.0;
    ensure!(hours > 20.9 && hours <= 21.0, "{refused}");
    Ok(())
}

/// Goal: what an observed limit would have refused, and did not charge, is not given back to it. Method: its burst is
/// spent, then one more call passes and is given back, as a permit and by its id.
#[tokio::test]
async fn an_observed_limit_gets_nothing_back_that_it_was_not_charged() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '1/1h'\nburst = 10\nmode = 'observe'")?).await?;
    let _spent = granted(&gate, &call("acme").cost(10)).await?;
    for by_id in [false, true] {
        let permit = granted(&gate, &call("acme")).await?;
        ensure!(permit.would_be_refused());
        let permit = if by_id { gate.take_back(&gate.hand_over(permit))? } else { permit };
        permit.give_back().await?;
        spent_exactly(&gate, "acme", 10).await?;
    }
    Ok(())
}

/// Goal: any replica can settle a permit, once. Method: ids go from one limiter to another, twice; and to one of
/// another namespace, cut short, and with a character changed.
#[tokio::test]
async fn a_permit_id_is_settled_once_by_any_replica() -> Result<()> {
    let server = RedisServer::start()?;
    let (first, second) =
        (gate(&server.url(), per_org(SCARCE)?).await?, gate(&server.url(), per_org(SCARCE)?).await?);
    let id = first.hand_over(granted(&first, &call("acme").cost(10)).await?);
    second.take_back(&id)?.settle(3).await?;
    spent_exactly(&first, "acme", 3).await?;
    for gate in [&first, &second] {
        let again = gate.take_back(&id)?.give_back().await;
        ensure!(matches!(again, Err(Error::Permit(PermitError::SettledBefore))), "{again:?}");
    }
    let stranger = Tollgate::embedded(per_org(SCARCE)?).await?;
    let mut forged = id.clone().into_bytes();
    forged[10] ^= 1;
    for (gate, id) in
        [(&stranger, id.as_str()), (&first, &id[1..]), (&first, std::str::from_utf8(&forged)?), (&first, "")]
    {
        let error = gate.take_back(id).map(drop);
        ensure!(matches!(error, Err(Error::Permit(PermitError::Unknown))), "{error:?}");
    }
    spent_exactly(&first, "acme", 3).await
}

/// Goal: a permit from before a change of the policy can be settled, and gives nothing back twice. Method: what it has
/// cost more is charged by the new terms; what it has cost less stays spent, for what the bucket has earned since is
/// not known; of a limit that is gone nothing is left to correct.
#[tokio::test]
async fn a_permit_outlives_a_change_of_the_policy() -> Result<()> {
    let gate = Tollgate::embedded(per_org(SCARCE)?).await?;
    let cheaper = granted(&gate, &call("acme").cost(10)).await?;
    let dearer = granted(&gate, &call("acme").cost(10)).await?;
    let gone = granted(&gate, &call("acme").cost(10)).await?;
    gate.put_policy(&per_org("quota = '200/7h'\nburst = 100")?, None, &Change::default()).await?;
    cheaper.settle(4).await?;
    spent_exactly(&gate, "acme", 30).await?;
    dearer.settle(14).await?;
    spent_exactly(&gate, "acme", 34).await?;
    let other = "namespace = 'test'\nlimit = [{ name = 'other', per = ['org'], rate = '1/s' }]";
    gate.put_policy(&tollgate::Policy::from_toml(other)?, None, &Change::default()).await?;
    gone.give_back().await?;
    granted(&gate, &Call::get("/").org("acme")).await.map(drop)
}
