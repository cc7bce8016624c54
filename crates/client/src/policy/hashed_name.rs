//! The name of a bucket or a flow, which tables are searched by.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

/// Callers choose the keys in names. Without it they could choose names that all fall into one place of a table.
static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A name with a hash worked out once: it is looked up in every batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HashedName {
    hash: u64,
    text: Arc<str>,
}

impl HashedName {
    pub(super) fn new(text: &str) -> Self {
        Self { hash: SECRET.hash_one(text), text: text.into() }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl Hash for HashedName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
