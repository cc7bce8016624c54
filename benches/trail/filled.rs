//! Fills the audit trail of a namespace.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::runtime::{Builder, Runtime};
use tollgate::provider::Answer;
use tollgate::{Begin, Call, Change, Policy, Tollgate};
use tollgate_testkit::{RedisServer, eventually, put_forward};

const NAMESPACE: &str = "trail";

/// Calls on their way at once.
const AT_ONCE: usize = 500;

/// The longest value that a call may have, in bytes.
const LONGEST: usize = 256;

/// The longest name that a limit may have, in bytes.
const FILLING: usize = 64;

/// Until the sweep has told what is over: it looks every ten seconds.
const TOLD_WITHIN: Duration = Duration::from_secs(120);

/// A namespace whose trail is to be filled.
pub(crate) struct Filled<'a> {
    runtime: Runtime,
    server: &'a RedisServer,
    gate: Tollgate,
}

/// The key of one of the streams that a trail consists of.
pub(crate) fn key(stream: &str) -> String {
    format!("tollgate:{{{NAMESPACE}}}:{stream}")
}

/// The organisation of which each call is told: none has a longer name.
fn told_org() -> String {
    "o".repeat(LONGEST)
}

/// A policy whose limits count that organisation's calls, and let others pass once a day.
fn policy() -> Policy {
    // Of the names of buckets, 1,000 bytes are told: the others' take 800 of them.
    let (told, filling) = (told_org(), "f".repeat(FILLING));
    let text = format!(
        "namespace = '{NAMESPACE}'
        record_calls = ['{told}']
        [[limit]]
        name = 'org'
        per = ['org']
        quota = '1/1d'
        max_keys = 1000000
        [limit.override.'{told}']
        rate = '1000000/s'
        [[limit]]
        name = 'client'
        when = {{ org = '{told}' }}
        per = ['org', 'client']
        rate = '1000000/s'
        [[limit]]
        name = '{filling}'
        when = {{ org = '{told}' }}
        per = []
        rate = '1000000/s'"
    );
    Policy::from_toml(&text).expect("the policy is valid")
}

/// A call of another organisation each time.
fn call(number: usize) -> Call {
    Call::get("/api/v2/users/me").org(format!("org-{number}"))
}

/// A call of which no more could be told.
fn longest_call(number: usize) -> Call {
    let name = format!("{number:0>LONGEST$}");
    Call::get(format!("/{name}")).org(told_org()).client("c".repeat(LONGEST)).request_id(name)
}

impl<'a> Filled<'a> {
    pub(crate) fn start(server: &'a RedisServer) -> Self {
        let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let store = server.url().parse().expect("the address of a server");
        let builder = Tollgate::builder(NAMESPACE).store(store).policy(policy()).begin(Begin::Full);
        let gate = runtime.block_on(builder.connect()).expect("a limiter");
        Self { runtime, server, gate }
    }

    /// Pauses by hand, each of another bucket.
    pub(crate) fn pauses(&self, count: usize) {
        let change = Change { author: "alice".to_owned(), reason: "maintenance window".to_owned() };
        self.each(count, |gate, number| {
            let change = change.clone();
            async move {
                let key = format!("org-{number}");
                gate.pause("org", &key, Duration::from_millis(1), &change).await.expect("it is paused");
            }
        });
    }

    /// Calls that the provider has refused.
    pub(crate) fn refusals(&self, count: usize) {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, 5.into())]);
        self.each(count, |gate, number| {
            let headers = headers.clone();
            async move {
                let received_at = SystemTime::UNIX_EPOCH;
                let answer = Answer { status: 429, headers: &headers, body: None, received_at };
                gate.observe_call(&call(number), &answer).await.expect("it is told");
            }
        });
    }

    /// Calls that are turned away, of an organisation each, until it is told how it was with them.
    pub(crate) fn episodes(&self, count: usize) {
        // Nobody is paused any more.
        self.put_forward();
        self.each(count, |gate, number| async move {
            for _ in 0..2 {
                drop(gate.try_acquire(&call(number)).await.expect("a decision"));
            }
        });
        self.put_forward();
        let mut connection = self.server.connection().expect("a connection");
        self.runtime.block_on(async {
            eventually("the episodes", TOLD_WITHIN, async || {
                let told: usize = redis::cmd("XLEN").arg(key("calls")).query(&mut connection).expect("XLEN");
                if told >= count { Ok(()) } else { Err(format!("{told} of {count}")) }
            })
            .await
            .expect("the sweep tells what is over");
        });
    }

    /// Calls that are granted and told one by one.
    pub(crate) fn calls(&self, count: usize) {
        self.each(count, |gate, number| async move {
            gate.acquire(&longest_call(number)).await.expect("a permit");
        });
    }

    /// By more than it takes until an episode is over.
    fn put_forward(&self) {
        put_forward(self.server, NAMESPACE, Duration::from_secs(120)).expect("the time is put forward");
    }

    /// Does something so many times, much of it at once.
    fn each<F: Future<Output = ()> + Send + 'static>(
        &self,
        count: usize,
        todo: impl Fn(Tollgate, usize) -> F,
    ) {
        let one_of = |number| self.runtime.spawn(todo(self.gate.clone(), number));
        for first in (0..count).step_by(AT_ONCE) {
            let begun: Vec<_> = (first..count.min(first + AT_ONCE)).map(one_of).collect();
            for one in begun {
                self.runtime.block_on(one).expect("it ends");
            }
        }
    }
}
