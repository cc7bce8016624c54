//! `tollgate genesys limits`: a policy's overrides for an organisation, by what Genesys Cloud says are its limits.

use std::process::ExitCode;

use clap::Args;
use reqwest_middleware::ClientWithMiddleware;

use super::super::{USAGE, failed, run_to_end, show};
use super::limits_api::LimitsApi;
use super::proposal::{Proposal, Scope};
use super::report::{Done, Report};
use super::service::{Change, InForce, Service};
use super::settings::{Options, Settings};
use super::transport;

const EXAMPLES: &str = "\
Examples:
  export TOLLGATE_GENESYS_CLIENT_ID=... TOLLGATE_GENESYS_CLIENT_SECRET=...
  tollgate genesys limits --org acme --api-url https://api.mypurecloud.ie
      What the policy of the service at http://127.0.0.1:8080 says for acme, and what it should say.
  tollgate genesys limits --org acme --api-url https://api.mypurecloud.ie --apply
      The same, and puts it into force.

It asks the provider for its namespaces of limits, and then for each of them: as many calls as there
are namespaces, one after the other, which no limit of the policy counts. Whose limits they are is
decided by the credentials; --org is what the policy calls that organisation, and nothing compares
the two. The client needs the permission limits:organization:view.

Exit codes: 0 it is as it says, 1 it could not be done, or with --apply a limit could not be taken
over, 2 the command line or the configuration is wrong.";

/// Compare a policy with the limits that Genesys Cloud has for an organisation, and take them over
///
/// For each limit of the policy that is counted per org and has the provider's name in `names`, it shows what the
/// policy lets pass for this organisation and what its override should say: exactly what the provider allows, never
/// more. Limits of the provider that the policy does not know are shown as TOML. Secrets are taken from the environment
/// or a file, never from the command line.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,

    /// Put the overrides into force. They replace the policy that they were compared with, and no later one
    #[arg(long)]
    apply: bool,

    /// Write one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

/// Shows the limits on standard output.
pub(super) fn run(Arguments { options, apply, json }: Arguments) -> ExitCode {
    let settings = match Settings::try_from(options) {
        Ok(settings) => settings,
        Err(error) => return failed(&error.into(), USAGE),
    };
    let http = match transport::client(settings.authorities_pem.as_deref()) {
        Ok(http) => http,
        Err(error) => return failed(&error.context("ca"), USAGE),
    };
    match run_to_end(compare(&http, &settings, apply)) {
        Ok(report) => match show(&written(&report, json)) {
            Ok(()) if apply && report.is_incomplete() => ExitCode::from(1),
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error, 1),
        },
        Err(error) => failed(&error, 1),
    }
}

fn written(report: &Report, json: bool) -> String {
    if json {
        // Texts and numbers can't fail to be written.
        serde_json::to_string(report).unwrap_or_default() + "\n"
    } else {
        report.to_string()
    }
}

/// The policy is read first: without one there is nothing to ask the provider for.
async fn compare(http: &ClientWithMiddleware, settings: &Settings, apply: bool) -> anyhow::Result<Report> {
    let service = Service::new(http, settings);
    let mut in_force = service.policy().await?;
    let api = LimitsApi::connect(http, settings).await?;
    let told = api.read(&settings.provider_namespaces).await?;
    let scope = Scope {
        org: &settings.org,
        limits: &settings.limits,
        is_partial: !settings.provider_namespaces.is_empty(),
    };
    for _ in 0..Change::TRIES {
        let proposal = Proposal::of(&in_force.document, &told.limits, scope)?;
        if let Some(done) = carry_out(&service, &in_force, &proposal, apply).await? {
            let report = Report::new(&settings.org, in_force.version, proposal, done);
            return Ok(report.with_empty(told.empty));
        }
        in_force = service.policy().await?;
    }
    Err(Change::given_up())
}

/// What became of a proposal; `None` if the policy is another one by now.
async fn carry_out(
    service: &Service,
    in_force: &InForce,
    proposal: &Proposal,
    apply: bool,
) -> anyhow::Result<Option<Done>> {
    if proposal.changes() == 0 {
        return Ok(Some(Done::Unchanged));
    }
    if !apply {
        return Ok(Some(Done::Proposed));
    }
    Ok(match service.put(&proposal.document, in_force).await? {
        Change::Done(version) => Some(Done::Applied { version }),
        Change::Overtaken => None,
    })
}
