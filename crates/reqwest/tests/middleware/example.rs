//! The example program does what it says.

use super::setup::gate;

#[path = "../../examples/reqwest.rs"]
#[allow(dead_code, reason = "its main is run here by another name")]
mod reqwest;

#[tokio::test]
async fn the_example_runs_and_keeps_the_providers_limits() {
    let server = reqwest::provider().await.expect("the simulator starts");
    let (done, failed) =
        reqwest::run(gate(reqwest::POLICY).await, &server.url("")).await.expect("it ends well");
    assert_eq!((done, failed), (50, 0));
    assert_eq!(
        server.ledger().callers().refused().count(),
        0,
        "nothing was sent that could be known to be refused"
    );
    assert!(server.ledger().excesses().is_empty());
}
