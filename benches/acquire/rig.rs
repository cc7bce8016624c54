//! The set-up that all subjects share: a private server over loopback TCP, four limits, fifty orgs.

use std::sync::atomic::{AtomicU64, Ordering};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo};
use tokio::runtime::{Builder, Runtime};
use tollgate::engine::{AcquireBatch, BatchId, Calls, Keys, Repeated, Reply, Script};
use tollgate::{Begin, Call, Decision, Policy, Tollgate};
use tollgate_testkit::RedisServer;

use crate::uncounted;

/// Four limits a call, none of which ever binds.
const POLICY: &str = "namespace = 'bench'
    limit = [{ name = 'org', per = ['org'], rate = '100000000/s' },
             { name = 'client', per = ['client'], rate = '100000000/s' },
             { name = 'users', when = { path = '/api/v2/users/**' }, per = ['org', 'client'], rate = '100000000/s' },
             { name = 'platform', per = [], rate = '100000000/s' }]";

/// Names given to batches so far.
static NAMES: AtomicU64 = AtomicU64::new(0);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `EVALSHA` of a script that does nothing.
    Floor,
    /// The acquire script, called with one call by the caller itself.
    BareScript,
    /// `try_acquire`.
    Tollgate,
}

/// The server, a connection to it, and a limiter on it.
pub(crate) struct Rig {
    runtime: Runtime,
    server: RedisServer,
    connection: MultiplexedConnection,
    gate: Tollgate,
    policy: Policy,
    fence: String,
    run_id: String,
    nothing: String,
}

/// One caller of a subject.
pub(crate) enum Caller {
    Floor { connection: MultiplexedConnection, script: String },
    BareScript { connection: MultiplexedConnection, batches: Batches },
    Tollgate { gate: Tollgate, call: Call },
}

/// Batches of calls of distinct orgs, as a dispatcher makes them.
pub(crate) struct Batches {
    policy: Policy,
    fence: String,
    run_id: String,
    batch: AcquireBatch,
    answer: String,
    number: u64,
    /// The script that takes them, by its digest, and the key of the state.
    script: String,
    state: String,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "return 1",
            Self::BareScript => "bare script",
            Self::Tollgate => "tollgate",
        }
    }
}

impl Rig {
    /// A set-up whose callers run on so many threads.
    pub(crate) fn start(threads: usize) -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime");
        let server = RedisServer::builder().tcp().start().expect("a private Redis server");
        let url = server.tcp_url().expect("a server on TCP");
        let policy = Policy::from_toml(POLICY).expect("the policy is valid");
        let (gate, connection, fence, nothing) = runtime.block_on(async {
            let builder = Tollgate::builder("bench").store(url.parse().expect("the address of a server"));
            let gate = builder.policy(policy.clone()).begin(Begin::Full).connect().await.expect("a limiter");
            let info = url.into_connection_info().expect("the address of a server");
            let client = Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)));
            let mut connection =
                client.expect("a client").get_multiplexed_async_connection().await.expect("a connection");
            let fence = gate.policy().await.expect("the policy in force").tag;
            let load = |source: &str| redis::cmd("SCRIPT").arg("LOAD").arg(source).clone();
            let acquire = load(Script::ACQUIRE.source()).query_async::<String>(&mut connection).await;
            assert_eq!(acquire.expect("the script is loaded"), Script::ACQUIRE.sha1());
            let nothing = load("return 1").query_async(&mut connection).await.expect("a script is loaded");
            (gate, connection, fence, nothing)
        });
        let run_id = server.info("server").expect("INFO")["run_id"].clone();
        Self { runtime, server, connection, gate, policy, fence, run_id, nothing }
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn server(&self) -> &RedisServer {
        &self.server
    }

    pub(crate) fn caller(&self, subject: Subject, number: usize) -> Caller {
        let connection = self.connection.clone();
        match subject {
            Subject::Floor => Caller::Floor { connection, script: self.nothing.clone() },
            Subject::BareScript => Caller::BareScript { connection, batches: self.batches(1) },
            Subject::Tollgate => Caller::Tollgate { gate: self.gate.clone(), call: call(number % 50) },
        }
    }

    /// Batches of so many calls, each of another org.
    pub(crate) fn batches(&self, calls: usize) -> Batches {
        let mut batch = AcquireBatch::default();
        for number in 0..calls {
            batch.push(&self.policy.path(&call(number)).expect("the call is valid"), Calls::trying(1));
        }
        // A name of its own for each, or one would be given the answers of another.
        let answer = format!("bench:{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let (policy, fence, run_id) = (self.policy.clone(), self.fence.clone(), self.run_id.clone());
        let (script, state) = (Script::ACQUIRE.sha1().to_owned(), Keys::of("bench").state().to_owned());
        Batches { policy, fence, run_id, batch, answer, number: 0, script, state }
    }

    /// The same for a script that counts nothing, with a state of its own: its records are others.
    pub(crate) fn uncounted_batches(&self, calls: usize) -> Batches {
        let mut connection = self.server.connection().expect("a connection");
        let state = Keys::of("uncounted").state().to_owned();
        let load = redis::cmd("SCRIPT").arg("LOAD").arg(uncounted::source()).query(&mut connection);
        redis::cmd("DEL").arg(&state).exec(&mut connection).expect("DEL");
        let head: Vec<u8> = redis::cmd("HGET")
            .arg(Keys::of("bench").state())
            .arg("head")
            .query(&mut connection)
            .expect("a namespace has a head");
        redis::cmd("HSET").arg(&state).arg("head").arg(head).exec(&mut connection).expect("HSET");
        Batches { script: load.expect("the script is loaded"), state, ..self.batches(calls) }
    }
}

impl Batches {
    /// The command that sends the next one.
    pub(crate) fn next(&mut self) -> redis::Cmd {
        self.number += 1;
        let id = BatchId { answer: &self.answer, number: self.number, server: &self.run_id };
        let argument = self.batch.encode(&id, Repeated::No, &self.policy, &self.fence);
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.script).arg(1).arg(&self.state).arg(argument);
        command
    }

    /// That all calls of the batch were granted.
    pub(crate) fn assert_granted(&self, answer: &[u8]) {
        let reply = self.batch.decode(answer).expect("a reply");
        let Reply::Done(reply) = reply else { panic!("{reply:?}") };
        assert!(reply.entries.iter().all(|entry| entry.granted == 1), "{reply:?}");
    }
}

impl Caller {
    pub(crate) async fn call(&mut self) {
        match self {
            Self::Floor { connection, script } => {
                let answer: i64 = redis::cmd("EVALSHA")
                    .arg(&*script)
                    .arg(0)
                    .query_async(connection)
                    .await
                    .expect("an answer");
                assert_eq!(answer, 1);
            }
            Self::BareScript { connection, batches } => {
                let answer: Vec<u8> = batches.next().query_async(connection).await.expect("an answer");
                batches.assert_granted(&answer);
            }
            Self::Tollgate { gate, call } => {
                let decision = gate.try_acquire(call).await.expect("a decision");
                assert!(matches!(decision, Decision::Granted(_)), "{decision:?}");
            }
        }
    }
}

fn call(org: usize) -> Call {
    Call::get("/api/v2/users/me").org(format!("org-{org}")).client(format!("app-{}", org % 10))
}
