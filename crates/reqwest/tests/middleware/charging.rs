//! What is charged is what is sent.

use anyhow::Result;
use tollgate_reqwest::{Outgoing, TollgateMiddleware};
use tollgate_testkit::eventually;

use super::setup::{LONG, acme, client, gate, limited, remaining, simulator};
use super::stub::{Stub, done, says};

/// 200 tokens, and none earned back while the test runs.
const COUNTED: &str = "namespace = 'n'\n\
    [[limit]]\nname = 'org'\nper = ['org']\nquota = '201/30d'\nburst = 200\nslack = '1s'\n";

/// Half of all calls fail, and are sent again. The policy's count and the provider's ledger agree.
#[tokio::test]
async fn every_attempt_is_charged() -> Result<()> {
    let server =
        simulator("shape = 'genesys-cloud'\n[faults]\nerror = 0.5\nstatus = 503\ncounted = true").await;
    let gate = gate(COUNTED).await;
    let http = client(limited(&gate));
    let sends =
        (0..20).map(|_| http.get(server.url("/x")).bearer_auth("acme/app").with_extension(acme()).send());
    futures_util::future::try_join_all(sends).await?;
    let sent = server.ledger().callers().count();
    assert!(sent > 20, "some were sent again, {sent} in all");
    assert_eq!(remaining(&gate).await, 200 - sent);
    Ok(())
}

/// A request that the application has named is charged for every attempt all the same; begun anew under its name, only
/// for what is sent again within it.
#[tokio::test]
async fn a_named_request_is_charged_for_each_attempt() -> Result<()> {
    let stub = Stub::start(vec![says(503, &[], ""), says(503, &[], ""), done()]).await;
    let gate = gate(COUNTED).await;
    let named = TollgateMiddleware::builder(gate.clone(), |out: &Outgoing<'_>| {
        Some(out.call().org(out.org()?).request_id("job-17"))
    });
    let http = client(named);
    http.get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!((stub.count(), remaining(&gate).await), (3, 197));
    http.get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!((stub.count(), remaining(&gate).await), (4, 197), "the first attempt was charged before");
    Ok(())
}

/// What the answer says that the call has cost takes the place of what was charged for it.
#[tokio::test]
async fn a_cost_that_the_answer_tells_is_settled() -> Result<()> {
    let body = r#"{"data":{},"extensions":{"cost":{"requestedQueryCost":12,"actualQueryCost":7}}}"#;
    let stub = Stub::start(vec![says(200, &[], body)]).await;
    let gate = gate(&format!("provider = 'shopify-graphql'\n{COUNTED}")).await;
    let answer = client(limited(&gate)).post(stub.url("/graphql")).with_extension(acme()).send().await?;
    assert_eq!(answer.text().await?, body);
    eventually("the settlement", LONG, async || match remaining(&gate).await {
        193 => Ok(()),
        other => Err(format!("{other} left")),
    })
    .await
}
