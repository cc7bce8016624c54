//! Which buckets a list is to have.

use clap::Args;

/// Only the buckets of a limit, or of a key of it: by options, as filters are, or by position, as a bucket is where it
/// is changed.
#[derive(Args, Debug)]
pub(super) struct BucketFilter {
    /// Short for --limit
    #[arg(value_name = "LIMIT")]
    first: Option<String>,
    /// Short for --key
    #[arg(value_name = "KEY")]
    second: Option<String>,
    /// Only the buckets of this limit
    #[arg(long, conflicts_with = "first")]
    limit: Option<String>,
    /// Only those with this key; "" for a limit that is counted per nothing
    #[arg(long, conflicts_with = "second")]
    key: Option<String>,
}

impl BucketFilter {
    pub(super) fn limit(&self) -> Option<&String> {
        self.limit.as_ref().or(self.first.as_ref())
    }

    pub(super) fn key(&self) -> Option<&String> {
        self.key.as_ref().or(self.second.as_ref())
    }
}
