//! Answers of a running service that come page by page.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use serde_json::Value;

use super::service::{Ask, Service, query};

/// What is asked for page by page: where, and with which query.
pub(super) struct Paged<'a> {
    pub(super) target: &'static str,
    pub(super) query: &'a [(&'static str, Option<&'a String>)],
    /// The field of a page that has its rows.
    pub(super) rows: &'static str,
}

impl Paged<'_> {
    /// Hands over page after page, up to the last one or until there is enough. Whether there are no more.
    pub(super) async fn read(
        &self,
        service: &Service,
        mut take: impl FnMut(&[Value]) -> ControlFlow<()>,
    ) -> Result<bool> {
        let mut cursor: Option<String> = None;
        loop {
            let given = self.query.iter().map(|&(name, value)| (name, value.cloned()));
            let pairs = given.chain([("cursor", cursor)]).filter_map(|(name, value)| Some((name, value?)));
            let target = format!("{}{}", self.target, query(&pairs.collect::<Vec<_>>()));
            let answer = service.ask(Ask { target: &target, ..Ask::default() }).await?;
            let page: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
            let rows =
                page[self.rows].as_array().with_context(|| format!("the answer has no {}", self.rows))?;
            let is_enough = take(rows).is_break();
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() || is_enough {
                return Ok(cursor.is_none());
            }
        }
    }
}
