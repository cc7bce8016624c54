//! Who makes a change on the command line, and what for.

use clap::Args;
use tollgate::Change;

/// Who makes a change, and what for: it stands in the audit trail. With an API key it is the key's label that stands
/// there.
#[derive(Args, Debug)]
pub(super) struct By {
    /// Who makes the change, where nobody is asked for an API key [default: the user of this machine: $USER, $LOGNAME,
    /// or the number of this process's user]
    #[arg(long, env = "TOLLGATE_AUTHOR")]
    author: Option<String>,
    /// What for
    #[arg(long)]
    reason: Option<String>,
}

impl By {
    /// As header fields of a request.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let texts = [("tollgate-author", Some(self.author())), ("tollgate-reason", self.reason.clone())];
        texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)))
            .collect()
    }

    /// As a change that no service is asked for.
    pub(super) fn change(&self) -> Change {
        Change { author: self.author(), reason: self.reason.clone().unwrap_or_default() }
    }

    fn author(&self) -> String {
        let named = self.author.clone().filter(|author| !author.is_empty());
        named.or_else(logged_in).unwrap_or_else(user_number)
    }
}

/// Who is logged in, as far as the environment says.
fn logged_in() -> Option<String> {
    ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok()).find(|user| !user.is_empty())
}

/// In containers, and where a timer runs this, nobody is logged in, and often no user has a name.
fn user_number() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}
