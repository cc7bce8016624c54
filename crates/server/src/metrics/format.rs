//! The two formats in which metrics are read: that of Prometheus 0.0.4, and OpenMetrics 1.0.

use axum::http::{HeaderMap, header};

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// What every scraper reads, and people do.
    Prometheus,
    /// The same with units and exemplars.
    OpenMetrics,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The one that a request would rather have. Whoever does not say gets what every scraper reads.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let fields = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let (mut plain, mut open) = (None, None);
        for range in fields.flat_map(|field| field.split(',')).filter_map(Range::parse) {
            if range.is_open_metrics() {
                open = open.max(Some(range.weight));
            } else if range.is_plain() {
                plain = plain.max(Some(range.weight));
            }
        }
        // Asked for as much as the other, the richer one is meant.
        let wants_open = open.is_some_and(|weight| weight > 0 && weight >= plain.unwrap_or(0));
        if wants_open { Self::OpenMetrics } else { Self::Prometheus }
    }
}

/// A range of media types in `Accept`.
struct Range<'a> {
    kind: &'a str,
    version: Option<&'a str>,
    /// In thousandths, as RFC 9110 has it.
    weight: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self { kind: parts.next()?, version: None, weight: 1_000 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim() {
                "version" => range.version = Some(value.trim().trim_matches('"')),
                "q" | "Q" => range.weight = weight(value.trim())?,
                _ => {}
            }
        }
        Some(range)
    }

    fn is_open_metrics(&self) -> bool {
        self.kind.eq_ignore_ascii_case("application/openmetrics-text")
            && self.version.is_none_or(|version| version == "1.0.0")
    }

    fn is_plain(&self) -> bool {
        let is_text = ["text/plain", "text/*", "*/*"].iter().any(|kind| self.kind.eq_ignore_ascii_case(kind));
        is_text && self.version.is_none_or(|version| version == "0.0.4")
    }
}

/// `0` to `1`, with up to three digits behind the point.
fn weight(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_weight =
        matches!(whole, "0" | "1") && part.len() <= 3 && part.bytes().all(|digit| digit.is_ascii_digit());
    let thousandths: u16 = format!("{whole}{part:0<3}").parse().ok()?;
    (is_weight && thousandths <= 1_000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_what_it_would_rather_have() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (prometheus_2, Format::OpenMetrics),
            (prometheus_3, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/OpenMetrics-Text; version=\"1.0.0\"; charset=utf-8", Format::OpenMetrics),
            ("text/plain, application/openmetrics-text", Format::OpenMetrics),
            ("text/plain, application/openmetrics-text; q=0.9", Format::Prometheus),
            ("application/openmetrics-text; version=0.0.1", Format::Prometheus),
            ("application/openmetrics-text; q=0", Format::Prometheus),
            ("application/openmetrics-text; q=2", Format::Prometheus),
            ("application/json", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/html, */*; q=0.1", Format::Prometheus),
            ("", Format::Prometheus),
            (";;=,q=,", Format::Prometheus),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a field"))]);
            assert_eq!(Format::accepted(&headers), format, "{accept}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Prometheus);
    }
}
