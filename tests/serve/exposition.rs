//! What `/metrics` says, read line by line.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::client::{Answer, Api};

/// The metrics of a replica.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// What a metric is, by its name.
    pub(crate) kinds: BTreeMap<String, String>,
    /// Values, by the name of the sample and its labels.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Exposition {
    pub(crate) async fn of(api: &Api) -> Result<Self> {
        let answer: Answer = api.get("/metrics").await?;
        ensure!(answer.status == 200, "{answer:?}");
        Self::parse(&answer.text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut read = Self::default();
        for line in text.lines() {
            if let Some(told) = line.strip_prefix("# TYPE ") {
                let (name, kind) = told.split_once(' ').with_context(|| line.to_owned())?;
                let before = read.kinds.insert(name.to_owned(), kind.to_owned());
                ensure!(before.is_none(), "{name} is told twice");
            } else if !line.starts_with('#') {
                read.samples.push(sample(line).with_context(|| line.to_owned())?);
            }
        }
        Ok(read)
    }

    /// The sum of the samples of this name with these labels; an error if there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
        let has = |own: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| own.get(*label).is_some_and(|found| found == value))
        };
        let values: Vec<f64> = self
            .samples
            .iter()
            .filter(|(own, given, _)| own == name && has(given))
            .map(|(_, _, value)| *value)
            .collect();
        ensure!(!values.is_empty(), "no {name} {labels:?}");
        Ok(values.iter().sum())
    }

    /// The same of what is a whole number.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> Result<u64> {
        let value = self.value(name, labels)?;
        // As it was written: no fraction, no sign.
        value.to_string().parse().with_context(|| format!("{name} {labels:?} is {value}"))
    }

    /// The names of the labels that samples of a metric have, `le` left out.
    pub(crate) fn labels(&self, metric: &str) -> Vec<String> {
        let of_metric = |name: &str| {
            name == metric
                || ["_bucket", "_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(metric))
        };
        let samples = self.samples.iter().filter(|(name, ..)| of_metric(name));
        let mut labels: Vec<String> = samples.flat_map(|(_, labels, _)| labels.keys().cloned()).collect();
        labels.sort();
        labels.dedup();
        labels.retain(|label| label != "le");
        labels
    }

    /// How many series have this label.
    pub(crate) fn series(&self, label: &str, value: &str) -> usize {
        self.samples
            .iter()
            .filter(|(_, labels, _)| labels.get(label).is_some_and(|found| found == value))
            .count()
    }

    /// Every value of every label.
    pub(crate) fn label_values(&self) -> impl Iterator<Item = &str> {
        self.samples.iter().flat_map(|(_, labels, _)| labels.values().map(String::as_str))
    }
}

fn sample(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = series.split_once('{') else {
        return Some((series.to_owned(), BTreeMap::new(), value));
    };
    let labels = labels.strip_suffix('}')?.split("\",").filter(|label| !label.is_empty());
    let labels = labels.map(|label| {
        let (name, value) = label.split_once("=\"")?;
        Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some((name.to_owned(), labels.collect::<Option<_>>()?, value))
}
