//! The description of the API: what it says is served, what is served it says, and it can be read and tried in a
//! browser.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::client::{Answer, Api, TEN_EACH};

/// An operation: its path, its method in capitals, and what is said of it.
pub(crate) struct Operation {
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) said: Value,
}

impl Operation {
    /// All of a service.
    pub(crate) async fn all(api: &Api) -> Result<Vec<Self>> {
        of(&document(api).await?)
    }

    /// Whether there is anything else that a caller must know of to get 2xx.
    fn stands_alone(&self) -> bool {
        !self.path.contains("{id}")
    }
}

async fn document(api: &Api) -> Result<Value> {
    let answer = api.get("/openapi.json").await?;
    assert_eq!(answer.header("content-type"), "application/json");
    Ok(answer.expect(200))
}

fn of(document: &Value) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().context("it has paths")? {
        for (method, said) in item.as_object().context("a path has operations")? {
            let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
            operations.push(Operation { path: path.clone(), method, said: said.clone() });
        }
    }
    Ok(operations)
}

/// Each path answers exactly the methods that are described: any other is told so, with those in `Allow`.
#[tokio::test]
async fn what_is_described_is_served_and_no_other_method() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in Operation::all(&api).await? {
        described.entry(operation.path).or_default().insert(operation.method.to_string());
    }
    assert!(described.len() >= 13, "{described:?}");
    for (path, mut methods) in described {
        let url = path.replace("{ns}", "shop").replace("{id}", "x").replace("{part}", "start.js");
        // Every GET is a HEAD too, and needs no word of its own.
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let answer = Answer::of(api.request(Method::from_bytes(b"QUERY")?, &url)).await?;
        answer.expect_problem(405, "method-not-allowed", "");
        let allowed: BTreeSet<String> = answer.header("allow").split(',').map(str::to_owned).collect();
        assert_eq!(allowed, methods, "{path}");
    }
    Ok(())
}

/// The README's table, which newcomers read first, has the same operations.
#[tokio::test]
async fn the_table_of_the_readme_has_what_is_described() -> Result<()> {
    let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let row = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    let table: BTreeSet<String> = readme.lines().filter_map(row).filter(|name| name.contains(" /")).collect();
    let api = Api::embedded(TEN_EACH).await?;
    let described = Operation::all(&api).await?.into_iter();
    let described = described.map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    assert_eq!(table, described);
    Ok(())
}

/// Names lead somewhere, every operation has a name, a tag and a sentence, and nothing is promised of another version
/// or namespace.
#[tokio::test]
async fn the_description_is_whole() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let document = document(&api).await?;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["servers"][0]["url"], "/");
    assert_eq!(dangling(&document, &document), Vec::<String>::new());
    let tags = document["tags"].as_array().context("tags")?;
    let tags: BTreeSet<&str> = tags.iter().filter_map(|tag| tag["name"].as_str()).collect();
    let operations = of(&document)?;
    let ids: BTreeSet<&str> = operations.iter().filter_map(|one| one.said["operationId"].as_str()).collect();
    assert_eq!(ids.len(), operations.len(), "{ids:?}");
    for Operation { path, method, said } in &operations {
        let tag = said["tags"][0].as_str().unwrap_or_default();
        assert!(tags.contains(tag) && said["summary"].is_string(), "{method} {path}: {said}");
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["schema"].is_object(), "{method} {path}: {parameter}");
            if parameter["name"] == "ns" {
                assert_eq!(parameter["schema"]["enum"][0], "shop", "{parameter}");
            }
        }
        for (status, response) in said["responses"].as_object().context("responses")? {
            for (name, link) in response["links"].as_object().into_iter().flatten() {
                let target = link["operationId"].as_str().unwrap_or_default();
                assert!(ids.contains(target), "{method} {path} {status} {name}: {link}");
            }
            let is_problem = status.as_str() >= "400";
            let told = response["content"].get("application/problem+json").is_some();
            assert_eq!(is_problem, told, "{method} {path} {status}: {response}");
        }
    }
    Ok(())
}

/// Every `$ref` that leads nowhere.
fn dangling(value: &Value, document: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            let own = own.filter(|target| document.pointer(target.trim_start_matches('#')).is_none());
            let inner = fields.values().flat_map(|field| dangling(field, document));
            own.into_iter().map(str::to_owned).chain(inner).collect()
        }
        Value::Array(values) => values.iter().flat_map(|value| dangling(value, document)).collect(),
        _ => Vec::new(),
    }
}

/// The examples are for the policy that a service without options has, and are answered as the description says.
#[tokio::test]
async fn the_examples_work_with_the_example_policy() -> Result<()> {
    // With a key of its own: the example of making one must not be the first, which has to be an admin's.
    let api = Api::start(tollgate_testkit::Replica::builder()).await?.keyed("genesys").await?;
    let mut tried = 0;
    let mut operations = Operation::all(&api).await?;
    // By their paths, so that the policy's comes late: what the other examples are about is in the policy that it
    // replaces. And nothing is removed that is to be read.
    operations.sort_by_key(|one| (one.path.clone(), one.method == Method::DELETE));
    for operation in operations.iter().filter(|one| one.stands_alone()) {
        let Operation { path, method, said } = operation;
        if said["operationId"] == "followAudit" {
            // It never ends; `audit.rs` follows it.
            continue;
        }
        let mut url = path.clone();
        let mut query = Vec::new();
        let mut headers = HeaderMap::new();
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().context("a name")?;
            let example = &parameter["example"];
            let example = if example.is_null() { &parameter["schema"]["examples"][0] } else { example };
            let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            match parameter["in"].as_str() {
                Some("path") => url = url.replace(&format!("{{{name}}}"), &text),
                _ if example.is_null() => {}
                Some("query") => query.push((name.to_owned(), text)),
                _ => drop(
                    headers
                        .insert(name.to_lowercase().parse::<reqwest::header::HeaderName>()?, text.parse()?),
                ),
            }
        }
        let bodies = said["requestBody"]["content"].as_object();
        let bodies = bodies.map_or_else(|| vec![None], |bodies| bodies.iter().map(Some).collect());
        for body in bodies {
            let address = reqwest::Url::parse_with_params(&api.replica.url(&url), &query)?;
            let url = format!("{}?{}", address.path(), address.query().unwrap_or_default());
            let mut request = api.request(method.clone(), url.trim_end_matches('?')).headers(headers.clone());
            if let Some((kind, content)) = body {
                let example = &content["example"];
                let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                assert!(!example.is_null(), "{method} {path} has no example of {kind}");
                request = request.header("content-type", kind).body(text);
            }
            let answer = Answer::of(request).await?;
            // The policy that is known already is the one that is there.
            let is_right = (200..300).contains(&answer.status) || answer.status == 304;
            assert!(is_right, "{method} {url}: {answer:?}");
            tried += 1;
        }
    }
    assert!(tried >= 13, "only {tried} examples are where this test reads them");
    Ok(())
}

/// All that the page needs comes from the service itself, and the browser is told to take nothing from elsewhere.
#[tokio::test]
async fn the_page_needs_no_other_host() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let page = api.get("/docs").await?;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    for rule in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!page.text.contains("//"), "{}", page.text);
    let parts: Vec<&str> =
        page.text.split('"').filter(|text| text.starts_with("docs/") || *text == "openapi.json").collect();
    assert_eq!(parts.len(), 4, "{}", page.text);
    for part in parts {
        let answer = Answer::of(api.request(Method::GET, &format!("/{part}"))).await;
        let answer = answer.with_context(|| part.to_owned())?;
        assert!(answer.status == 200 && answer.text.len() > 300, "{part}: {} bytes", answer.text.len());
        let guessed = part != "openapi.json" && answer.header("x-content-type-options") != "nosniff";
        assert!(!guessed, "{part}: {:?}", answer.headers);
    }
    api.get("/docs/../routes.rs").await?.expect_problem(404, "unknown-route", "");
    api.get("/docs/other.js").await?.expect_problem(404, "unknown-route", "");
    let strange = api.request(Method::GET, "/docs").header("host", "rebound.example");
    Answer::of(strange).await?.expect_problem(421, "unknown-host", "host");
    Ok(())
}
