//! Tollgate beside a Redis in a container, and in containers itself. The suite `engine` runs its histories there too.
//!
//! The image is `TOLLGATE_TEST_REDIS_IMAGE`, which `cargo xtask test` sets to one it built, else `redis:7.4`. Where
//! Docker's engine does not answer these tests say so and end; with `TOLLGATE_DOCKER=required` (as in CI) they fail.

use std::env;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate::{Begin, Call, Decision, Policy, Tollgate};
use tollgate_testkit::{ContainedRedis, docker_answers, eventually, record_ran_on, redis_image};

/// `docker-compose.yml` as a project of its own, taken down when dropped.
struct Compose {
    project: String,
    files: TempDir,
}

impl Compose {
    /// Starts Redis, both replicas on this policy, and this provider, or nothing where there is no Docker and none is
    /// required.
    fn up(name: &str, policy: &str, provider: &str) -> Result<Option<Self>> {
        if !docker_answers()? {
            return Ok(None);
        }
        let files = tempfile::tempdir()?;
        fs::write(files.path().join("policy.toml"), policy)?;
        fs::write(files.path().join("provider.toml"), provider)?;
        let project = format!("tollgate-test-{name}-{}", std::process::id());
        let compose = Self { project, files };
        compose.run(&["up", "--detach"]).context("`cargo xtask images` builds the images that this needs")?;
        record_ran_on(&format!("docker-compose, image {}", redis_image()));
        Ok(Some(compose))
    }

    /// Waits until Docker's own health check is content, and returns where this port of the service is reached.
    async fn healthy(&self, service: &str, port: &str) -> Result<String> {
        let container = self.run(&["ps", "--quiet", service])?;
        let health = ["inspect", "--format", "{{.State.Health.Status}}", &container];
        eventually(&format!("{service} to be healthy"), Duration::from_secs(60), async || {
            match output_of(Command::new("docker").args(health)) {
                Ok(status) if status == "healthy" => Ok(()),
                Ok(status) => Err(status),
                Err(error) => Err(format!("{error:#}")),
            }
        })
        .await?;
        Ok(format!("http://{}", self.run(&["port", service, port])?))
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let tollgate_image =
            env::var("TOLLGATE_TEST_TOLLGATE_IMAGE").unwrap_or_else(|_| "tollgate:local".into());
        let mut command = compose_command();
        command
            .args(["--project-name", &self.project])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("REDIS_IMAGE", redis_image())
            .env("TOLLGATE_IMAGE", tollgate_image)
            .env("TOLLGATE_BEGIN", "full")
            .env("TOLLGATE_POLICY_FILE", self.files.path().join("policy.toml"))
            .env("TOLLGATE_PROVIDER_FILE", self.files.path().join("provider.toml"))
            .env("COMPOSE_PROFILES", "simulator")
            // Port 0: the kernel chooses.
            .env("TOLLGATE_1_PORT", "0")
            .env("TOLLGATE_2_PORT", "0")
            .env("TOLLGATE_SIMULATOR_PORT", "0");
        output_of(&mut command)
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        // libtest shows this when the test fails.
        println!("{}", self.run(&["logs", "--no-color"]).unwrap_or_default());
        if let Err(error) = self.run(&["down", "--volumes", "--timeout", "5"]) {
            eprintln!("cannot take {} down: {error:#}", self.project);
        }
    }
}

/// The plugin of today's Docker, else the program of older ones.
fn compose_command() -> Command {
    let mut plugin = Command::new("docker");
    let has_plugin = plugin.args(["compose", "version"]).output().is_ok_and(|output| output.status.success());
    if !has_plugin {
        return Command::new("docker-compose");
    }
    let mut command = Command::new("docker");
    command.arg("compose");
    command
}

fn output_of(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {complaint}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The limiter works on the server in the image as on any other: a burst is granted once and then refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_limiter_works_on_a_contained_server() -> Result<()> {
    let Some(redis) = tokio::task::spawn_blocking(ContainedRedis::start).await?? else {
        return Ok(());
    };
    let policy = Policy::from_toml(
        "namespace = 'contained'
         limit = [{ name = 'org', per = ['org'], rate = '1/1h', burst = 10 }]",
    )?;
    let builder =
        Tollgate::builder("contained").store(redis.url().parse()?).policy(policy).begin(Begin::Full);
    let gate = builder.connect().await?;
    let call = Call::get("/api/v2/users").org("acme");
    let mut granted = 0;
    for _ in 0..20 {
        granted += u32::from(matches!(gate.try_acquire(&call).await?, Decision::Granted(_)));
    }
    assert_eq!(granted, 10);
    // Its container is removed by a call that blocks.
    tokio::task::spawn_blocking(move || drop(redis)).await?;
    Ok(())
}

/// The provider's limit, of which the policy below knows nothing but its name.
const PROVIDER: &str = r#"
    shape = "genesys-cloud"

    [[limit]]
    name = "directory/user.rate.per.minute"
    per = ["org"]
    kind = "fixed-window"
    value = 3
    window = "1h"

    [[client]]
    id = "app-1"
    secret = "secret-1"
    org = "acme"

    [oauth]
    lifetime = "1h"
"#;

/// One more token every 40 seconds: none comes while a test runs.
const POLICY: &str = r#"
    namespace = "genesys"
    provider = "genesys-cloud"

    [[limit]]
    name = "org"
    names = ["directory/user.rate.per.minute"]
    per = ["org"]
    quota = "100/1h"
    burst = 10
"#;

/// Asks a replica whether a call may be sent: its status, and its answer.
async fn acquire(client: &reqwest::Client, replica: &str) -> Result<(u16, Value)> {
    let call =
        json!({ "call": { "org": "acme", "method": "GET", "path": "/api/v2/users" }, "max_wait": "0ms" });
    let response = client.post(format!("{replica}/v1/genesys/acquire")).json(&call).send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

/// Two replicas of the compose file charge one bucket: its burst is granted once, not once for each of them.
#[tokio::test]
async fn contained_replicas_share_one_quota() -> Result<()> {
    let Some(compose) = Compose::up("quota", POLICY, PROVIDER)? else {
        return Ok(());
    };
    let replicas =
        [compose.healthy("tollgate-1", "8080").await?, compose.healthy("tollgate-2", "8080").await?];

    let client = reqwest::Client::new();
    let mut granted = [0, 0];
    for turn in 0..20 {
        let replica = turn % replicas.len();
        match acquire(&client, &replicas[replica]).await? {
            (200, _) => granted[replica] += 1,
            (429, answer) => assert_eq!(answer["limited_by"]["name"], "org", "{answer}"),
            (status, answer) => panic!("{status}: {answer}"),
        }
    }
    assert_eq!(granted, [5, 5], "granted by each replica");
    Ok(())
}

/// Calls that one replica grants are sent to the simulated provider of the compose file until that refuses one; told
/// so, the other replica grants no more. The provider's ledger has them all.
#[tokio::test]
async fn a_refusal_of_the_contained_provider_binds_both_replicas() -> Result<()> {
    let Some(compose) = Compose::up("provider", POLICY, PROVIDER)? else {
        return Ok(());
    };
    let one = compose.healthy("tollgate-1", "8080").await?;
    let other = compose.healthy("tollgate-2", "8080").await?;
    let provider = compose.healthy("simulator", "8090").await?;

    let client = reqwest::Client::new();
    let request = client.post(format!("{provider}/oauth/token")).basic_auth("app-1", Some("secret-1"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let token: Value = request.body("grant_type=client_credentials").send().await?.json().await?;
    let token = token["access_token"].as_str().context("a token")?;

    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 10 {
        let (status, granted) = acquire(&client, &one).await?;
        ensure!(status == 200, "{status}: {granted}");
        let answer = client.get(format!("{provider}/api/v2/users")).bearer_auth(token).send().await?;
        statuses.push(answer.status().as_u16());
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let headers = retry_after.map_or(json!({}), |seconds| json!({ "retry-after": seconds }));
        let body: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
        let told = json!({ "permit": granted["permit"], "status": statuses.last(), "headers": headers, "body": body });
        let observed: Value =
            client.post(format!("{one}/v1/genesys/observe")).json(&told).send().await?.json().await?;
        assert_eq!(observed["throttled"], json!(statuses.last() == Some(&429)), "{observed}");
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let (status, refused) = acquire(&client, &other).await?;
    assert_eq!((status, &refused["limited_by"]["name"]), (429, &json!("org")), "{refused}");
    let ledger: Value = client.get(format!("{provider}/_simulator/ledger")).send().await?.json().await?;
    // With the request for the token.
    assert_eq!(ledger["done_by_org"]["acme"], 4, "{ledger}");
    assert_eq!(ledger["refused_by"]["directory/user.rate.per.minute"], 1, "{ledger}");
    Ok(())
}
