//! Permit ids: permits as text that any replica can take back.
//!
//! An id carries the permit itself, sealed with a secret of the namespace, so that nothing has to be stored for the
//! many permits that nobody ever settles.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::sync::oneshot;

use crate::dispatcher::{Charge, Grant, Lease, Leases, Notice};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::identity;
use crate::in_force::InForce;
use crate::permit::{Permit, PermitError, outcome};
use crate::policy::Path;

/// Bytes of the seal: half of a SHA-256, which is what RFC 2104 advises to keep at least.
const SEAL_BYTES: usize = 16;

/// What an id carries. Short names, for it travels in URLs.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    /// The name under which it is settled once.
    n: Box<str>,
    /// Epoch and time of the grant.
    e: u64,
    t: u64,
    /// Tokens that the call costs by its own account.
    c: u32,
    /// The buckets that were charged: what is counted in them, key, and how many tokens each.
    b: Vec<(String, String, u32)>,
    /// The leases of the call: the same two, and the id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    l: Vec<(String, String, u64)>,
}

impl Tollgate {
    /// Turns a permit into an id, for whoever settles it later, at whichever replica. Its [lease](Permit::lease), if it
    /// has one, is from here on renewed only by [`Tollgate::heartbeat`].
    #[must_use]
    pub fn hand_over(&self, permit: Permit) -> String {
        let charge = permit.charge();
        let content = Content {
            n: charge.name.clone().unwrap_or_else(|| identity::random().into()),
            e: charge.epoch,
            t: charge.granted_at_us,
            c: charge.cost,
            b: permit
                .charged()
                .map(|(bucket, cost)| (bucket.counted_as().to_owned(), bucket.key().to_owned(), cost))
                .collect(),
            l: permit
                .leases()
                .iter()
                .map(|Lease { bucket, id }| (bucket.counted_as().to_owned(), bucket.key().to_owned(), *id))
                .collect(),
        };
        permit.into_grant().hand_over();
        let mut bytes = serde_json::to_vec(&content).unwrap_or_default();
        let seal = seal(&self.current().load(), &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&seal[..SEAL_BYTES]);
        BASE64.encode(bytes)
    }

    /// Takes back a permit by its id. It can be settled once, within 10 minutes of its grant. Dropped, its call is
    /// over.
    ///
    /// # Errors
    /// [`PermitError::Unknown`] if the id was not given out for this namespace.
    pub fn take_back(&self, id: &str) -> Result<Permit, Error> {
        let grant = self.opened_grant(id)?;
        let leases = grant.leases();
        if !leases.is_empty() {
            self.outbox().send(Notice::TakenBack(leases)).map_err(|_| Error::Closed)?;
        }
        Ok(Permit::new(grant, Duration::ZERO))
    }

    /// Says that the call of a permit that was handed over is still in flight: its [lease](Permit::lease) begins anew.
    /// Without a lease nothing is to be said, and nothing is done.
    ///
    /// # Errors
    /// [`PermitError::Unknown`] if the id was not given out for this namespace; [`PermitError::SettledBefore`] if the
    /// permit was settled: its call is over; [`Error::Store`].
    ///
    /// # Cancel safety
    /// Once polled the renewal is on its way, whether or not the future is polled to its end.
    pub async fn heartbeat(&self, id: &str) -> Result<(), Error> {
        let grant = self.opened_grant(id)?;
        if grant.leases().is_empty() {
            grant.hand_over();
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        grant.go_on(reply)?;
        match outcome(answer.await) {
            // Too old to be settled, it is renewed all the same.
            Err(Error::Permit(PermitError::TooLate)) => Ok(()),
            outcome => outcome,
        }
    }

    fn opened_grant(&self, id: &str) -> Result<Grant, Error> {
        Ok(Grant::new(self.opened(id)?, 0, false).take())
    }

    /// The charge that an id stands for. It is no grant: dropping it does nothing.
    pub(crate) fn opened(&self, id: &str) -> Result<Arc<Charge>, Error> {
        let in_force = self.current().load();
        let content = open(&in_force, id).ok_or(PermitError::Unknown)?;
        // A limit that is no longer in the policy has nothing to correct.
        let charged = content.b.iter();
        let bucket = |counted_as: &str, key: &str| in_force.policy.bucket(counted_as, key);
        let charged = charged.filter_map(|(counted_as, key, cost)| Some((bucket(counted_as, key)?, *cost)));
        let leases = content.l.iter();
        let leases = leases
            .filter_map(|(counted_as, key, id)| Some(Lease { bucket: bucket(counted_as, key)?, id: *id }))
            .map(|first| Leases { first, calls: 1 });
        let charge = Charge {
            path: Arc::new(Path::of(content.c, charged.collect())),
            generation: in_force.generation(),
            debts: Arc::new([]),
            cost: content.c,
            epoch: content.e,
            granted_at_us: content.t,
            name: Some(content.n),
            leases: leases.collect(),
            meters: Arc::clone(in_force.meters()),
            outbox: self.outbox().clone(),
        };
        Ok(Arc::new(charge))
    }
}

fn seal(in_force: &InForce, content: &[u8]) -> Hmac<Sha256> {
    let mut keyed = [0_u8; 64];
    let secret = in_force.record.seal.as_bytes();
    let length = secret.len().min(keyed.len());
    keyed[..length].copy_from_slice(&secret[..length]);
    let mut seal = <Hmac<Sha256> as KeyInit>::new(&keyed.into());
    seal.update(content);
    seal
}

fn open(in_force: &InForce, id: &str) -> Option<Content> {
    let bytes = BASE64.decode(id).ok()?;
    let (content, given) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
    seal(in_force, content).verify_truncated_left(given).ok()?;
    serde_json::from_slice(content).ok()
}
