//! Tollgate beside a Redis in a container, and in containers itself. The suite `engine` runs its histories there too.
//!
//! The image is `TOLLGATE_TEST_REDIS_IMAGE`, which `cargo xtask test` sets to one it built, else `redis:7.4`. Where Docker's
//! engine does not answer these tests say so and end; with `TOLLGATE_DOCKER=required` (as in CI) they fail.

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
    policy: TempDir,
}

impl Compose {
    /// Starts Redis and both replicas on this policy, or nothing where there is no Docker and none is required.
    fn up(policy: &str) -> Result<Option<Self>> {
        if !docker_answers()? {
            return Ok(None);
        }
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("policy.toml"), policy)?;
        let project = format!("tollgate-test-{}", std::process::id());
        let compose = Self { project, policy: directory };
        compose.run(&["up", "--detach"]).context("`cargo xtask images` builds the images that this needs")?;
        record_ran_on(&format!("docker-compose, image {}", redis_image()));
        Ok(Some(compose))
    }

    /// Waits until Docker's own health check is content, and returns where the replica is reached.
    async fn healthy(&self, service: &str) -> Result<String> {
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
        Ok(format!("http://{}", self.run(&["port", service, "8080"])?))
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
            .env("TOLLGATE_POLICY_FILE", self.policy.path().join("policy.toml"))
            // Port 0: the kernel chooses.
            .env("TOLLGATE_1_PORT", "0")
            .env("TOLLGATE_2_PORT", "0");
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

/// Two replicas of the compose file charge one bucket: its burst is granted once, not once for each of them.
#[tokio::test]
async fn contained_replicas_share_one_quota() -> Result<()> {
    // One more token every 40 seconds: none comes while the test runs.
    let policy = r#"
        namespace = "genesys"
        provider = "genesys-cloud"

        [[limit]]
        name = "org"
        per = ["org"]
        quota = "100/1h"
        burst = 10
    "#;
    let Some(compose) = Compose::up(policy)? else {
        return Ok(());
    };
    let replicas = [compose.healthy("tollgate-1").await?, compose.healthy("tollgate-2").await?];

    let client = reqwest::Client::new();
    let call =
        json!({ "call": { "org": "acme", "method": "GET", "path": "/api/v2/users" }, "max_wait": "0ms" });
    let mut granted = [0, 0];
    for turn in 0..20 {
        let replica = turn % replicas.len();
        let url = format!("{}/v1/genesys/acquire", replicas[replica]);
        let response = client.post(url).json(&call).send().await?;
        let status = response.status().as_u16();
        let answer: Value = response.json().await?;
        match status {
            200 => granted[replica] += 1,
            429 => assert_eq!(answer["limited_by"]["name"], "org", "{answer}"),
            _ => panic!("{status}: {answer}"),
        }
    }
    assert_eq!(granted, [5, 5], "granted by each replica");
    Ok(())
}
