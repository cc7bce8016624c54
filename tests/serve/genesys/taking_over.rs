//! What the simulator says of an organisation's limits is taken over, once.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate::Policy;
use tollgate_simulator::{Config, Seed, Server};
use tollgate_testkit::Replica;

use super::super::client::{Api, call_of};
use super::command::{Run, SECRET};

/// Where acme is on another tier than others.
pub(super) const PROVIDER: &str = r#"
    shape = "genesys-cloud"

    [[limit]]
    name = "platform.api/token.rate.per.minute"
    per = ["token"]
    kind = "fixed-window"
    value = 300
    window = "60s"

    [[limit]]
    name = "directory/user.rate.per.minute"
    per = ["org"]
    kind = "fixed-window"
    value = 180
    window = "60s"
    override = { acme = 600 }

    [[limit]]
    name = "flows/flows.rate.per.minute"
    per = ["org"]
    kind = "fixed-window"
    value = 12000
    window = "60s"

    [[limit]]
    name = "quality/forms.rate.per.minute"
    per = ["org"]
    kind = "fixed-window"
    value = 60
    window = "60s"

    [[client]]
    id = "app-1"
    secret = "s3cret-of-app-1"
    org = "acme"

    [oauth]
    lifetime = "1h"
"#;

/// It knows three of those limits, and has one of its own.
pub(super) const POLICY: &str = r#"
    namespace = "shop"
    provider = "genesys-cloud"

    [[limit]]
    name = "token"
    # The provider does not tell of the first.
    names = ["platform.api/other.token.rate.per.minute", "platform.api/token.rate.per.minute"]
    per = ["client"]
    quota = "300/1m"
    when = { path = "/nowhere" }

    [[limit]]
    name = "users"
    names = ["directory/user.rate.per.minute"]
    per = ["org"]
    quota = "180/1m"

    [[limit]]
    name = "flows"
    names = ["flows/flows.rate.per.minute"]
    per = ["org"]
    quota = "12000/60s"

    [[limit]]
    name = "gone"
    names = ["directory/gone.rate.per.minute"]
    per = ["org"]
    quota = "5000/1m"

    [[limit]]
    name = "own"
    per = ["org"]
    rate = "100000/s"
"#;

pub(super) async fn provider(text: &str) -> Result<Server> {
    assert!(text.contains(SECRET), "it is the secret that must not be shown");
    Ok(Server::start(Config::from_toml(text)?, Seed::new(1)).await?)
}

pub(super) async fn service() -> Result<Api> {
    Api::start(Replica::builder().policy(POLICY)).await
}

/// Whose limits; in the namespace of the tests.
pub(super) const SHOP: [&str; 2] = ["--namespace", "shop"];

/// The overrides of a limit.
pub(super) async fn overrides(api: &Api, limit: &str) -> Result<Value> {
    let policy = api.get("/v1/shop/policy").await?.expect(200);
    let limits = policy["limit"].as_array().context("limits")?;
    let limit = limits.iter().find(|known| known["name"] == limit).context("the limit")?;
    Ok(limit["override"].clone())
}

/// Each limit and what becomes of it.
fn statuses(report: &Value) -> BTreeMap<String, String> {
    let rows = report["limits"].as_array().expect("rows");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(&row["limit"]), text(&row["status"]))).collect()
}

/// Shown first, then put into force with its author and reason, then nothing: by the second time there is nothing to
/// change.
#[tokio::test]
async fn what_the_provider_says_is_taken_over_once() -> Result<()> {
    let (api, provider) = (service().await?, provider(PROVIDER).await?);
    let run = || Run::new(api.replica.base_url(), &provider.url("")).map(|run| run.arguments(&SHOP));

    let shown = run()?.arguments(&["--json"]).end().await?;
    shown.done();
    let report = shown.json();
    let expected = [("token", "aside"), ("users", "change"), ("flows", "equal"), ("gone", "not_told")];
    let expected = expected.map(|(limit, status)| (limit.to_owned(), status.to_owned()));
    assert_eq!(statuses(&report), BTreeMap::from(expected), "{report}");
    assert_eq!((&report["done"]["outcome"], &report["changes"]), (&json!("proposed"), &json!(1)));
    assert_eq!(api.get("/v1/shop/policy").await?.header("tollgate-policy-version"), "1");

    let applied = run()?.arguments(&["--apply", "--author", "ann", "--reason", "ticket 17"]).end().await?;
    assert!(applied.done().contains("1 change, in force as version 2"), "{applied:?}");
    let policy = api.get("/v1/shop/policy").await?;
    assert_eq!((policy.header("tollgate-author"), policy.header("tollgate-reason")), ("ann", "ticket 17"));
    assert_eq!(overrides(&api, "users").await?, json!({"acme": {"quota": "600/1m"}}));
    // A tenth of 600 passes at once now, and of others still a tenth of 180.
    assert_eq!(api.remaining("users", "acme").await?, 60);
    assert_eq!(api.remaining("users", "globex").await?, 18);
    api.acquire(&call_of("acme", 1)).await?.expect(200);

    let again = run()?.arguments(&["--apply"]).end().await?;
    assert!(again.done().contains("nothing to change"), "{again:?}");
    assert_eq!(api.get("/v1/shop/policy").await?.header("tollgate-policy-version"), "2");
    Ok(())
}

/// The table names each limit with both sides, and the limits that nobody has written can be pasted into the policy.
#[tokio::test]
async fn the_table_shows_both_sides_and_what_is_missing() -> Result<()> {
    let (api, provider) = (service().await?, provider(PROVIDER).await?);
    let run = Run::new(api.replica.base_url(), &provider.url(""))?.arguments(&SHOP);
    let shown = run.end().await?;
    let text = shown.done();
    let row = |limit: &str| text.lines().find(|line| line.starts_with(limit)).unwrap_or_default().to_owned();
    let cells = |limit: &str| row(limit).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells("users"), ["users", "directory/user.rate.per.minute", "180/1m", "600/1m", "600/1m"]);
    assert!(row("flows").ends_with("equal"), "{text}");
    assert!(row("token").contains("counted per client"), "{text}");
    assert!(row("gone").contains("does not tell of it"), "{text}");
    assert!(text.ends_with("1 change; --apply puts that into force\n"), "{text}");

    let (_, rest) = text.split_once("[[limit]]").context("a snippet")?;
    let (snippet, _) = rest.split_once("\n\n").context("its end")?;
    let policy = Policy::from_toml(&format!("{POLICY}\n[[limit]]{snippet}"))?;
    let added = policy.limits().last().context("it has limits")?;
    assert_eq!(added.names(), ["quality/forms.rate.per.minute"]);
    assert_eq!(added.quota(), Some("60/1m"));
    Ok(())
}

/// What was asked for is all that changes.
#[tokio::test]
async fn only_the_limits_that_were_asked_for_change() -> Result<()> {
    let provider_text = PROVIDER.replace("value = 12000", "value = 9000");
    let (api, provider) = (service().await?, provider(&provider_text).await?);
    let run = || Run::new(api.replica.base_url(), &provider.url("")).map(|run| run.arguments(&SHOP));
    run()?.arguments(&["--apply", "--limit", "flows"]).end().await?.done();
    assert_eq!(overrides(&api, "flows").await?, json!({"acme": {"quota": "9000/1m"}}));
    assert_eq!(overrides(&api, "users").await?, Value::Null);

    let shown = run()?.arguments(&["--json", "--provider-namespace", "directory"]).end().await?.json();
    assert_eq!(statuses(&shown), BTreeMap::from([("users".to_owned(), "change".to_owned())]), "{shown}");
    assert_eq!(shown["unknown"], json!([]));
    run()?.arguments(&["--limit", "other"]).end().await?.failed(1, &["limit: \"other\""]);
    let unknown = run()?.arguments(&["--provider-namespace", "other"]).end().await?;
    unknown.failed(1, &["no namespace \"other\" of limits"]);
    Ok(())
}

/// A limit that has an override for the organisation already keeps what else that says.
#[tokio::test]
async fn an_override_that_is_there_keeps_its_other_fields() -> Result<()> {
    let own = POLICY.replace(
        "quota = \"180/1m\"",
        "quota = \"180/1m\"\noverride.acme = { quota = \"240/1m\", burst = 12, spacing = \"10ms\" }",
    );
    let api = Api::start(Replica::builder().policy(own)).await?;
    let provider = provider(PROVIDER).await?;
    let run = Run::new(api.replica.base_url(), &provider.url(""))?.arguments(&SHOP);
    let ran = run.arguments(&["--apply"]).end().await?;
    assert!(ran.done().contains("240/1m (override)"), "{ran:?}");
    let expected = json!({"acme": {"quota": "600/1m", "burst": 12, "spacing": "10ms"}});
    assert_eq!(overrides(&api, "users").await?, expected);
    Ok(())
}
