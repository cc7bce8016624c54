//! Keeps the store from filling up with what is no longer needed.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::engine::{Keys, Reply, Script, Sweep, SweepReply};
use crate::store::{Store, StoreError};

/// Pause after an error, and while the namespace is unknown.
const PAUSE: Duration = Duration::from_secs(5);

/// Longest pause, so that a replica takes over soon where another one is gone.
const PAUSE_LONGEST: Duration = Duration::from_secs(10);

/// Sweeps for as long as it is polled. The store says when there is work: of a whole fleet one call in its time does it.
pub(crate) async fn run(store: Arc<Store>, keys: Keys) {
    loop {
        let pause = match sweep(&store, &keys).await {
            Ok(Reply::Done(reply)) => Duration::from_micros(reply.wait_us).min(PAUSE_LONGEST),
            Ok(_) => PAUSE,
            Err(error) => {
                tracing::debug!(%error, "the sweep failed");
                PAUSE
            }
        };
        clock::sleep_until(clock::now() + pause).await;
    }
}

async fn sweep(store: &Store, keys: &Keys) -> Result<Reply<SweepReply>, StoreError> {
    let session = store.session().await?;
    let reply = session.call(Script::SWEEP, &[keys.state()], &Sweep.encode()).await?;
    Sweep.decode(&reply).map_err(|error| StoreError::answer(Script::SWEEP, &error))
}
