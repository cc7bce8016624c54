//! The same for a registry of `prometheus-client`, which writes it as Prometheus and as OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit;

use super::family::{Description, Distribution, Family, MetricKind, MetricValue};
use super::metrics::Metrics;

/// No metric of a limiter has an exemplar: what would tell one call apart is not to be told.
const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Family { description, samples } in self.families() {
            if samples.is_empty() {
                continue;
            }
            let Description { help, kind, labels, .. } = description;
            let (name, unit) = name_and_unit(description);
            let help = format!("{help}.");
            let mut family = encoder.encode_descriptor(name, &help, unit.as_ref(), type_of(*kind))?;
            for sample in samples {
                let labels: Vec<(&str, &str)> =
                    labels.iter().copied().zip(sample.labels.iter().map(String::as_str)).collect();
                encode(&sample.value, *kind, family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn encode(value: &MetricValue, kind: MetricKind, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
    match (value, kind) {
        (MetricValue::Whole(count), MetricKind::Counter) => encoder.encode_counter(count, NO_EXEMPLAR),
        (MetricValue::Real(count), MetricKind::Counter) => encoder.encode_counter(count, NO_EXEMPLAR),
        (MetricValue::Whole(value), _) => encoder.encode_gauge(value),
        (MetricValue::Real(value), _) => encoder.encode_gauge(value),
        (MetricValue::Distribution(Distribution { sum, count, buckets }), _) => {
            encoder.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
        }
    }
}

/// The encoder puts the unit and the ending of a counter behind the name.
fn name_and_unit(description: &Description) -> (&'static str, Option<Unit>) {
    let name = description.name.strip_suffix("_total").unwrap_or(description.name);
    match (name.strip_suffix("_seconds"), name.strip_suffix("_ratio")) {
        (Some(name), _) => (name, Some(Unit::Seconds)),
        (_, Some(name)) => (name, Some(Unit::Other("ratio".to_owned()))),
        _ => (name, None),
    }
}

fn type_of(kind: MetricKind) -> MetricType {
    match kind {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Histogram => MetricType::Histogram,
    }
}
