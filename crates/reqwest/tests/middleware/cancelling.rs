//! A request that is given up leaves nothing behind.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use anyhow::Result;
use reqwest::Response;

use super::in_flight::{ONE, free};
use super::setup::{acme, client, gate, limited};
use super::stub::{Stub, done, says};

/// What the future comes to, or `None` if it is not done after so many polls; then it is dropped.
async fn polled<T>(future: impl Future<Output = T>, mut polls: u32) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Each time it is dropped one poll later, until it is done: before it is granted, while it is sent, between its
/// attempts.
#[tokio::test]
async fn a_request_dropped_at_any_time_is_in_flight_no_longer() -> Result<()> {
    let gate = gate(ONE).await;
    let http = client(limited(&gate));
    for polls in 0.. {
        // Throttled first, so that there is a second attempt to be dropped in.
        let stub = Stub::start(vec![says(429, &[("retry-after", "0")], "{}"), done()]).await;
        let answer = polled(http.get(stub.url("/x")).with_extension(acme()).send(), polls).await;
        let is_done = answer.transpose()?.as_ref().map(Response::status);
        free(&gate).await.map_err(|error| error.context(format!("dropped after {polls} polls")))?;
        if let Some(status) = is_done {
            assert_eq!((status.as_u16(), stub.count()), (200, 2));
            assert!(polls > 4, "it was done after {polls} polls, and could hardly be dropped");
            return Ok(());
        }
    }
    Ok(())
}
