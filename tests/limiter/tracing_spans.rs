//! The span of an acquire: what binds, what came of it, and nothing of whose call it was.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tollgate::{Call, Decision, Policy, Tollgate};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

/// Everything that was recorded of every acquire, by the number of its span.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<u64, BTreeMap<&'static str, String>>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: LayerContext<'_, S>) {
        if attributes.metadata().name() == "tollgate.acquire" {
            let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            attributes.record(&mut Fields(spans.entry(id.into_u64()).or_default()));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fields) = spans.get_mut(&id.into_u64()) {
            values.record(&mut Fields(fields));
        }
    }
}

impl Seen {
    /// What was recorded since it was last asked for.
    fn take(&self) -> Vec<BTreeMap<&'static str, String>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_values().collect()
    }
}

const POLICY: &str = "namespace = 'test'
    [[limit]]
    name = 'wide'
    per = []
    rate = '1000/s'
    [[limit]]
    name = 'narrow'
    per = ['org']
    rate = '20/s'
    burst = 1";

/// A limiter whose span is known to `tracing` before anybody subscribes. While there is one subscriber, a span that is
/// met first by a thread without one, as by those of other tests, is taken to interest nobody.
async fn known_gate() -> Result<Tollgate> {
    let gate = Tollgate::embedded(Policy::from_toml(POLICY)?).await?;
    gate.acquire(&Call::get("/").org("other")).await?;
    Ok(gate)
}

/// Goal: a trace tells which limit a call was held up by. Method: one call is granted at once, one refused, one waits,
/// one is given up.
#[tokio::test]
async fn an_acquire_is_a_span_with_the_limit_that_binds() -> Result<()> {
    let gate = known_gate().await?;
    let seen = Seen::default();
    let _default = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    let call = Call::get("/secret/path").org("secret-org").client("secret-client").request_id("secret-id");

    ensure!(matches!(gate.try_acquire(&call).await?, Decision::Granted(_)));
    let told = seen.take();
    let [granted] = told.as_slice() else { anyhow::bail!("{told:?}") };
    ensure!(granted["outcome"] == "granted" && !granted.contains_key("limit"), "{granted:?}");
    ensure!(granted["waited_us"].parse::<u64>()? < 1_000_000, "{granted:?}");

    let other = Call::get("/secret/path").org("secret-org");
    ensure!(matches!(gate.try_acquire(&other).await?, Decision::Refused(_)));
    let told = seen.take();
    ensure!(told.len() == 1 && told[0]["outcome"] == "refused" && told[0]["limit"] == "narrow", "{told:?}");

    gate.acquire(&other).await?;
    let waited = seen.take().pop().context("a span")?;
    ensure!(waited["outcome"] == "granted" && waited["limit"] == "narrow", "{waited:?}");
    ensure!(waited["waited_us"].parse::<u64>()? > 1_000, "{waited:?}");

    let given_up = tokio::time::timeout(std::time::Duration::from_millis(1), gate.acquire(&other)).await;
    ensure!(given_up.is_err());
    let dropped = seen.take().pop().context("a span")?;
    ensure!(dropped["outcome"] == "dropped", "{dropped:?}");
    for fields in [granted, &waited, &dropped] {
        ensure!(fields.values().all(|value| !value.contains("secret")), "{fields:?}");
        ensure!(fields.keys().all(|name| ["outcome", "limit", "waited_us"].contains(name)), "{fields:?}");
    }
    Ok(())
}

/// Goal: whoever logs what is usual is not told of each acquire, and pays nothing for it. Method: nothing below `info`
/// is taken up.
#[tokio::test]
async fn at_the_usual_level_there_is_no_span() -> Result<()> {
    let gate = known_gate().await?;
    let seen = Seen::default();
    let usual = Registry::default().with(seen.clone().with_filter(LevelFilter::INFO));
    let _default = tracing::subscriber::set_default(usual);
    gate.acquire(&Call::get("/").org("acme")).await?;
    ensure!(seen.take().is_empty());
    Ok(())
}
