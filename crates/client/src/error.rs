//! What can go wrong with an acquire.

use crate::access::KeyError;
use crate::call::CallError;
use crate::change::ChangeError;
use crate::decision::Refused;
use crate::permit::PermitError;
use crate::policy::PolicyError;
use crate::store::{StoreAddressError, StoreError};

/// Why a call got no permit, or the limiter could not be set up.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Refused, or its wait would have gone past its deadline. Nothing was charged.
    #[error("refused: {0}")]
    Refused(Refused),
    /// The call can't be decided on as it is.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address of the store can't be read.
    #[error(transparent)]
    Address(#[from] StoreAddressError),
    /// The policy can't be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Who changes the policy, or what for, can't be kept.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The API key was not made, or not revoked.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The permit can't be settled.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// The text can't name a namespace.
    #[error(
        "namespace {namespace:?} is no name: 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit"
    )]
    Namespace {
        /// What was given.
        namespace: String,
    },
    /// The namespace has no policy yet.
    #[error(
        "namespace {namespace} has no policy; give it a first one: `Tollgate::builder(..).policy(..)` in the library, \
         `--policy FILE` at the start of `tollgate serve`"
    )]
    NoPolicy {
        /// The namespace that was asked for.
        namespace: String,
    },
    /// The store does not keep this version of the policy, or there was none yet.
    #[error("there is no version {version} of the policy, or it is kept no more: the last hundred are")]
    NoSuchVersion {
        /// The version that was asked for.
        version: u64,
    },
    /// The policy has no such limit, or the limit can't have such a key.
    #[error("no bucket of limit {limit:?} could have the key {key:?}")]
    NoBucket {
        /// The limit that was asked for.
        limit: String,
        /// The key that was asked for.
        key: String,
    },
    /// The limit has as many buckets as its `max_keys` allows, and would need another one. Nothing was changed.
    #[error("limit {limit} has as many buckets as its max_keys allows")]
    TooManyBuckets {
        /// The limit's name.
        limit: String,
    },
    /// The policy is for another namespace.
    #[error("the policy is for namespace {found}, expected {expected}")]
    OtherNamespace {
        /// The namespace of the limiter.
        expected: String,
        /// The one in the policy.
        found: String,
    },
    /// Another policy came into force than the one that this change was made on.
    #[error("the policy is at {current:?} now; read it again and make the change on it")]
    Conflict {
        /// Its entity tag, "" if there is none.
        current: String,
    },
    /// As many calls of the same organisation and priority wait in this process as may. Nothing was charged.
    #[error(
        "{waiting} calls of {flow} wait in this process already, and {most} may; let fewer wait, or raise the most"
    )]
    TooManyWaiting {
        /// Whose calls they are, as `<priority>:<org>`.
        flow: String,
        /// How many of them wait.
        waiting: usize,
        /// How many may.
        most: usize,
    },
    /// The limiter's task is gone: its runtime was shut down.
    #[error("the limiter was shut down")]
    Closed,
}
