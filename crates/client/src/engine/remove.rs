//! The argument and the reply of `remove.lua`.

use super::flat::{Malformed, Writer};
use super::reply::Reply;

/// The end of a namespace.
#[derive(Clone, Copy, Debug)]
pub struct Remove;

impl Remove {
    /// The script's argument.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        Writer::new().finish()
    }

    /// The script's reply.
    pub fn decode(self, reply: &[u8]) -> Result<Reply<()>, Malformed> {
        Reply::read(reply, |_| Ok(()))
    }
}
