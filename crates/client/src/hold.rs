//! Pauses by hand: an operator has a bucket let nothing pass for a time, and ends pauses.

use std::time::Duration;

use crate::change::Change;
use crate::engine::{Hold, HoldReply, Reply};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::metrics::PausedBy;

/// A policy that another replica writes at the same moment is met again on the next try; more than a few in a row are
/// none.
const TRIES: usize = 5;

/// The shortest pause that is one: the scripts count in microseconds.
const PAUSE_LEAST: Duration = Duration::from_micros(1);

impl Tollgate {
    /// Lets nothing pass the bucket of `limit` for `key`, in any replica, for `pause` from now on: a microsecond to 31
    /// days, more or less is taken for that. A pause that ends later stays. At its end the bucket is empty, and earns
    /// from then on. It is all that the limit counts for the key, or will count when the policy or an override has
    /// changed. Returns how long it is paused.
    ///
    /// Calls that wait go on waiting; a limit that only observes lets calls pass all the same. Those whose deadline is
    /// before the end are refused with the time at which to come. The audit trail tells it.
    ///
    /// # Errors
    /// [`Error::NoBucket`] if there is no such limit, or it can't have such a key, [`Error::TooManyBuckets`] if the
    /// bucket is none of those that its limit may have, [`Error::Change`] if a text of `change` can't be kept,
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done the bucket may be paused or not.
    pub async fn pause(
        &self,
        limit: &str,
        key: &str,
        pause: Duration,
        change: &Change,
    ) -> Result<Duration, Error> {
        let reply = self.hold(limit, key, pause.max(PAUSE_LEAST), change).await?;
        Ok(Duration::from_micros(reply.paused_us))
    }

    /// Ends the pause of the bucket of `limit` for `key`, whoever has begun it, the provider too. The bucket is empty
    /// then, and earns from now on; calls that wait for it ask again within 250 ms. Returns whether it was paused.
    ///
    /// # Errors
    /// As those of [`Tollgate::pause`].
    ///
    /// # Cancel safety
    /// Dropped before it is done the bucket may be paused or not.
    pub async fn resume(&self, limit: &str, key: &str, change: &Change) -> Result<bool, Error> {
        Ok(self.hold(limit, key, Duration::ZERO, change).await?.is_changed)
    }

    async fn hold(
        &self,
        limit: &str,
        key: &str,
        pause: Duration,
        change: &Change,
    ) -> Result<HoldReply, Error> {
        change.check()?;
        for _ in 0..TRIES {
            let in_force = self.current().load_full();
            let buckets = in_force.policy.all_buckets_of(limit, key);
            if buckets.is_empty() {
                return Err(Error::NoBucket { limit: limit.to_owned(), key: key.to_owned() });
            }
            let mut hold = Hold::new(&buckets, pause);
            (hold.change, hold.replica) = (change.clone(), self.replica().to_owned());
            match self.keeper().library().hold(&hold, &in_force).await? {
                Reply::Done(reply) if reply.is_kept => {
                    if reply.is_changed && !hold.pause.is_zero() {
                        let meter = in_force.meters().limit(buckets[0].limit());
                        meter.inspect(|meter| meter.paused(PausedBy::Operator, hold.pause));
                    }
                    return Ok(reply);
                }
                Reply::Done(_) => return Err(Error::TooManyBuckets { limit: limit.to_owned() }),
                _ => self.keeper().renew().await?,
            }
        }
        Err(Error::Conflict { current: self.current().load().fence().to_owned() })
    }
}
