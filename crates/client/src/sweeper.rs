//! Keeps the store from filling up with what is no longer needed.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::engine::{Reply, Script, Sweep, SweepReply};
use crate::error::Error;
use crate::keeper::Keeper;
use crate::store::StoreError;

/// Pause after an error, and while the namespace is unknown.
const PAUSE: Duration = Duration::from_secs(5);

/// Longest pause, so that a replica takes over soon where another one is gone.
const PAUSE_LONGEST: Duration = Duration::from_secs(10);

/// Sweeps for as long as it is polled, says now and then that this replica lives, and sees to overrides that run out,
/// whether or not the store can be swept. The store says when there is work: of a whole fleet one call in its time does
/// it.
pub(crate) async fn run(keeper: Arc<Keeper>) {
    let mut announced = None;
    loop {
        let due = step(&keeper).await.unwrap_or_else(|error| {
            tell(&error, "the sweep failed");
            PAUSE
        });
        if let Err(error) = keeper.announce_again(&mut announced).await {
            tell(&error, "others are not told that this replica lives");
        }
        let expiry = keeper.expire().await.unwrap_or_else(|error| {
            tell(&error, "overrides that may have run out are still in force");
            Some(PAUSE)
        });
        let pause = due.min(expiry.unwrap_or(PAUSE_LONGEST)).min(PAUSE_LONGEST);
        clock::sleep_until(clock::now() + pause).await;
    }
}

/// What passes by itself is told where it is asked for; what somebody has to mend is told here too, as it stays so till
/// then.
fn tell(error: &Error, what: &str) {
    use StoreError::{Forbidden, NoAuditTrail, Schema};
    if matches!(error, Error::Store(Forbidden { .. } | NoAuditTrail { .. } | Schema { .. })) {
        tracing::warn!(%error, "{what}");
    } else {
        tracing::debug!(%error, "{what}");
    }
}

/// One call. Returns how long to wait for the next one.
async fn step(keeper: &Keeper) -> Result<Duration, Error> {
    match sweep(keeper).await? {
        Reply::Done(reply) => {
            let due = Duration::from_micros(reply.wait_us);
            // Not while there is much to sweep: that comes first.
            if !due.is_zero() {
                keeper.follow_paces().await?;
            }
            Ok(due)
        }
        // A replica that nobody asks for anything hears of a change of the policy here.
        Reply::Stale { .. } => keeper.renew().await.map(|()| PAUSE),
        Reply::Lost | Reply::Superseded => Ok(PAUSE),
    }
}

async fn sweep(keeper: &Keeper) -> Result<Reply<SweepReply>, StoreError> {
    let (library, held) = (keeper.library(), keeper.held());
    let session = library.store.session().await?;
    let argument = Sweep.encode(&held.policy, held.fence());
    let reply = session.call(Script::SWEEP, &library.keys.of_script(Script::SWEEP.name()), &argument).await?;
    Sweep.decode(&reply).map_err(|error| StoreError::answer(Script::SWEEP, &error))
}
