//! The example of the README, compiled and run as it stands there.

use super::setup::{WIDE, gate as limiter};

// README: begin
use std::time::Duration;
use tollgate::Tollgate;
use tollgate_reqwest::{Org, Outgoing, TollgateMiddleware, Within, refused_in};

async fn users(gate: Tollgate, url: &str) -> Result<(), reqwest_middleware::Error> {
    let classify = |out: &Outgoing<'_>| Some(out.call().org(out.org()?).client("app-1"));
    let limited = TollgateMiddleware::new(gate, classify);
    let http = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(limited).build();

    let request = http.get(url).with_extension(Org::new("acme"));
    match request.with_extension(Within(Duration::from_secs(5))).send().await {
        Ok(answer) => println!("{}", answer.status()),
        Err(error) => match refused_in(&error) {
            Some(refused) => println!("come back in {:?}", refused.retry_after),
            None => return Err(error),
        },
    }
    Ok(())
}
// README: end

#[tokio::test]
async fn the_example_of_the_readme_runs() {
    let stub = super::stub::Stub::start(vec![super::stub::done()]).await;
    users(limiter(WIDE).await, stub.url("/api/v2/users").as_str()).await.expect("it ends well");
    assert_eq!(stub.count(), 1);
}

#[test]
fn the_readme_shows_this_example() {
    let shown = include_str!("readme.rs").split("// README: begin\n").nth(1);
    let shown = shown.and_then(|rest| rest.split("// README: end").next()).expect("the marks are there");
    let readme = include_str!("../../../../README.md");
    assert!(
        readme.contains(&format!("```rust\n{shown}```\n")),
        "README.md, \"In front of reqwest\": its example is not the one in readme.rs; make them the same"
    );
}
