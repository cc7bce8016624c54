//! The library example of the README, compiled and run as it stands there.

use super::tree::{line_of, read};

// README: begin
use std::time::Duration;
use tollgate::{Call, Decision, Policy, Tollgate};

async fn example() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::from_toml(&std::fs::read_to_string("examples/genesys.toml")?)?;
    let gate = Tollgate::embedded(policy).await?;
    let call = Call::get("/api/v2/users").org("acme").client("app-1");

    // Ask once.
    match gate.try_acquire(&call).await? {
        Decision::Granted(permit) => println!("send it: {} was charged", permit.cost()),
        Decision::Refused(refused) => println!("come back in {:?}", refused.retry_after),
    }

    // Wait, but no longer than five seconds. This call is not sent after all.
    let permit = gate.acquire(&call).within(Duration::from_secs(5)).await?;
    permit.give_back().await?;
    Ok(())
}
// README: end

#[tokio::test]
async fn the_example_of_the_readme_runs() {
    example().await.expect("the example ends well");
}

#[test]
fn the_readme_shows_this_example() {
    let shown = include_str!("readme_example.rs").split("// README: begin\n").nth(1);
    let shown = shown.and_then(|rest| rest.split("// README: end").next()).expect("the marks are there");
    let readme = read("README.md");
    let line = line_of(&readme, "```rust\n");
    assert!(
        readme.contains(&format!("```rust\n{shown}```\n")),
        "README.md:{line}: the example is not the one in tests/tidy/readme_example.rs; make them the same"
    );
}
