//! Who makes a change on the command line, and what for.

use clap::Args;
use tollgate::Change;

/// Who makes a change, and what for: it stands in the audit trail. With an API key it is the key's label that stands there.
#[derive(Args, Debug)]
pub(super) struct By {
    /// Who makes the change, where nobody is asked for an API key [default: the user of this machine]
    #[arg(long, env = "TOLLGATE_AUTHOR")]
    author: Option<String>,
    /// What for
    #[arg(long)]
    reason: Option<String>,
}

impl By {
    /// As header fields of a request.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let texts = [("tollgate-author", self.author()), ("tollgate-reason", self.reason.clone())];
        texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)))
            .collect()
    }

    /// As a change that no service is asked for.
    pub(super) fn change(&self) -> Change {
        let author = self.author().unwrap_or_else(|| "unknown".to_owned());
        Change { author, reason: self.reason.clone().unwrap_or_default() }
    }

    fn author(&self) -> Option<String> {
        self.author.clone().or_else(|| std::env::var("USER").ok()).filter(|author| !author.is_empty())
    }
}
