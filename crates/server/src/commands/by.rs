//! Who makes a change on the command line, and what for.

use clap::Args;

/// Who makes a change, and what for: it stands in the audit trail.
#[derive(Args, Debug)]
pub(super) struct By {
    /// Who makes the change [default: the user of this machine]
    #[arg(long, env = "TOLLGATE_AUTHOR")]
    author: Option<String>,
    /// What for
    #[arg(long)]
    reason: Option<String>,
}

impl By {
    /// As header fields of a request.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let author = self.author.clone().or_else(|| std::env::var("USER").ok());
        let texts = [("tollgate-author", author), ("tollgate-reason", self.reason.clone())];
        texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)))
            .collect()
    }
}
