//! One connection through the proxy, from accept to close.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::AsyncReadExt;
use tokio::sync::Notify;

use super::delay_line::{Entry, delay_line};
use super::endpoint::{Reader, Writer, connect};
use super::faults::{Direction, Faults, Mode};
use super::framing::{Framing, is_push};
use crate::address::Address;

/// The one answer of a connection that is to be dropped, if any: it is the connection's last.
struct Loss {
    /// Its place among the answers; [`Loss::NONE`] while there is none.
    index: AtomicU64,
    happened: Notify,
}

impl Loss {
    const NONE: u64 = u64::MAX;

    fn new() -> Self {
        Self { index: AtomicU64::new(Self::NONE), happened: Notify::new() }
    }
}

/// Relays until both sides are done, an answer is dropped, or the connection is cut.
pub(super) async fn relay(
    (from_client, to_client): (Reader, Writer),
    server: Address,
    framing: Framing,
    faults: Arc<Faults>,
) {
    let mut cuts = faults.cuts.subscribe();
    let work = async {
        if *faults.mode.borrow() == Mode::BlackHole {
            return swallow_all(from_client).await;
        }
        let loss = Loss::new();
        let (from_server, to_server) = connect(&server).await?;
        let (requests, requests_out) = delay_line(Direction::ToServer, &faults);
        let (answers, answers_out) = delay_line(Direction::ToClient, &faults);
        // The first side that fails ends all four; a side that is merely done lets the others finish.
        tokio::try_join!(
            take_requests(from_client, requests, framing, &faults, &loss),
            requests_out.drain(to_server),
            take_answers(from_server, answers, framing, &faults, &loss),
            answers_out.drain(to_client),
        )?;
        Ok::<(), io::Error>(())
    };
    tokio::select! {
        // Errors close the connection, which is all that its two ends can see of them.
        _ = work => {}
        _ = cuts.changed() => {}
    }
}

/// Passes requests on, up to and with the one whose answer is to be dropped.
async fn take_requests(
    mut reader: Reader,
    line: Entry,
    framing: Framing,
    faults: &Faults,
    loss: &Loss,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut index = 0;
    while reader.read_buf(&mut buffer).await? > 0 {
        while let Some(request) = framing.take(&mut buffer) {
            let last = faults.takes_answer_to(&request);
            if last {
                loss.index.store(index, Relaxed);
            }
            line.push(request);
            index += 1;
            if last {
                // What was sent behind it must not be executed without an answer: only this one is lost.
                loss.happened.notified().await;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Passes answers on; the one to be dropped ends the connection, after those before it have left.
async fn take_answers(
    mut reader: Reader,
    line: Entry,
    framing: Framing,
    faults: &Faults,
    loss: &Loss,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut index = 0;
    while reader.read_buf(&mut buffer).await? > 0 {
        while let Some(answer) = framing.take(&mut buffer) {
            if is_push(&answer) {
                line.push(answer);
                continue;
            }
            if index == loss.index.load(Relaxed) {
                faults.count(|counters| counters.answers_dropped += 1);
                // Both lines lose their entries, so both sides close once what is before it has left.
                loss.happened.notify_one();
                return Ok(());
            }
            line.push(answer);
            index += 1;
        }
    }
    Ok(())
}

async fn swallow_all(mut reader: Reader) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    while reader.read(&mut buffer).await? > 0 {}
    Ok(())
}
