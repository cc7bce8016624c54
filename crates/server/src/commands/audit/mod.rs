//! `tollgate audit`: what happened to a namespace, asked of a running service.

mod line;
mod output;
mod trail;

use std::io;
use std::iter;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::timeout;
use tollgate::AuditKind;

use self::output::Output;
use self::trail::{Asked, News};
use super::plain::plain;
use super::service::{self, Place, Service};
use super::{USAGE, failed, run_to_end, time};

/// Entries of a page that is asked for where all are wanted.
const PAGE: usize = 1_000;

/// Pause before a service is asked again that can't be followed.
const AGAIN: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  tollgate audit
      The last hundred entries of the service on this machine, the newest last.
  tollgate audit --from 24h --kind cut
      Every cut of the last day.
  tollgate audit --follow --org acme --json
      The last entries about an organisation, and what comes, as a line of JSON each.

Exit codes: 0 done, 1 the service can't be asked, 2 the command line is wrong.";

/// Show what happened to a namespace: policies, pauses, cuts, losses of state, and who brought them about
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// From when on: a time such as 2026-11-26T07:00:00Z, or how long ago, such as 90m or 7d [default: the last
    /// entries]
    #[arg(long, value_name = "TIME", value_parser = time::read)]
    from: Option<Timestamp>,
    /// Up to when, written as --from
    #[arg(long, value_name = "TIME", value_parser = time::read, conflicts_with = "follow")]
    to: Option<Timestamp>,
    /// Only what calls of this organisation have brought about
    #[arg(long)]
    org: Option<String>,
    /// Only what is about this limit
    #[arg(long)]
    limit: Option<String>,
    /// Only one kind
    #[arg(long, value_parser = kind())]
    kind: Option<AuditKind>,
    /// How many of the last entries, where --from is not given, 1 to 1000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// Go on with what happens, behind the last entries, until it is interrupted
    #[arg(long)]
    follow: bool,
    /// Entries as the service gives them, a line of JSON each
    #[arg(long)]
    json: bool,
}

/// One of the kinds, which help and shells list.
fn kind() -> impl TypedValueParser<Value = AuditKind> {
    PossibleValuesParser::new(AuditKind::ALL.map(AuditKind::as_str)).try_map(|kind| kind.parse::<AuditKind>())
}

/// Prints the entries on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let service = match arguments.place.service() {
        Ok(service) => service,
        Err(error) => return failed(&error, USAGE),
    };
    match run_to_end(show(arguments, &service)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as with `| head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&error.context(format!("can't show the audit trail of {}", arguments.place)), 1),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref::<io::Error>().is_some_and(kind)
}

async fn show(arguments: &Arguments, service: &Service) -> Result<()> {
    let mut output = Output::new(arguments.json);
    let last_id = if arguments.from.is_some() || arguments.to.is_some() {
        show_all(arguments, service, &mut output).await?
    } else {
        show_newest(arguments, service, &mut output).await?
    };
    if arguments.follow { go_on(arguments, service, output, last_id).await } else { Ok(()) }
}

/// Follows the trail without end, behind the last entry that was printed. A service that can't be followed is asked
/// again.
async fn go_on(
    arguments: &Arguments,
    service: &Service,
    mut output: Output,
    mut last_id: String,
) -> Result<()> {
    let (filters, mut is_told) = (filters(arguments), false);
    loop {
        let seen = last_id.clone();
        let take = |news: News<'_>| {
            match news {
                News::Entry(id, entry) => {
                    output.write(iter::once(&entry))?;
                    id.clone_into(&mut last_id);
                }
                News::Gap(gap) => tell_gap(&gap),
            }
            Ok(())
        };
        match trail::follow(service, &filters, &seen, take).await {
            Err(error) if is_broken_pipe(&error) || service::is_refusal(&error) => return Err(error),
            // Once for as long as nothing comes.
            Err(error) => {
                if !is_told || seen != last_id {
                    tell_broken(&error);
                }
                is_told = true;
            }
            Ok(()) => is_told = false,
        }
        pause(AGAIN).await;
    }
}

/// All entries that are wanted, page by page. Returns the id given out last.
async fn show_all(arguments: &Arguments, service: &Service, output: &mut Output) -> Result<String> {
    let mut cursor = None;
    loop {
        let mut query = filters(arguments);
        query.push(("count", PAGE.to_string()));
        for (name, time) in [("from", arguments.from), ("to", arguments.to)] {
            query.extend(time.map(|time| (name, time.to_string())));
        }
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = trail::page(service, &query).await?;
        output.write(page.entries.iter())?;
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(page.last_id),
        }
    }
}

/// The newest entries, the newest last. A page may have fewer than there are.
async fn show_newest(arguments: &Arguments, service: &Service, output: &mut Output) -> Result<String> {
    let wanted = usize::from(arguments.count);
    let (mut entries, mut cursor, mut last_id) = (Vec::new(), None, None);
    loop {
        let mut query = filters(arguments);
        query.push(("order", "newest".to_owned()));
        query.push(("count", (wanted - entries.len()).to_string()));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = trail::page(service, &query).await?;
        entries.extend(page.entries);
        let last_id = last_id.get_or_insert(page.last_id);
        match page.next_cursor {
            Some(next) if entries.len() < wanted => cursor = Some(next),
            _ => {
                output.write(entries.iter().rev())?;
                return Ok(last_id.clone());
            }
        }
    }
}

fn filters(arguments: &Arguments) -> Vec<Asked> {
    let kind = arguments.kind.map(|kind| kind.as_str().to_owned());
    let all = [("org", arguments.org.clone()), ("limit", arguments.limit.clone()), ("kind", kind)];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[expect(clippy::print_stderr, reason = "this is where a command's errors go")]
fn tell_broken(error: &anyhow::Error) {
    eprintln!("the service can't be followed, trying again: {}", super::told(error));
}

/// Beside the entries, so that whoever reads those as JSON has nothing else among them.
#[expect(clippy::print_stderr, reason = "this is where what is no entry goes")]
fn tell_gap(gap: &Value) {
    let [after, before] = ["after", "before"].map(|name| time_of(gap[name].as_str().unwrap_or_default()));
    eprintln!("entries between {after} and {before} may have been trimmed before they could be read");
}

/// The time that an id stands for, to the millisecond.
fn time_of(id: &str) -> String {
    let ms = id.split('-').next().and_then(|ms| ms.parse().ok());
    let time = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| plain(id), |time| format!("{time:.3}"))
}

/// Time itself is what is waited for.
async fn pause(length: Duration) {
    let _ = timeout(length, std::future::pending::<()>()).await;
}
