//! The audit trail of a running service.

use anyhow::{Context, Result, ensure};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::timeout;

use super::super::service::{Ask, Service, WITHIN, header_of, query};

/// A parameter of the query and its value.
pub(super) type Asked = (&'static str, String);

/// Longest event.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Some of the entries.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) entries: Vec<Value>,
    pub(super) next_cursor: Option<String>,
    pub(super) last_id: String,
}

/// A page of the trail.
pub(super) async fn page(service: &Service, asked: &[Asked]) -> Result<Page> {
    let target = format!("/audit{}", query(asked));
    let headers = [("accept", "application/x-ndjson".to_owned())];
    let answer = service.ask(Ask { target: &target, headers: &headers, ..Ask::default() }).await?;
    let next_cursor = header_of(&answer, "tollgate-next-cursor");
    let last_id = header_of(&answer, "tollgate-last-id").context("this is no audit trail")?;
    let lines = answer.body().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let entries = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
    Ok(Page { entries: entries.context("an entry is no JSON")?, next_cursor, last_id })
}

/// What a follower is told.
pub(super) enum News<'a> {
    /// An entry, and its id.
    Entry(&'a str, Value),
    /// Between two ids there may have been entries that were trimmed before they could be read.
    Gap(Value),
}

/// Hands over what comes behind the last id, with its own id, until the service ends or the connection breaks. A
/// service sends a sign of life every 15 s.
pub(super) async fn follow(
    service: &Service,
    asked: &[Asked],
    last_id: &str,
    mut take: impl FnMut(News<'_>) -> Result<()>,
) -> Result<()> {
    let target = format!("/audit/stream{}", query(asked));
    let headers = [("accept", "text/event-stream".to_owned()), ("last-event-id", last_id.to_owned())];
    let response = service.open(Ask { target: &target, headers: &headers, ..Ask::default() });
    let mut body = timeout(WITHIN, response).await.context("no answer within 30s")??.into_body();
    let mut unread = Vec::new();
    while let Some(frame) = timeout(WITHIN, body.frame()).await.context("silent for 30s")? {
        let Ok(data) = frame.context("the connection broke")?.into_data() else { continue };
        unread.extend_from_slice(&data);
        while let Some(end) = unread.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = unread.drain(..end + 2).collect();
            hand_over(&String::from_utf8_lossy(&event), &mut take)?;
        }
        ensure!(unread.len() <= EVENT_BYTES_MAX, "an event without an end");
    }
    Ok(())
}

/// What an event tells; comments, which are signs of life, have no data.
fn hand_over(event: &str, take: &mut impl FnMut(News<'_>) -> Result<()>) -> Result<()> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    let Some(data) = field("data:") else { return Ok(()) };
    let data = serde_json::from_str(data).context("an event is no JSON")?;
    match (field("id:"), field("event:")) {
        (Some(id), _) => take(News::Entry(id, data)),
        (None, Some("gap")) => take(News::Gap(data)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_entry_or_a_gap_or_a_sign_of_life() -> Result<()> {
        let told = |event: &str| -> Result<Vec<String>> {
            let mut told = Vec::new();
            hand_over(event, &mut |news| {
                told.push(match news {
                    News::Entry(id, entry) => format!("{id} {}", entry["kind"]),
                    News::Gap(gap) => format!("{} to {}", gap["after"], gap["before"]),
                });
                Ok(())
            })?;
            Ok(told)
        };
        assert_eq!(told("id: 1-2\nevent: cut\ndata: {\"kind\":\"cut\"}\n\n")?, ["1-2 \"cut\""]);
        let gap = "event: gap\ndata: {\"after\":\"1-2\",\"before\":\"9-0\"}\n\n";
        assert_eq!(told(gap)?, ["\"1-2\" to \"9-0\""]);
        for other in [":\n\n", "event: later\ndata: {}\n\n"] {
            assert!(told(other)?.is_empty(), "{other}");
        }
        assert!(told("id: 1-2\ndata: {\n\n").is_err());
        Ok(())
    }
}
