//! `tollgate keys`, and a service that others than this machine may reach because there are keys.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, Replica, eventually, replica_binary};

use super::client::{Answer, Api, PATIENCE, TEN_EACH, log_with};

/// Runs a command with these variables, and gives its exit code, and what it prints.
async fn run(words: &[&str], variables: &[(&str, &str)]) -> Result<(Option<i32>, String, String)> {
    let mut command = Command::new(replica_binary()?);
    command
        .args(words)
        .env_remove("TOLLGATE_URL")
        .env_remove("TOLLGATE_API_KEY")
        .env("TOLLGATE_NAMESPACE", "shop");
    command.env("TOLLGATE_AUTHOR", "ops").envs(variables.iter().copied());
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok((status.code(), String::from_utf8(stdout)?, String::from_utf8(stderr)?))
}

async fn done(words: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let (code, printed, errors) = run(words, variables).await?;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{words:?}");
    Ok(printed.trim_end().to_owned())
}

/// The first key is made on the store before there is a service, the next ones by it, and each is listed and revoked
/// either way.
#[tokio::test]
async fn keys_are_made_listed_and_revoked_by_the_service_and_on_the_store() -> Result<()> {
    let server = RedisServer::start()?;
    let store = server.url();
    let create = ["keys", "create", "--role", "admin", "--label", "ann", "--store", &store];
    for (role, end, exit, told) in [
        ("boss", "2099-01-31T00:00:00Z", 2, "acquire, viewer, operator, admin"),
        ("admin", "soon", 2, "such as 20"),
        ("admin", "1999-01-31T00:00:00Z", 1, "1999-01-31T00:00:00Z, is past"),
    ] {
        let words =
            ["keys", "create", "--role", role, "--label", "x", "--expires-at", end, "--store", &store];
        let (code, _, errors) = run(&words, &[]).await?;
        assert!(code == Some(exit) && errors.contains(told), "{role} {end}: {errors}");
    }
    let (code, _, errors) =
        run(&["keys", "create", "--role", "viewer", "--label", "x", "--store", &store], &[]).await?;
    assert!(code == Some(1) && errors.contains("has to be an admin's"), "{errors}");
    let admin = done(&create, &[]).await?;
    assert!(admin.starts_with("tg_") && admin.lines().count() == 1, "{admin}");

    let replica = Replica::builder().store(&store).policy(TEN_EACH).argument("--begin").argument("full");
    let api = Api::start(replica).await?.with_key(&admin);
    let (url, key) = (api.replica.url(""), [("TOLLGATE_API_KEY", admin.as_str())]);
    let service = ["--url", url.as_str()];
    let create = [
        "keys",
        "create",
        "--role",
        "operator",
        "--label",
        "night shift",
        "--expires-at",
        "2099-01-31T00:00:00Z",
    ];
    let operator = done(&[&create[..], &service].concat(), &key).await?;
    api.shown(Method::GET, "/v1/shop/policy", Some(&operator)).await?.expect(200);
    let listed = done(&[&["keys", "list"], &service[..]].concat(), &key).await?;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    let heads: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(heads, ["ID", "ROLE", "LABEL", "LAST", "USED", "ENDS", "MADE", "BY"], "{listed}");
    assert!(
        lines[1].contains("admin") && lines[1].contains("ann") && lines[1].ends_with("  ops"),
        "{listed}"
    );
    assert!(lines[2].contains("night shift") && lines[2].contains("  2099-01-31T00:00:00"), "{listed}");
    assert!(lines[2].contains("  ann (key "), "{listed}");
    let as_json = done(&["keys", "list", "--json", "--store"], &[("TOLLGATE_STORE", &store)]).await?;
    let as_json: Value = serde_json::from_str(&as_json)?;
    assert_eq!(as_json["keys"][1]["label"], "night shift", "{as_json}");

    let id = lines[2].split(' ').next().context("an id")?;
    assert_eq!(
        done(&[&["keys", "revoke", id], &service[..]].concat(), &key).await?,
        format!("{id} is revoked")
    );
    api.shown(Method::GET, "/v1/shop/policy", Some(&operator)).await?.expect(401);
    let (code, _, errors) = run(&["keys", "revoke", id, "--store", &store], &[]).await?;
    assert!(code == Some(1) && errors.contains("no key"), "{errors}");
    Ok(())
}

/// A key that others on the way can read is warned of, and not shown; on this machine it is not.
#[tokio::test]
async fn a_key_in_plain_text_is_warned_of() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?.keyed("shop").await?;
    let key = api.make_key("viewer", "ann").await?.1;
    let key = [("TOLLGATE_API_KEY", key.as_str())];
    let near = api.replica.url("");
    // An address that leads to this machine, and is none of the loopback's.
    let far = near.replace("127.0.0.1", "0.0.0.0");
    done(&["keys", "list", "--url", &near], &key).await?;
    let (code, listed, errors) = run(&["keys", "list", "--url", &far], &key).await?;
    assert!(code == Some(0) && listed.contains("ann"), "{code:?} {errors}");
    assert!(errors.starts_with("warning: ") && errors.contains("plain text"), "{errors}");
    assert!(errors.contains(&far) && !errors.contains(key[0].1) && errors.lines().count() == 1, "{errors}");
    let (_, _, errors) = run(&["policy", "get", "--url", &far], &[]).await?;
    assert!(!errors.contains("plain text"), "there is no key: {errors}");
    Ok(())
}

/// A whole key in the place of its id is sent nowhere, and not shown again: its secret would be in logs.
#[tokio::test]
async fn a_whole_key_is_no_id() -> Result<()> {
    let server = RedisServer::start()?;
    let store = server.url();
    let api = Api::with_ten(&store).await?.keyed("shop").await?;
    let (id, key) = api.make_key("admin", "ann").await?;
    let (_, secret) = key.rsplit_once('_').context("a secret")?;
    for shown in [key.as_str(), secret, &key[..20]] {
        for place in [["--url", "http://127.0.0.1:1"], ["--store", &store]] {
            let (code, printed, errors) =
                run(&[&["keys", "revoke", shown], &place[..]].concat(), &[]).await?;
            assert!(code == Some(2) && errors.contains("expected the id of a key"), "{code:?} {errors}");
            assert!(!format!("{printed}{errors}").contains(shown), "{errors}");
        }
        let answer = Answer::of(api.request(Method::DELETE, &format!("/v1/shop/keys/{shown}"))).await?;
        answer.expect_problem(422, "invalid-value", "id");
        assert!(!answer.text.contains(shown), "{answer:?}");
    }
    Answer::of(api.request(Method::DELETE, &format!("/v1/shop/keys/{id}"))).await?.expect(204);
    Ok(())
}

/// Every command shows the key that it is given, never on its own output; without one, or with another, it says what
/// the service says.
#[tokio::test]
async fn commands_show_the_key_to_the_service_alone() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?.keyed("shop").await?;
    let key = api.make_key("admin", "ann").await?.1;
    let url = api.replica.url("");
    let with_key = [("TOLLGATE_API_KEY", key.as_str())];
    let commands: [&[&str]; 5] = [
        &["policy", "get"],
        &["policy", "versions"],
        &["pause", "org", "acme", "--for", "1m"],
        &["resume", "org", "acme"],
        &["audit"],
    ];
    for words in commands {
        let words = [words, &["--url", url.as_str()]].concat();
        let printed = done(&words, &with_key).await?;
        assert!(!printed.contains(&key), "{printed}");
        let by_option = done(&[&words[..], &["--api-key", key.as_str()]].concat(), &[]).await?;
        assert!(!by_option.contains(&key));
        for variables in
            [&[][..], &[("TOLLGATE_API_KEY", super::roles::STRANGE)], &[("TOLLGATE_API_KEY", "")]]
        {
            let (code, _, errors) = run(&words, variables).await?;
            assert!(code == Some(1) && errors.contains("401"), "{words:?}: {errors}");
            let is_hinted = errors.contains("TOLLGATE_API_KEY");
            assert_eq!(is_hinted, variables.iter().all(|(_, key)| key.is_empty()), "{words:?}: {errors}");
            assert!(!errors.contains(super::roles::STRANGE), "{errors}");
        }
        let (code, _, errors) = run(&words, &[("TOLLGATE_API_KEY", "s3 cret")]).await?;
        assert!(code == Some(2) && errors.contains("--api-key") && !errors.contains("s3"), "{errors}");
        let command = [words[0], if words[0] == "policy" { words[1] } else { "--help" }, "--help"];
        let help = done(&command, &[("TOLLGATE_API_KEY", &key)]).await?;
        assert!(help.contains("TOLLGATE_API_KEY") && !help.contains(&key), "{help}");
    }
    Ok(())
}

/// Goal: a port that is open to others is open to nobody without a key, come what may. Method: with a key in the store
/// a replica listens on all addresses, without one it does not start; then the store loses everything.
#[tokio::test]
async fn others_than_this_machine_need_a_key_also_when_the_store_has_lost_them() -> Result<()> {
    let server = RedisServer::start()?;
    let store = server.url();
    let policy = tempfile::Builder::new().suffix(".toml").tempfile()?;
    std::fs::write(policy.path(), TEN_EACH)?;
    let file = policy.path().display().to_string();
    let serve = ["serve", "--listen", "0.0.0.0:0", "--store", &store, "--policy", &file];
    let (code, _, errors) = run(&serve, &[]).await?;
    assert!(code == Some(1) && errors.contains("not a loopback address"), "{code:?} {errors}");
    assert!(errors.contains("tollgate keys create") && errors.contains("--insecure-listen"), "{errors}");
    let key = done(&["keys", "create", "--role", "admin", "--label", "ann", "--store", &store], &[]).await?;

    let mut command = Command::new(replica_binary()?);
    command.args(serve).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Ended(command.spawn()?);
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().context("its output")?).read_line(&mut line)?;
    let port = line.trim().rsplit(':').next().context("a port")?.to_owned();
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let url = format!("http://127.0.0.1:{port}/v1/shop/policy");
    let asked = async |key: Option<&str>| {
        let request = http.get(&url).header("host", "limits.example");
        Answer::of(key.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth)).await
    };
    asked(None).await?.expect(401);
    asked(Some(&key)).await?.expect(200);

    let mut connection = server.connection()?;
    redis::cmd("FLUSHALL").exec(&mut connection)?;
    // Once it has given its policy back it has met the loss, and read the keys again since.
    eventually("the policy is given back", PATIENCE, async || {
        let answer = asked(Some(&key)).await.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await?;
    for _ in 0..2 {
        let calls = reads(&mut connection)?;
        eventually("it reads the keys again", PATIENCE, async || {
            let now = reads(&mut connection).map_err(|error| error.to_string())?;
            if now > calls + 4 { Ok(()) } else { Err(format!("{now} after {calls}")) }
        })
        .await?;
        asked(None).await?.expect(401);
        asked(Some(&key)).await?.expect(200);
    }
    let (code, _, errors) = run(&serve, &[]).await?;
    assert!(code == Some(1) && errors.contains("not a loopback address"), "{code:?} {errors}");
    Ok(())
}

/// Goal: a fleet that has keys lets nobody in because the store has lost them. Method: it loses everything; a replica
/// that starts then, where it is told that the network keeps strangers out, asks for a key like the one that has run
/// on, and takes the next one that is made on the store.
#[tokio::test]
async fn a_replica_that_starts_after_the_store_has_lost_the_keys_asks_for_one() -> Result<()> {
    let server = RedisServer::start()?;
    let store = server.url();
    // The next key is asked for again and again before it is known.
    let replica =
        || Replica::builder().store(&store).policy(TEN_EACH).argument("--max-bad-logins").argument("1000000");
    let here = Api::start(replica()).await?.keyed("shop").await?;
    redis::cmd("FLUSHALL").exec(&mut server.connection()?)?;
    log_with(&here.replica, "the store has lost the namespace's API keys", 1).await?;

    let there = Api::start(replica().argument("--insecure-listen")).await?;
    for path in ["/v1/shop/policy", "/v1/shop/keys", "/metrics"] {
        there.get(path).await?.expect_problem(401, "unauthorized", "");
    }
    let wanted = json!({"role": "admin", "label": "stranger"});
    there.post("/v1/shop/keys", &wanted).await?.expect_problem(401, "unauthorized", "");
    here.get("/v1/shop/policy").await?.expect(200);

    let next = done(&["keys", "create", "--role", "admin", "--label", "ann", "--store", &store], &[]).await?;
    for api in [&here, &there] {
        eventually("the next key is good", PATIENCE, async || {
            let answer = api.shown(Method::GET, "/v1/shop/policy", Some(&next)).await;
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await?;
    }
    here.get("/v1/shop/policy").await?.expect_problem(401, "unauthorized", "");
    // That was some readings later.
    assert_eq!(here.replica.log().matches("the store has lost").count(), 1, "{}", here.replica.log());
    Ok(())
}

/// A service that requires keys asks for one before there is any, also on a store that nobody remembers, and listens
/// wherever it is told.
#[tokio::test]
async fn a_required_key_is_asked_for_while_there_is_none() -> Result<()> {
    let server = RedisServer::start()?;
    let store = server.url();
    let start = async || {
        let replica = Replica::builder().store(&store).policy(TEN_EACH).argument("--require-keys");
        let replica = replica.argument("--max-bad-logins").argument("1000000");
        Api::start(replica.argument("--insecure-listen")).await
    };
    let api = start().await?;
    for path in ["/v1/shop/policy", "/v1/shop/keys", "/v1", "/metrics"] {
        api.get(path).await?.expect_problem(401, "unauthorized", "");
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(api.get(path).await?.status, 200, "{path}");
    }
    log_with(&api.replica, "no API key, and one is required", 1).await?;
    // It says nothing of that to replicas that require none.
    let calls = reads(&mut server.connection()?)?;
    eventually("it reads the keys again", PATIENCE, async || {
        let now = server.connection().and_then(|mut connection| reads(&mut connection));
        let now = now.map_err(|error| error.to_string())?;
        if now > calls + 4 { Ok(()) } else { Err(format!("{now} after {calls}")) }
    })
    .await?;
    Api::joining(&store).await?.get("/v1/shop/policy").await?.expect(200);

    let key = done(&["keys", "create", "--role", "admin", "--label", "ann", "--store", &store], &[]).await?;
    eventually("the first key is good", PATIENCE, async || {
        let answer = api.shown(Method::GET, "/v1/shop/policy", Some(&key)).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await?;
    drop(api);
    redis::cmd("FLUSHALL").exec(&mut server.connection()?)?;
    start().await?.get("/v1/shop/policy").await?.expect_problem(401, "unauthorized", "");

    let mut command = Command::new(replica_binary()?);
    command.args(["serve", "--listen", "0.0.0.0:0", "--namespace", "shop", "--require-keys"]);
    command.args(["--store", &store]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Ended(command.spawn()?);
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().context("its output")?).read_line(&mut line)?;
    assert!(line.starts_with("listening on http://0.0.0.0:"), "{line}");
    Ok(())
}

/// How many scripts the server has run.
fn reads(connection: &mut redis::Connection) -> Result<u64> {
    let info: String = redis::cmd("INFO").arg("commandstats").query(connection)?;
    let calls = info.lines().filter(|line| line.starts_with("cmdstat_eval"));
    let calls = calls.filter_map(|line| line.split("calls=").nth(1)?.split(',').next()?.parse::<u64>().ok());
    Ok(calls.sum())
}

/// A process that is killed when the test ends.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
