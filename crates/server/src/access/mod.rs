//! Who may do what: the API keys of the namespace, asked for in one place in front of all routes.

mod bad_logins;
mod caller;
mod check;
mod needs;
mod ring;

pub(crate) use bad_logins::MAX_BAD_LOGINS_DEFAULT;
pub(crate) use caller::{Caller, Peer};
pub(crate) use check::{Access, Rules, check};
pub(crate) use needs::KEY;
