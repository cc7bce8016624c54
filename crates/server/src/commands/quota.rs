//! `tollgate quota`: what one key of a limit has instead of what the limit says.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::by::By;
use super::dry_run::DryRun;
use super::plain::plain;
use super::service::{Ask, Place, Service, header_of, segment};
use super::{carried_out, time};

const EXAMPLES: &str = "\
Examples:
  tollgate quota set org acme --rate 50/s --burst 50 --reason 'a higher tier'
      acme has a rate of its own at the limit org.
  tollgate quota set org acme --rate 90/s --expires-at 2026-12-27T00:00:00Z
      The same until the end of a sale.
  tollgate quota set org acme --rate 5/s --dry-run
      Changes nothing: shows what would change, for which buckets, and what the last hour's usage
      would have met.
  tollgate quota unset org acme
      acme has what the limit says again.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong.";

/// Change what one key of a limit has instead of what the limit says
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give a key figures of its own, in place of those that it had
    Set(Box<SetArguments>),
    /// Have a key be as the limit says again
    Unset(UnsetArguments),
}

/// At least one figure.
#[derive(Args, Debug)]
#[group(id = "figures", required = true, multiple = true)]
struct Figures {
    /// Such as 50/s
    #[arg(long, conflicts_with = "quota")]
    rate: Option<String>,
    /// Such as 600/1m
    #[arg(long)]
    quota: Option<String>,
    /// Tokens of a full bucket
    #[arg(long)]
    burst: Option<u64>,
    /// Calls in flight, 1 to 1000
    #[arg(long)]
    concurrent: Option<u64>,
    /// Smallest gap between two grants, such as 200ms
    #[arg(long)]
    spacing: Option<String>,
    /// The organisation's weight where calls wait, 1 to 1000, at a limit that is counted per organisation alone
    #[arg(long)]
    weight: Option<u32>,
}

#[derive(Args, Debug)]
struct SetArguments {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    figures: Figures,
    /// How late a call may count against the quota, such as 500ms
    #[arg(long)]
    slack: Option<String>,
    /// Until when the figures hold, such as 2027-01-31T00:00:00Z; a weight stays [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = time::to_come)]
    expires_at: Option<Timestamp>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct UnsetArguments {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    place: Place,
}

/// Which key of which limit.
#[derive(Args, Debug)]
struct Key {
    /// The limit's name
    limit: String,
    /// The key: the values that the limit is counted per, joined by '/'
    #[arg(value_parser = key)]
    key: String,
}

/// Changes the override, and says in which version of the policy.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        Command::Set(set) => carried_out(&set.place, async |service| {
            let body = Some(("application/json", set.body().to_string().into_bytes()));
            set.key.change(service, (Method::PUT, body), (&set.by, &set.dry_run)).await
        }),
        Command::Unset(unset) => carried_out(&unset.place, async |service| {
            unset.key.change(service, (Method::DELETE, None), (&unset.by, &unset.dry_run)).await
        }),
    }
}

/// A limit that is counted per nothing has one bucket, which has no other figures than the limit's.
fn key(text: &str) -> anyhow::Result<String> {
    anyhow::ensure!(
        !text.is_empty(),
        "expected a key; the figures of a limit that is counted per nothing are changed by `tollgate policy apply`"
    );
    Ok(text.to_owned())
}

impl SetArguments {
    fn body(&self) -> Value {
        let Figures { rate, quota, burst, concurrent, spacing, weight } = &self.figures;
        let texts = [
            ("rate", rate),
            ("quota", quota),
            ("slack", &self.slack),
            ("spacing", spacing),
            ("expires_at", &self.expires_at.map(|end| end.to_string())),
        ];
        let texts = texts.into_iter().map(|(name, text)| (name, text.clone().map(Value::from)));
        let numbers = [("burst", *burst), ("concurrent", *concurrent), ("weight", weight.map(u64::from))];
        let numbers = numbers.into_iter().map(|(name, number)| (name, number.map(Value::from)));
        let given = texts.chain(numbers).filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>())
    }
}

impl Key {
    async fn change(
        &self,
        service: &Service,
        (method, body): (Method, Option<(&'static str, Vec<u8>)>),
        (by, dry_run): (&By, &DryRun),
    ) -> anyhow::Result<String> {
        let Self { limit, key } = self;
        let target = dry_run.target(&format!("/limits/{}/overrides/{}", segment(limit), segment(key)));
        let headers = by.headers();
        let answer = service.ask(Ask { method, target: &target, headers: &headers, body }).await?;
        dry_run.shown(&answer, || {
            let version = header_of(&answer, "tollgate-policy-version").unwrap_or_default();
            format!("{}:{} changed in version {} of the policy\n", plain(limit), plain(key), plain(&version))
        })
    }
}
