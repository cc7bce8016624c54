//! API keys: who may ask a service of a namespace for what.

mod api_keys;
mod error;
mod key;
mod presented;
mod role;

pub use api_keys::{ApiKeys, KeysSeen};
pub use error::KeyError;
pub use key::{ApiKey, KeyToken, MadeKey, NewKey};
pub use presented::Presented;
pub use role::{NoRole, Role};
