//! What Prometheus is asked.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tollgate_testkit::Prometheus;

/// A series and its value.
pub(crate) type Series = (Value, f64);

/// Its HTTP API.
pub(crate) struct Api<'a> {
    prometheus: &'a Prometheus,
    http: reqwest::Client,
}

/// An alarm that is pending or told.
#[derive(Debug)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) instance: String,
    pub(crate) state: String,
}

impl<'a> Api<'a> {
    pub(crate) fn of(prometheus: &'a Prometheus) -> Self {
        Self { prometheus, http: reqwest::Client::new() }
    }

    /// The series that an expression comes to now.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<Series>> {
        let data = self
            .get("/api/v1/query", &[("query", expression)])
            .await
            .with_context(|| expression.to_owned())?;
        let series = data["result"].as_array().context("a vector")?.iter();
        let value = |one: &Value| Some((one["metric"].clone(), one["value"][1].as_str()?.parse().ok()?));
        series.map(|one| value(one).with_context(|| format!("{expression}: {one}"))).collect()
    }

    /// The alarms that are pending or told.
    pub(crate) async fn alarms(&self) -> Result<Vec<Alarm>> {
        let data = self.get("/api/v1/alerts", &[]).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alarms = data["alerts"].as_array().context("a list")?.iter().map(|alarm| Alarm {
            name: text(&alarm["labels"]["alertname"]),
            instance: text(&alarm["labels"]["instance"]),
            state: text(&alarm["state"]),
        });
        Ok(alarms.collect())
    }

    /// The rules that it has loaded: their names, their expressions, and what is wrong with them.
    pub(crate) async fn rules(&self) -> Result<Vec<(String, String, String)>> {
        let data = self.get("/api/v1/rules", &[]).await?;
        let groups = data["groups"].as_array().context("groups")?.iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(rules.map(|rule| (text(&rule["name"]), text(&rule["query"]), text(&rule["lastError"]))).collect())
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let url = reqwest::Url::parse_with_params(&self.prometheus.url(path), query)?;
        let answer: Value = self.http.get(url).send().await?.json().await?;
        ensure!(answer["status"] == "success", "{answer}");
        Ok(answer["data"].clone())
    }
}
