//! The Grafana dashboard, as far as Prometheus has to do with it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub(crate) const DASHBOARD: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/grafana/dashboard.json"));

/// A panel's title, and what one of its lines shows.
pub(crate) struct Line {
    pub(crate) title: String,
    pub(crate) expression: String,
}

/// All lines of all panels, with the variables filled in as Grafana does for all namespaces.
pub(crate) fn lines() -> Result<Vec<Line>> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    let mut lines = Vec::new();
    for panel in dashboard["panels"].as_array().context("panels")? {
        let title = panel["title"].as_str().context("a title")?;
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().with_context(|| title.to_owned())?;
            let expression = expression.replace("$namespace", ".*").replace("$__rate_interval", "30s");
            ensure!(!expression.contains('$'), "{title}: a variable that is not there: {expression}");
            lines.push(Line { title: title.to_owned(), expression });
        }
    }
    Ok(lines)
}

/// The names of metrics in an expression.
pub(crate) fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_metric =
        |word: &&str| word.starts_with("tollgate_") || word.starts_with("process_") || *word == "up";
    words.filter(is_metric).map(str::to_owned).collect()
}

/// Panels have room: none covers another, and each says what it shows.
#[test]
fn panels_do_not_cover_each_other() -> Result<()> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().context("panels")? {
        let side = |name: &str| panel["gridPos"][name].as_u64().with_context(|| format!("{panel}: {name}"));
        let (x, y, width, height) = (side("x")?, side("y")?, side("w")?, side("h")?);
        ensure!(x + width <= 24, "{panel}");
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            ensure!(taken.insert(cell), "{} covers another panel", panel["title"]);
        }
        ensure!(ids.insert(panel["id"].as_u64()), "{}: its id is another one's", panel["title"]);
        let described =
            panel["type"] == "row" || panel["description"].as_str().is_some_and(|text| !text.is_empty());
        ensure!(described, "{} is not described", panel["title"]);
    }
    Ok(())
}
