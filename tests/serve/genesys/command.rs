//! The command, run against a service and a provider.

use std::process::{Command, Output, Stdio};

use anyhow::Result;
use serde_json::Value;
use tollgate_testkit::replica_binary;

/// The secret of the only client, which nothing may show.
pub(super) const SECRET: &str = "s3cret-of-app-1";

/// What a run left behind.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// One run of it, for acme.
pub(super) struct Run {
    command: Command,
}

impl Run {
    /// As the client `app-1`.
    pub(super) fn new(service: &str, provider: &str) -> Result<Self> {
        let run = Self::anonymous(service, provider)?;
        Ok(run.env("TOLLGATE_GENESYS_CLIENT_ID", "app-1").env("TOLLGATE_GENESYS_CLIENT_SECRET", SECRET))
    }

    /// With a token that it was given.
    pub(super) fn with_token(service: &str, provider: &str) -> Result<Self> {
        Ok(Self::anonymous(service, provider)?.env("TOLLGATE_GENESYS_TOKEN", SECRET))
    }

    /// Without credentials.
    pub(super) fn anonymous(service: &str, provider: &str) -> Result<Self> {
        let mut command = Command::new(replica_binary()?);
        command.args(["genesys", "limits", "--org", "acme", "--url", service, "--api-url", provider]);
        command.stdin(Stdio::null());
        Ok(Self { command })
    }

    pub(super) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end. Whatever comes of it, the secret is not shown.
    pub(super) async fn end(mut self) -> Result<Ran> {
        let output = tokio::task::spawn_blocking(move || self.command.output()).await??;
        let Output { status, stdout, stderr } = output;
        let (stdout, stderr) = (String::from_utf8(stdout)?, String::from_utf8(stderr)?);
        assert!(!stdout.contains(SECRET) && !stderr.contains(SECRET), "{stdout}{stderr}");
        Ok(Ran { code: status.code(), stdout, stderr })
    }
}

impl Ran {
    /// What it said where it was to end well.
    #[track_caller]
    pub(super) fn done(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        &self.stdout
    }

    /// The object that it wrote.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect(&self.stdout)
    }

    /// Checks that it failed with this code, and that it said why.
    #[track_caller]
    pub(super) fn failed(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for words in said {
            assert!(self.stderr.contains(words), "no {words:?}: {self:?}");
        }
    }
}
