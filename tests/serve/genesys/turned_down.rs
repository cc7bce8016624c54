//! Services that do not take the change: what is in force by then is compared anew, and else it is said why.

use anyhow::Result;
use serde_json::json;
use tollgate::Policy;

use super::command::Run;
use super::scripted::{Answer, Scripted, says};
use super::taking_over::{POLICY, PROVIDER, SHOP, provider, service};

/// A policy in force, as a service answers.
fn policy(version: u64, toml: &str) -> Result<Answer> {
    let tag = format!("\"{version}-0123456789abcdef\"");
    let version = version.to_string();
    let fields = [("etag", tag.as_str()), ("tollgate-policy-version", version.as_str())];
    Ok(says(200, &fields, &Policy::from_toml(toml)?.to_json()))
}

fn overtaken() -> Answer {
    says(
        412,
        &[("content-type", "application/problem+json")],
        r#"{"detail":"the policy is at another version"}"#,
    )
}

/// Somebody changes the policy between the read and the change. What they wrote stays, and the override is made on it.
#[tokio::test]
async fn a_change_that_was_overtaken_is_proposed_anew() -> Result<()> {
    let provider = provider(PROVIDER).await?;
    let theirs = POLICY.replace("100000/s", "7/s");
    let service =
        Scripted::start(vec![policy(4, POLICY)?, overtaken(), policy(5, &theirs)?, policy(6, POLICY)?])
            .await?;
    let run = Run::new(&service.url(), &provider.url(""))?.arguments(&SHOP).arguments(&["--apply"]);
    let ran = run.end().await?;
    assert!(ran.done().contains("in force as version 6"), "{ran:?}");
    let requests = service.requests();
    assert_eq!(requests.len(), 4, "{requests:?}");
    assert!(requests[1].starts_with("PUT /v1/shop/policy ") && requests[1].contains("if-match: \"4-"));
    let last = &requests[3];
    assert!(last.starts_with("PUT /v1/shop/policy ") && last.contains("if-match: \"5-"), "{last}");
    assert!(last.contains(r#""rate":"7/s""#) && last.contains(r#""quota":"600/1m""#), "{last}");
    assert!(last.contains("tollgate-author: tollgate genesys limits"), "{last}");
    assert!(last.contains("tollgate-reason: limits of acme as Genesys Cloud has them"), "{last}");
    Ok(())
}

/// It may be that by then there is nothing left to change.
#[tokio::test]
async fn a_change_that_somebody_else_has_made_is_not_made_again() -> Result<()> {
    let provider = provider(PROVIDER).await?;
    let theirs = POLICY.replace("\"180/1m\"", "\"600/1m\"");
    let service = Scripted::start(vec![policy(4, POLICY)?, overtaken(), policy(5, &theirs)?]).await?;
    let run = Run::new(&service.url(), &provider.url(""))?.arguments(&SHOP).arguments(&["--apply"]);
    let ran = run.end().await?;
    assert!(ran.done().contains("nothing to change"), "{ran:?}");
    assert_eq!(service.requests().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_policy_that_keeps_changing_is_told() -> Result<()> {
    let provider = provider(PROVIDER).await?;
    let mut answers = Vec::new();
    for version in 1..=4 {
        answers.extend([policy(version, POLICY)?, overtaken()]);
    }
    let service = Scripted::start(answers).await?;
    let run = Run::new(&service.url(), &provider.url(""))?.arguments(&SHOP).arguments(&["--apply"]);
    run.end().await?.failed(1, &["changed by others 3 times", "run this again"]);
    let puts = service.requests().iter().filter(|request| request.starts_with("PUT")).count();
    assert_eq!(puts, 3);
    Ok(())
}

/// The service is told by its address and its own words.
#[tokio::test]
async fn a_service_that_does_not_do_is_told() -> Result<()> {
    let (api, provider) = (service().await?, provider(PROVIDER).await?);
    let url = provider.url("");
    let run = Run::new(api.replica.base_url(), &url)?.end().await?;
    run.failed(1, &[api.replica.base_url(), "answers 404: this service is for namespace shop"]);
    let nobody = Run::new("http://127.0.0.1:1", &url)?.arguments(&SHOP).end().await?;
    nobody.failed(1, &["the service at http://127.0.0.1:1/", "can't be reached", "refused"]);
    for (answer, said) in [
        (says(503, &[], r#"{"detail":"no answer of the store"}"#), "answers 503: no answer of the store"),
        (says(200, &[], "<h1>Welcome</h1>"), "is no policy: check --url"),
        (
            says(200, &[("etag", "\"1-a\""), ("tollgate-policy-version", "1")], "{}"),
            "can't be read by this version",
        ),
        (says(500, &[], "oh"), "does not say why"),
    ] {
        let service = Scripted::start(vec![answer]).await?;
        let run = Run::new(&service.url(), &url)?.arguments(&SHOP).end().await?;
        run.failed(1, &["at http://127.0.0.1", said]);
    }
    let silent = Scripted::start(vec![Answer::Silence]).await?;
    let run = Run::new(&silent.url(), &url)?.arguments(&SHOP).arguments(&["--timeout", "200ms"]);
    run.end().await?.failed(1, &["the service at", "does not answer within 200ms"]);
    Ok(())
}

/// What the service's own checks refuse is said in its words.
#[tokio::test]
async fn a_change_that_the_service_refuses_is_told() -> Result<()> {
    let provider = provider(PROVIDER).await?;
    let refusal = says(422, &[], &json!({"detail": "limit[1].override: too many"}).to_string());
    let service = Scripted::start(vec![policy(4, POLICY)?, refusal]).await?;
    let run = Run::new(&service.url(), &provider.url(""))?.arguments(&SHOP).arguments(&["--apply"]);
    run.end().await?.failed(1, &["answers 422: limit[1].override: too many"]);
    Ok(())
}
