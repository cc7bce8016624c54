//! What is counted is what happened: the counters against the callers' own book, and against what the store says was
//! spent.

use std::future::IntoFuture;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tollgate::{AuditKind, Begin, Call, Change, Decision, MetricValue, Permit, Policy, Tollgate};
use tollgate_testkit::{FaultProxy, RedisServer, eventually};

use super::audit::{Refusal, count, trail};
use super::cancellation::dropped_after;
use super::{bucket, call, gate, granted, holds, per_org};

const PATIENCE: Duration = Duration::from_secs(20);

/// The values of a metric, those with these values of labels, together. Of a histogram it is how many there were.
pub(super) fn counted(gate: &Tollgate, name: &str, labels: &[(&str, &str)]) -> Result<u64> {
    let families = gate.metrics().families();
    let family = families.iter().find(|family| family.description.name == name);
    let family = family.with_context(|| format!("there is no metric {name}"))?;
    let mut sum = 0;
    for sample in &family.samples {
        let pairs: Vec<_> =
            family.description.labels.iter().copied().zip(sample.labels.iter().map(String::as_str)).collect();
        if labels.iter().all(|label| pairs.contains(label)) {
            sum += match &sample.value {
                MetricValue::Whole(count) => *count,
                MetricValue::Distribution(distribution) => distribution.count,
                other => anyhow::bail!("{name} has {other:?}"),
            };
        }
    }
    Ok(sum)
}

#[track_caller]
fn check(gate: &Tollgate, name: &str, labels: &[(&str, &str)], expected: u64) {
    let found = counted(gate, name, labels).map_err(|error| format!("{error:#}"));
    assert_eq!(found, Ok(expected), "{name} {labels:?}");
}

/// What the callers of a limiter know themselves.
#[derive(Debug, Default)]
struct Book {
    granted: u64,
    tokens: u64,
    refused: u64,
    over: u64,
    settled: u64,
    given_back: u64,
    tokens_given_back: u64,
}

impl Book {
    fn note(&mut self, decision: &Decision) {
        match decision {
            Decision::Granted(permit) => {
                self.granted += 1;
                self.tokens += u64::from(permit.cost());
                self.over += u64::from(permit.would_be_refused());
            }
            Decision::Refused(_) => self.refused += 1,
        }
    }

    /// What becomes of a permit: some are settled, some given back, most sent.
    async fn close(&mut self, permit: Permit) -> Result<()> {
        let cost = permit.cost();
        match self.granted % 5 {
            0 => {
                permit.give_back().await?;
                self.given_back += 1;
                self.tokens_given_back += u64::from(cost);
            }
            1 => {
                permit.settle(1).await?;
                self.settled += 1;
                self.tokens_given_back += u64::from(cost) - 1;
            }
            2 => {
                // Nothing to correct: settled all the same.
                permit.settle(cost).await?;
                self.settled += 1;
            }
            _ => drop(permit),
        }
        Ok(())
    }

    /// The counters say the same, at each limit that the calls pass.
    fn agrees(&self, gate: &Tollgate) {
        check(gate, "tollgate_granted_calls_total", &[("limit", "org")], self.granted);
        check(gate, "tollgate_granted_tokens_total", &[("limit", "org")], self.tokens);
        check(gate, "tollgate_refused_calls_total", &[("limit", "org"), ("reason", "tokens")], self.refused);
        check(gate, "tollgate_refused_calls_total", &[], self.refused);
        check(gate, "tollgate_acquires_total", &[("outcome", "granted")], self.granted);
        check(gate, "tollgate_acquires_total", &[("outcome", "refused")], self.refused);
        check(gate, "tollgate_wait_seconds", &[], self.granted);
        let correction = |purpose| [("purpose", purpose), ("outcome", "made")];
        check(gate, "tollgate_permit_corrections_total", &correction("settle"), self.settled);
        check(gate, "tollgate_permit_corrections_total", &correction("give_back"), self.given_back);
    }
}

/// Goal: G13. Method: hundreds of equal calls, of a few costs and in all priorities, are asked for at once, some with a
/// deadline, through a proxy that swallows answers and cuts connections, so that batches are repeated and answered from
/// memory; permits are settled, given back or kept. What the callers know, what the counters say and what the store has
/// spent are the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_counters_are_the_callers_own_book() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    // What is given back is worth all of it: nothing is earned meanwhile.
    let policy = per_org("rate = '1/1h'\nburst = 1000")?;
    let builder = Tollgate::builder("test").store(proxy.url().parse()?).policy(policy).begin(Begin::Full);
    let gate = builder.store_timeout(PATIENCE).connect().await?;
    let mut book = Book::default();
    for round in 0..12 {
        proxy.drop_answers_to("EVALSHA", 1 + round % 2);
        let mut callers = JoinSet::new();
        for number in 0..60_u32 {
            let gate = gate.clone();
            let priority =
                serde_json::from_str(["\"interactive\"", "\"normal\"", "\"batch\""][number as usize % 3])?;
            let call = call("acme").cost(1 + number % 4).priority(priority);
            callers.spawn(async move {
                match number % 2 {
                    0 => gate.try_acquire(&call).await,
                    _ => gate.acquire(&call).within(PATIENCE).decide().await,
                }
            });
        }
        while let Some(decided) = callers.join_next().await {
            let decision = decided??;
            book.note(&decision);
            if let Decision::Granted(permit) = decision {
                book.close(permit).await?;
            }
        }
        book.agrees(&gate);
    }
    ensure!(book.refused > 0 && book.granted > 500, "{book:?}");
    ensure!(counted(&gate, "tollgate_store_repeats_total", &[])? > 0, "no batch was repeated");
    ensure!(
        counted(&gate, "tollgate_store_calls_total", &[("script", "acquire"), ("outcome", "unanswered")])?
            > 0,
        "no answer was lost"
    );
    holds(&gate, "acme", 1_000 - (book.tokens - book.tokens_given_back)).await?;
    book.agrees(&gate);
    check(&gate, "tollgate_store_up", &[], 1);
    Ok(())
}

/// Goal: a grant whose caller has gone is no grant. Method: acquires are dropped after every number of polls, until one
/// is done before that; those that were done count as granted, those that had begun and were not as dropped, and what
/// was charged for them is told as unclaimed.
#[tokio::test]
async fn a_dropped_acquire_is_not_counted_as_granted() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '1/1h'\nburst = 20")?).await?;
    let call = call("acme");
    let mut begun = 0;
    for polls in 0.. {
        if dropped_after(polls, gate.acquire(&call).into_future()).await {
            break;
        }
        begun += u64::from(polls > 0);
        // What it was granted is back before the next one: told by the dispatcher, and counted by then.
        holds(&gate, "acme", 20).await?;
    }
    check(&gate, "tollgate_acquires_total", &[("outcome", "granted")], 1);
    check(&gate, "tollgate_acquires_total", &[("outcome", "dropped")], begun);
    check(&gate, "tollgate_granted_calls_total", &[("limit", "org")], 1);
    check(&gate, "tollgate_granted_tokens_total", &[("limit", "org")], 1);
    let unclaimed = counted(&gate, "tollgate_permit_corrections_total", &[("purpose", "unclaimed")])?;
    ensure!((1..=begun).contains(&unclaimed), "{unclaimed} of {begun}");
    ensure!(bucket(&gate, "acme").await?.remaining == 19);
    Ok(())
}

/// Goal: a request that is repeated is told for what it is. Method: a call with a request id is asked for three times:
/// it is charged once, and a permit is handed out each time.
#[tokio::test]
async fn a_repeated_request_counts_each_permit_that_was_handed_out() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '1/1h'\nburst = 20")?).await?;
    for _ in 0..3 {
        granted(&gate, &call("acme").request_id("r-1")).await?;
    }
    check(&gate, "tollgate_granted_calls_total", &[("limit", "org")], 3);
    ensure!(bucket(&gate, "acme").await?.remaining == 19, "it was charged once");
    Ok(())
}

/// Goal: what an observed limit would have done is told, and of each limit only what it counts. Method: calls pass an
/// enforced limit, an observed one with a burst of 4, one with a spacing alone, and none at all.
#[tokio::test]
async fn observed_limits_count_what_they_would_have_refused() -> Result<()> {
    let policy = Policy::from_toml(
        "namespace = 'test'
         limit = [{ name = 'org', per = ['org'], rate = '1/1h', burst = 10, when = { path = '/api/**' } },
                  { name = 'trial', per = [], rate = '1/1h', burst = 4, mode = 'observe', when = { path = '/api/**' } },
                  { name = 'gap', per = [], spacing = '1h', when = { path = '/gap' } }]",
    )?;
    let gate = Tollgate::embedded(policy).await?;
    let mut book = Book::default();
    let calls: Vec<Call> = (0..12).map(|_| call("acme")).collect();
    // At once, so that equal calls share an entry of a batch.
    for decision in at_once(&gate, calls).await? {
        book.note(&decision);
    }
    ensure!((book.granted, book.refused, book.over) == (10, 2, 6), "{book:?}");
    check(&gate, "tollgate_granted_calls_total", &[("limit", "org")], 10);
    check(&gate, "tollgate_granted_calls_total", &[("limit", "trial")], 10);
    check(&gate, "tollgate_granted_tokens_total", &[("limit", "org")], 10);
    check(&gate, "tollgate_granted_tokens_total", &[("limit", "trial")], 4);
    check(&gate, "tollgate_would_refuse_calls_total", &[("limit", "trial")], 6);
    check(&gate, "tollgate_would_refuse_calls_total", &[], 6);

    let gap = Call::get("/gap").org("acme");
    granted(&gate, &gap).await?;
    ensure!(matches!(gate.try_acquire(&gap).await?, Decision::Refused(_)));
    check(&gate, "tollgate_granted_calls_total", &[("limit", "gap")], 1);
    check(&gate, "tollgate_granted_tokens_total", &[("limit", "gap")], 0);
    check(&gate, "tollgate_refused_calls_total", &[("limit", "gap"), ("reason", "spacing")], 1);

    granted(&gate, &Call::get("/free").org("acme")).await?;
    check(&gate, "tollgate_acquires_total", &[("outcome", "free")], 1);
    check(&gate, "tollgate_acquires_total", &[("outcome", "granted")], 11);
    ensure!(gate.try_acquire(&call("acme").cost(11)).await.is_err(), "no bucket holds so much");
    check(&gate, "tollgate_acquires_total", &[("outcome", "invalid")], 1);
    Ok(())
}

/// Asks for all calls at once.
async fn at_once(gate: &Tollgate, calls: Vec<Call>) -> Result<Vec<Decision>> {
    let mut callers = JoinSet::new();
    for call in calls {
        let gate = gate.clone();
        callers.spawn(async move { gate.try_acquire(&call).await });
    }
    let mut decisions = Vec::new();
    while let Some(decided) = callers.join_next().await {
        decisions.push(decided??);
    }
    Ok(decisions)
}

/// Goal: who waits is told while he waits, at the limit that makes him wait. Method: calls of two organisations wait;
/// those of one are given up, those of the other granted by a raise; nobody is told as waiting then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_calls_are_told_while_they_wait() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 1")?).await?;
    let waiting = |gate: &Tollgate| counted(gate, "tollgate_waiting_calls", &[("limit", "org")]);
    let told = async |expected: u64| {
        eventually(&format!("{expected} calls to wait"), PATIENCE, async || match waiting(&gate) {
            Ok(found) if found == expected => Ok(()),
            found => Err(format!("{found:?}")),
        })
        .await
    };
    for org in ["acme", "zeta"] {
        granted(&gate, &call(org)).await?;
    }
    told(0).await?;
    let (mut given_up, mut patient) = (JoinSet::new(), JoinSet::new());
    for (callers, org, count) in [(&mut given_up, "acme", 40), (&mut patient, "zeta", 25)] {
        for _ in 0..count {
            let gate = gate.clone();
            callers.spawn(async move { gate.acquire(&call(org)).await.map(drop) });
        }
    }
    told(65).await?;
    given_up.abort_all();
    while given_up.join_next().await.is_some() {}
    told(25).await?;
    check(&gate, "tollgate_acquires_total", &[("outcome", "dropped")], 40);
    gate.put_policy(&per_org("rate = '1000/s'\nburst = 1000")?, None, &Change::default()).await?;
    while let Some(caller) = patient.join_next().await {
        caller??;
    }
    told(0).await?;
    check(&gate, "tollgate_granted_calls_total", &[("limit", "org")], 27);
    check(&gate, "tollgate_policy_version", &[], 2);
    Ok(())
}

/// Goal: what the provider has refused is told as the audit trail tells it, by each replica what it was told itself.
/// Method: two replicas are told of refusals, news and not, and an operator pauses a bucket at one of them.
#[tokio::test]
async fn refusals_of_the_provider_are_told_as_the_trail_has_them() -> Result<()> {
    let server = RedisServer::start()?;
    let terms = "rate = '1000/s'\nburst = 1000";
    let gates = [gate(&server.url(), per_org(terms)?).await?, gate(&server.url(), per_org(terms)?).await?];
    let mut refusals = 0;
    for number in 0..6 {
        let gate = &gates[number % 2];
        let call = call(["acme", "zeta", "beta"][number % 3]);
        // The second one is granted before the first refusal is taken up: its own is no news.
        let permits = [gate.acquire(&call).await?, gate.acquire(&call).await?];
        for permit in permits {
            let observed = gate.observe(&permit, &Refusal::for_seconds(0).answer()).await?;
            refusals += u64::from(observed.pause.is_some());
        }
    }
    gates[1].pause("org", "omega", Duration::from_secs(90), &Change::default()).await?;
    let trail = trail(&gates[0]).await?;
    let both = |name: &str, labels: &[(&str, &str)]| -> Result<u64> {
        Ok(counted(&gates[0], name, labels)? + counted(&gates[1], name, labels)?)
    };
    let provider = [("limit", "org"), ("by", "provider")];
    ensure!(both("tollgate_provider_refusals_total", &[("limit", "org")])? == refusals, "{trail:?}");
    ensure!(refusals == 12 && count(&trail, AuditKind::Pause) == 6, "{refusals}: {trail:?}");
    ensure!(both("tollgate_pauses_total", &provider)? == count(&trail, AuditKind::Pause) as u64, "{trail:?}");
    ensure!(both("tollgate_pace_cuts_total", &[])? == count(&trail, AuditKind::Cut) as u64, "{trail:?}");
    ensure!(count(&trail, AuditKind::Cut) >= 3, "{trail:?}");
    check(&gates[0], "tollgate_pauses_total", &[("by", "operator")], 0);
    check(&gates[1], "tollgate_pauses_total", &[("by", "operator")], 1);
    let family = |name: &str| {
        let families = gates[1].metrics().families().into_iter();
        families
            .filter(|family| family.description.name == name)
            .flat_map(|family| family.samples)
            .next_back()
    };
    let length = family("tollgate_pause_seconds_total").context("a time")?.value;
    ensure!(length == MetricValue::Real(90.0), "{length:?}");
    let pace = family("tollgate_pace_ratio").context("a pace")?.value;
    ensure!(matches!(pace, MetricValue::Real(pace) if (0.02..1.0).contains(&pace)), "{pace:?}");
    Ok(())
}

/// Goal: a replica that is told of no further refusal hears that a pace has recovered. Method: a bucket is refused, and
/// asked for by nobody until the store has forgotten that.
#[tokio::test]
async fn a_pace_that_recovers_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    // Ten windows of a second pass in the time that this test has.
    let gate = gate(&server.url(), per_org("rate = '100/s'\nburst = 100")?).await?;
    let permit = granted(&gate, &call("acme")).await?;
    let observed = gate.observe(&permit, &Refusal::for_seconds(0).answer()).await?;
    ensure!(observed.pause.is_some_and(|pause| pause.pace_percent < 100), "it goes slower");
    eventually("the pace to be told as whole", Duration::from_secs(60), async || {
        let families = gate.metrics().families();
        let pace = families.iter().find(|family| family.description.name == "tollgate_pace_ratio");
        match pace.and_then(|family| family.samples.first()).map(|sample| &sample.value) {
            Some(MetricValue::Real(pace)) if (pace - 1.0).abs() < 1e-9 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

/// Goal: two limiters of a process do not mix their numbers. Method: two share a store, one is asked.
#[tokio::test]
async fn each_limiter_counts_for_itself() -> Result<()> {
    let server = RedisServer::start()?;
    let one = gate(&server.url(), per_org("rate = '1/1h'\nburst = 20")?).await?;
    let other = gate(&server.url(), per_org("rate = '1/1h'\nburst = 20")?).await?;
    granted(&one, &call("acme")).await?;
    check(&one, "tollgate_granted_calls_total", &[], 1);
    check(&other, "tollgate_granted_calls_total", &[], 0);
    check(&other, "tollgate_store_calls_total", &[("script", "acquire")], 0);
    Ok(())
}
