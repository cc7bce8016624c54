//! What a limiter has counted, as values that belong to no library: whoever has a registry of his own finds all of it
//! here.

/// A metric, as it is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Its name at Prometheus: the unit is in it, and that of a counter ends in `_total`.
    pub name: &'static str,
    /// What it counts, in one sentence without a full stop.
    pub help: &'static str,
    /// How it is to be read.
    pub kind: MetricKind,
    /// The names of its labels, in the order in which a [`Sample`] has their values.
    pub labels: &'static [&'static str],
}

/// How the values of a metric are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only rises, from 0 when the limiter was made.
    Counter,
    /// It is what it is now.
    Gauge,
    /// It tells how often values were how large.
    Histogram,
}

/// A metric with its values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// What it is.
    pub description: &'static Description,
    /// A value for each combination of its labels that there is.
    pub samples: Vec<Sample>,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The values of the labels.
    pub labels: Vec<String>,
    /// The value.
    pub value: MetricValue,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// A whole number.
    Whole(u64),
    /// Any number, such as of seconds.
    Real(f64),
    /// How often values were how large.
    Distribution(Distribution),
}

/// How often values were how large.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Distribution {
    /// All values together, in the unit of the metric.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
    /// Upper bounds, rising, the last infinite; and how many values were above the bound before and not above this one.
    pub buckets: Vec<(f64, u64)>,
}

impl Sample {
    pub(crate) fn new<const N: usize>(labels: [&str; N], value: MetricValue) -> Self {
        Self { labels: labels.map(str::to_owned).into(), value }
    }
}

impl From<u64> for MetricValue {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<f64> for MetricValue {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Distribution> for MetricValue {
    fn from(value: Distribution) -> Self {
        Self::Distribution(value)
    }
}
