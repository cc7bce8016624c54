//! `tollgate keys`: the API keys of a namespace, by a running service, or on the store itself.

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};
use tollgate::{ApiKey, ApiKeys, NewKey, Role, StoreAddress, Tollgate};

use super::by::By;
use super::columns::columns;
use super::plain::plain;
use super::service::{Ask, Place, Service, segment};
use super::store_files::StoreFiles;
use super::{USAGE, carried_out, failed, run_to_end, show, time};
use crate::config::{Config, StoreUrl};
use crate::{rfc3339, settings};

const EXAMPLES: &str = "\
Examples:
  tollgate keys create --role admin --label ann --store redis://127.0.0.1/ --namespace genesys
      The first key, made on the store itself. It is printed this once; keep it where secrets are
      kept.
  export TOLLGATE_API_KEY=tg_...
  tollgate keys create --role acquire --label billing --expires-at 2027-01-31T00:00:00Z
      One more, for a program that asks for permits, made by the running service.
  tollgate keys list
      Whose keys there are, what for, and when each was last used.
  tollgate keys revoke 0123456789abcdef
      A key is good for nothing any more, at every replica within two seconds.

Exit codes: 0 done, 1 the service or the store can't be asked or refuses it, 2 the command line is
wrong.";

/// Make, show and revoke API keys: roles are acquire, viewer, operator and admin
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key, and print it: it is shown this once
    Create(CreateArguments),
    /// Show whose keys there are, without their secrets
    List(ListArguments),
    /// Have a key be good for nothing any more
    Revoke(RevokeArguments),
}

#[derive(Args, Debug)]
struct CreateArguments {
    /// What it is for: acquire (permits), viewer (everything that is read), operator (that, overrides and pauses) or
    /// admin (everything)
    #[arg(long, value_parser = role())]
    role: Role,
    /// Whose it is: the audit trail tells by it who has changed something
    #[arg(long)]
    label: String,
    /// From when on it is good for nothing, such as 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME", value_parser = time::point)]
    expires_at: Option<jiff::Timestamp>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args, Debug)]
struct ListArguments {
    /// In JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args, Debug)]
struct RevokeArguments {
    /// Its id, as lists have it: of a whole key the 16 digits behind tg_
    id: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    asked: Asked,
}

/// Who is asked: a service, or the store.
#[derive(Args, Debug)]
struct Asked {
    #[command(flatten)]
    place: Place,
    #[expect(clippy::doc_markdown, reason = "shown by --help, as it is")]
    /// Ask no service, but work on this store itself; without a URL on that of TOLLGATE_STORE, where `ps` does not show
    /// a password. For the first key, and for whoever has lost all of them
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    store: Option<StoreUrl>,
    #[command(flatten)]
    files: StoreFiles,
}

/// Does it, and says what came of it on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        Command::Create(create) => create.asked.carry_out(
            async |service| created(create, service).await,
            async |keys| created_on_store(create, keys).await,
        ),
        Command::List(list) => list.asked.carry_out(
            async |service| listed(list, service).await,
            async |keys| listed_on_store(list, keys).await,
        ),
        Command::Revoke(revoke) => match ApiKey::check_id(&revoke.id) {
            // A secret in an address would be in logs on its way.
            Err(error) => failed(&error.into(), USAGE),
            Ok(()) => revoke.asked.carry_out(
                async |service| revoked(revoke, service).await,
                async |keys| revoked_on_store(revoke, keys).await,
            ),
        },
    }
}

impl Asked {
    /// By whom it is asked for.
    fn carry_out(
        &self,
        by_service: impl AsyncFnOnce(&Service) -> Result<String>,
        on_store: impl AsyncFnOnce(&ApiKeys) -> Result<String>,
    ) -> ExitCode {
        let Some(store) = &self.store else { return carried_out(&self.place, by_service) };
        let (address, keys) = match self.keys_on(store) {
            Ok(found) => found,
            Err(error) => return failed(&error, USAGE),
        };
        match run_to_end(async { on_store(&keys()?).await }).and_then(|said| show(&said)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error.context(address.to_string()), 1),
        }
    }

    /// The store, and what opens it.
    fn keys_on(&self, store: &StoreUrl) -> Result<(StoreAddress, impl FnOnce() -> Result<ApiKeys>)> {
        let url = Some(store.clone()).filter(|url| !url.as_ref().is_empty());
        let url = url.or_else(|| env::var("TOLLGATE_STORE").ok()?.parse().ok());
        let url = url.context("--store: missing, expected a URL behind it, or in TOLLGATE_STORE")?;
        let address: StoreAddress = url.as_ref().parse().context("--store")?;
        ensure!(
            !matches!(address, StoreAddress::Embedded),
            "--store: embedded, expected a store that services share, such as redis://host:6379"
        );
        // An empty text is a variable that is not set, and says nothing.
        let config = self.files.clone().config().over(Config::default());
        let tls = settings::store_tls(&config, &address)?;
        let builder = Tollgate::builder(self.place.namespace()).store(address.clone()).store_tls(tls);
        Ok((address, move || Ok(builder.api_keys()?)))
    }
}

/// One of the roles, which help and shells list.
fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|role| role.parse::<Role>())
}

async fn created(arguments: &CreateArguments, service: &Service) -> Result<String> {
    let mut wanted = json!({"role": arguments.role.as_str(), "label": arguments.label});
    if let Some(end) = arguments.expires_at {
        wanted["expires_at"] = end.to_string().into();
    }
    let headers = arguments.by.headers();
    let body = Some(("application/json", wanted.to_string().into_bytes()));
    let answer = service.ask(Ask { method: Method::POST, target: "/keys", headers: &headers, body }).await?;
    let made: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
    Ok(format!("{}\n", plain(made["key"].as_str().context("the answer has no key")?)))
}

async fn created_on_store(arguments: &CreateArguments, keys: &ApiKeys) -> Result<String> {
    let end = arguments.expires_at.map(|end| u64::try_from(end.as_microsecond()));
    let new = NewKey {
        role: arguments.role,
        label: arguments.label.clone(),
        expires_at_us: end.transpose().context("--expires-at: before 1970")?,
    };
    let made = keys.make(&new, &arguments.by.change()).await?;
    Ok(format!("{}\n", made.token.expose()))
}

async fn listed(arguments: &ListArguments, service: &Service) -> Result<String> {
    let answer = service.ask(Ask { target: "/keys", ..Ask::default() }).await?;
    let answer: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
    said(arguments, &answer)
}

async fn listed_on_store(arguments: &ListArguments, keys: &ApiKeys) -> Result<String> {
    let keys = keys.list().await?.into_iter().map(|key| {
        let mut listed = json!({"id": key.id, "role": key.role.as_str(), "label": key.label, "author": key.author,
            "made_at": rfc3339::of_us(key.made_at_us)});
        for (name, us) in [("expires_at", key.expires_at_us), ("last_used_at", key.used_at_us)] {
            if let Some(us) = us {
                listed[name] = rfc3339::of_us(us).into();
            }
        }
        listed
    });
    said(arguments, &json!({"keys": keys.collect::<Vec<_>>()}))
}

fn said(arguments: &ListArguments, answer: &Value) -> Result<String> {
    if arguments.json {
        return Ok(format!("{answer}\n"));
    }
    let keys = answer["keys"].as_array().context("the answer has no keys")?;
    let heads = ["ID", "ROLE", "LABEL", "LAST USED", "ENDS", "MADE BY"].map(str::to_owned);
    Ok(columns(&std::iter::once(heads).chain(keys.iter().map(line)).collect::<Vec<_>>()))
}

/// A key as a line for people.
fn line(key: &Value) -> [String; 6] {
    let text = |name: &str| plain(key[name].as_str().unwrap_or_default());
    let or_never = |name: &str| key[name].as_str().map_or_else(|| "never".to_owned(), plain);
    let (used, end) = (or_never("last_used_at"), or_never("expires_at"));
    [text("id"), text("role"), text("label"), used, end, text("author")]
}

async fn revoked(arguments: &RevokeArguments, service: &Service) -> Result<String> {
    let headers = arguments.by.headers();
    let target = format!("/keys/{}", segment(&arguments.id));
    service.ask(Ask { method: Method::DELETE, target: &target, headers: &headers, body: None }).await?;
    Ok(format!("{} is revoked\n", plain(&arguments.id)))
}

async fn revoked_on_store(arguments: &RevokeArguments, keys: &ApiKeys) -> Result<String> {
    if arguments.id.is_empty() {
        bail!("the id of a key is empty");
    }
    keys.revoke(&arguments.id, &arguments.by.change()).await?;
    Ok(format!("{} is revoked\n", plain(&arguments.id)))
}
