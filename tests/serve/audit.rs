//! The audit trail over HTTP, as a page, as lines, as a stream of events, and on the command line.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use tollgate_testkit::{RedisServer, Replica, eventually, replica_binary};

use super::client::{Answer, Api, PATIENCE, TEN_EACH};
use super::observe::{GENESYS, call, refused};

const AUDIT: &str = "/v1/shop/audit";

/// A replica whose provider has refused a call of each organisation.
async fn refused_by(store: &str, orgs: &[&str]) -> Result<Api> {
    let replica = Replica::builder().store(store).policy(GENESYS).argument("--begin").argument("full");
    let api = Api::start(replica).await?;
    for org in orgs {
        refuse(&api, org).await?;
    }
    Ok(api)
}

async fn refuse(api: &Api, org: &str) -> Result<()> {
    let mut call = call("/api/v2/users", org);
    call["client"] = json!(format!("client of {org}"));
    api.observe(&refused(&call, "30")).await?.expect(200);
    Ok(())
}

fn kinds(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| entry["kind"].as_str()).collect()
}

/// What came of a refusal is there to be read, by whoever asks which replica, and filters and cursors lead through it.
#[tokio::test]
async fn what_happened_is_read_page_by_page() -> Result<()> {
    let server = RedisServer::start()?;
    let api = refused_by(&server.url(), &["acme", "a&b=\u{e4}/\""]).await?;
    let other = Api::joining(&server.url()).await?;
    let page = other.get(AUDIT).await?.expect(200);
    let first: Vec<_> = kinds(&page["entries"]).into_iter().take(1).collect();
    assert_eq!(first, ["policy"], "{page}");
    let pauses = other.get(&format!("{AUDIT}?kind=pause")).await?.expect(200);
    assert_eq!(kinds(&pauses["entries"]), ["pause", "pause"], "{pauses}");
    let pause = &pauses["entries"][0];
    for (field, value) in [("org", json!("acme")), ("status", json!(429)), ("wait_ms", json!(30_000))] {
        assert_eq!(pause[field], value, "{pause}");
    }
    for field in ["id", "at", "until", "by", "replica", "limit", "key"] {
        assert!(pause[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {pause}");
    }
    let throttled = other.get(&format!("{AUDIT}?kind=throttled")).await?.expect(200);
    assert_eq!(kinds(&throttled["entries"]), ["throttled", "throttled"], "{throttled}");
    let refusal = &throttled["entries"][0];
    for (field, value) in [
        ("org", json!("acme")),
        ("status", json!(429)),
        ("wait_ms", json!(30_000)),
        ("news", json!(true)),
        ("route", json!("GET /api/v2/users")),
        ("by", pause["by"].clone()),
        ("replica", pause["replica"].clone()),
    ] {
        assert_eq!(refusal[field], value, "{refusal}");
    }
    let odd = api.get(&format!("{AUDIT}?org=a%26b%3D%C3%A4%2F%22&kind=pause")).await?.expect(200);
    assert_eq!(kinds(&odd["entries"]), ["pause"], "{odd}");

    let mut seen = Vec::new();
    let mut path = format!("{AUDIT}?count=1&order=newest");
    loop {
        let page = api.get(&path).await?.expect(200);
        seen.extend(kinds(&page["entries"]).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{AUDIT}?count=1&order=newest&cursor={cursor}");
    }
    seen.reverse();
    assert_eq!(seen, kinds(&page["entries"]));
    let at = pause["at"].as_str().context("a time")?;
    let from = api.get(&format!("{AUDIT}?from={at}&to={at}&kind=pause")).await?.expect(200);
    assert_eq!(from["entries"][0], *pause);
    Ok(())
}

/// Each granted call of an organisation that the policy names is there to be read, of it alone, as JSON, as lines and
/// on the command line; neither its token nor its query is.
#[tokio::test]
async fn granted_calls_are_told_of_who_wants_it() -> Result<()> {
    let policy = format!("record_calls = [\"acme\"]\n{TEN_EACH}");
    let api = Api::embedded(&policy).await?;
    for org in ["acme", "globex", "acme"] {
        let call = json!({"org": org, "client": "c", "token": "secret-token", "method": "put", "path": "/jobs/7?secret=1"});
        let body =
            json!({"call": call, "cost": 2, "priority": "batch", "request_id": format!("job of {org}")});
        api.post("/v1/shop/acquire", &body).await?.expect(200);
    }
    let told = api.get(&format!("{AUDIT}?kind=call")).await?.expect(200);
    assert_eq!(kinds(&told["entries"]), ["call"], "{told}");
    let entry = &told["entries"][0];
    for (field, value) in [
        ("org", json!("acme")),
        ("client", json!("c")),
        ("route", json!("PUT /jobs/7")),
        ("cost", json!(2)),
        ("priority", json!("batch")),
        ("request_id", json!("job of acme")),
        ("calls", json!(1)),
        ("buckets", json!([{"limit": "org", "measure": "tokens", "key": "acme", "cost": 2}])),
    ] {
        assert_eq!(entry[field], value, "{entry}");
    }
    assert!(!told.to_string().contains("secret"), "{told}");
    for (query, count) in [("org=acme", 1), ("org=globex", 0), ("limit=org", 1), ("limit=other", 0)] {
        let told = api.get(&format!("{AUDIT}?kind=call&{query}")).await?.expect(200);
        assert_eq!(kinds(&told["entries"]).len(), count, "{query}: {told}");
    }
    let asked = api.request(Method::GET, &format!("{AUDIT}?kind=call"));
    let lines = Answer::of(asked.header("accept", "application/x-ndjson")).await?.text;
    assert_eq!(serde_json::from_str::<Value>(lines.trim_end())?, *entry);
    let url = api.replica.base_url().to_owned();
    let shown = audit(&["--url", &url, "--namespace", "shop", "--kind", "call"]).await?;
    let text = String::from_utf8(shown.stdout)?;
    let says =
        " call      PUT /jobs/7 1 time, cost 2, batch, client c, request job of acme [org acme] [replica ";
    assert!(text.lines().count() == 1 && text.contains(says), "{text}");
    Ok(())
}

#[tokio::test]
async fn entries_are_lines_for_whoever_wants_lines() -> Result<()> {
    let server = RedisServer::start()?;
    let api = refused_by(&server.url(), &["acme"]).await?;
    let asked = api.request(Method::GET, &format!("{AUDIT}?count=2"));
    let answer = Answer::of(asked.header("accept", "application/x-ndjson")).await?;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    let lines: Vec<Value> = answer.text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let page = api.get(&format!("{AUDIT}?count=2")).await?.expect(200);
    assert_eq!(json!(lines), page["entries"]);
    assert_eq!(answer.header("tollgate-next-cursor"), page["next_cursor"]);
    assert_eq!(answer.header("tollgate-last-id"), page["last_id"]);
    Ok(())
}

#[tokio::test]
async fn bad_input_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for (query, field) in [
        ("from=yesterday", "from"),
        ("from=", "from"),
        ("to=1969-01-01T00:00:00Z", "to"),
        ("to=99999999999999999999", "to"),
        ("from=2&to=1", "to"),
        ("org=", "org"),
        ("limit=", "limit"),
        ("kind=pauses", "kind"),
        ("order=up", "order"),
        ("cursor=1", "cursor"),
        ("cursor=1-x", "cursor"),
        ("count=0", "count"),
        ("count=1001", "count"),
        ("count=-1", "count"),
    ] {
        api.get(&format!("{AUDIT}?{query}")).await?.expect_problem(422, "invalid-value", field);
    }
    let long = "x".repeat(257);
    api.get(&format!("{AUDIT}?org={long}")).await?.expect_problem(422, "invalid-value", "org");
    api.get(&format!("{AUDIT}?colour=red")).await?.expect_problem(400, "malformed", "colour");
    api.get(&format!("{AUDIT}/stream?to=1")).await?.expect_problem(400, "malformed", "to");
    let asked = api.request(Method::GET, &format!("{AUDIT}/stream")).header("last-event-id", "x");
    Answer::of(asked).await?.expect_problem(422, "invalid-value", "last-event-id");
    Ok(())
}

/// A client that follows.
struct Followed {
    response: Response,
    unread: String,
}

impl Followed {
    async fn at(api: &Api, query: &str, last_event_id: Option<&str>) -> Result<Self> {
        let request = api.request(Method::GET, &format!("{AUDIT}/stream{query}"));
        let request =
            last_event_id.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        let response = request.send().await?;
        ensure!(response.status() == 200, "{response:?}");
        Ok(Self { response, unread: String::new() })
    }

    /// The next entry; `None` at the end.
    async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some((event, _)) = self.unread.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data:")).map(str::trim);
                let entry = data.map(serde_json::from_str).transpose()?;
                let end = event.len() + 2;
                self.unread.drain(..end);
                if entry.is_some() {
                    return Ok(entry);
                }
                continue;
            }
            match timeout(PATIENCE, self.response.chunk()).await?? {
                Some(chunk) => self.unread.push_str(std::str::from_utf8(&chunk)?),
                None => return Ok(None),
            }
        }
    }
}

/// What happens is told to who follows, at another replica than the one it happens at; who comes again goes on where he
/// was; and the end of the service ends it.
#[tokio::test]
async fn who_follows_is_told_and_goes_on_where_he_was() -> Result<()> {
    let server = RedisServer::start()?;
    let api = refused_by(&server.url(), &["before"]).await?;
    let mut other = Api::joining(&server.url()).await?;
    let mut followed = Followed::at(&other, "?kind=pause", None).await?;
    refuse(&api, "acme").await?;
    let first = followed.next().await?.context("an entry")?;
    assert_eq!((&first["kind"], &first["org"]), (&json!("pause"), &json!("acme")));
    drop(followed);
    refuse(&api, "meanwhile").await?;
    let mut again = Followed::at(&other, "?kind=pause", first["id"].as_str()).await?;
    assert_eq!(again.next().await?.context("an entry")?["org"], "meanwhile");
    let mut from = Followed::at(&other, "?kind=pause&from=0", None).await?;
    assert_eq!(from.next().await?.context("an entry")?["org"], "before");
    let to_the_end = async {
        while from.next().await?.is_some() {}
        again.next().await
    };
    let (ended, last) = tokio::join!(other.replica.terminate(), to_the_end);
    assert_eq!((ended?.code(), last?), (Some(0), None), "it ends, and so does who follows");
    Ok(())
}

/// A trail that was lost under a follower goes on with what is told then.
#[tokio::test]
async fn a_lost_trail_goes_on() -> Result<()> {
    let server = RedisServer::start()?;
    let api = refused_by(&server.url(), &["acme"]).await?;
    let mut followed = Followed::at(&api, "?kind=restored", None).await?;
    redis::cmd("FLUSHALL").exec(&mut server.connection()?)?;
    refuse(&api, "globex").await?;
    assert_eq!(followed.next().await?.context("an entry")?["kind"], "restored");
    Ok(())
}

/// Goal: who comes again after more calls were granted than the store holds is told of the gap before what is left,
/// once, and who has missed nothing is told of none. Method: the records of these calls are written by hand.
#[tokio::test]
async fn who_comes_too_late_is_told_of_the_gap() -> Result<()> {
    let server = RedisServer::start()?;
    let api = refused_by(&server.url(), &["before"]).await?;
    let page = api.get(AUDIT).await?.expect(200);
    let seen = page["last_id"].as_str().context("an id")?.to_owned();
    let (ms, _) = seen.split_once('-').context("an id")?;
    let ms: u64 = ms.parse()?;
    let record = |number: u64| format!("{}-{number}", ms + 1);
    let mut records = redis::pipe();
    for number in 0..50_010 {
        let key = "tollgate:{shop}:records";
        records
            .cmd("XADD")
            .arg(key)
            .arg("MAXLEN")
            .arg(50_000)
            .arg(record(number))
            .arg("call")
            .arg("x")
            .ignore();
    }
    records.exec(&mut server.connection()?)?;
    let mut late = Followed::at(&api, "?kind=pause", Some(&seen)).await?;
    refuse(&api, "after").await?;
    assert_eq!(late.next().await?.context("an entry")?["org"], "after", "pauses are held apart");
    for (seen, is_gap) in [(&seen, true), (&record(8), true), (&record(9), false)] {
        let mut late = Followed::at(&api, "", Some(seen)).await?;
        let told = late.next().await?.context("an event")?;
        let gap = json!({"after": seen, "before": record(10)});
        assert_eq!(told == gap, is_gap, "{seen}: {told}");
        let next = late.next().await?.context("an entry")?;
        assert_eq!(next["id"], record(if is_gap { 10 } else { 11 }), "{next}");
    }
    Ok(())
}

/// There are sixty-four places; one that is left is free again.
#[tokio::test]
async fn no_more_follow_than_there_are_places() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let path = format!("{AUDIT}/stream");
    let mut followers = Vec::new();
    for _ in 0..64 {
        followers.push(api.request(Method::GET, &path).send().await?);
    }
    assert!(followers.iter().all(|response| response.status() == 200));
    api.get(&path).await?.expect_problem(503, "too-many-followers", "");
    followers.pop();
    eventually("a place", PATIENCE, async || match api.request(Method::GET, &path).send().await {
        Ok(response) if response.status() == 200 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}

/// Runs the command to its end.
async fn audit(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(replica_binary()?);
    command.arg("audit").args(arguments).env_clear();
    Ok(timeout(PATIENCE, command.output()).await??)
}

#[tokio::test]
async fn the_command_line_shows_the_trail() -> Result<()> {
    let server = RedisServer::start()?;
    let api = refused_by(&server.url(), &["acme", "globex"]).await?;
    let url = api.replica.base_url().to_owned();
    let service = ["--url", &url, "--namespace", "shop"];
    let shown = audit(&[&service[..], &["--kind", "pause", "--org", "acme"]].concat()).await?;
    let text = String::from_utf8(shown.stdout)?;
    assert!(shown.status.success() && text.lines().count() == 1, "{text}");
    for word in [" pause ", "status 429", "[org acme]", "[replica "] {
        assert!(text.contains(word), "{word} in {text}");
    }
    for from in [&["--from", "1h"][..], &["--count", "1000"], &["--from", "1h", "--to", "0s"]] {
        let shown = audit(&[&service[..], &["--json"], from].concat()).await?;
        let lines: Vec<Value> =
            String::from_utf8(shown.stdout)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert_eq!(json!(lines), api.get(AUDIT).await?.expect(200)["entries"], "{from:?}");
    }
    for (arguments, code, says) in [
        (&["--url", "ftp://host"][..], 2, "expected http(s)://HOST:PORT"),
        (&["--kind", "pauses"], 2, "possible values: policy, restored"),
        (&["--from", "yesterday"], 2, "how long ago, such as 90m"),
        (&["--url", &url], 1, "this service is for namespace shop"),
        (&["--url", "http://127.0.0.1:1"], 1, "can't show the audit trail"),
    ] {
        let shown = audit(arguments).await?;
        let said = String::from_utf8_lossy(&shown.stderr);
        assert_eq!(shown.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    Ok(())
}

/// A follower on the command line outlives its service: it goes on behind what it has shown.
#[tokio::test]
async fn the_command_line_follows() -> Result<()> {
    use tokio::io::{AsyncBufReadExt, BufReader};

    let server = RedisServer::start()?;
    let api = refused_by(&server.url(), &["acme"]).await?;
    let mut command = Command::new(replica_binary()?);
    let url = api.replica.base_url().to_owned();
    command.args(["audit", "--url", &url, "--namespace", "shop", "--follow", "--kind", "pause", "--json"]);
    let mut child = command.env_clear().stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let mut next = async || -> Result<Value> {
        let line = timeout(PATIENCE, lines.next_line()).await??.context("a line")?;
        Ok(serde_json::from_str(&line)?)
    };
    assert_eq!(next().await?["org"], "acme");
    refuse(&api, "globex").await?;
    assert_eq!(next().await?["org"], "globex");
    Ok(())
}
