//! From document to configuration: what single values do not tell.

use std::time::Duration;

use super::config::{Config, Faults, Latency, Oauth, Throttle};
use super::document::{Document, FaultsDocument, Shape, ThrottleDocument};
use super::error::ConfigError;
use super::limits::{change, limit, login_limit};
use super::traffic::{background_loads, clients};
use crate::limit::{Limit, Rules};

/// The vendor's default.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(86_400);

pub(super) fn checked(document: Document) -> Result<Config, ConfigError> {
    let mut limits = Vec::new();
    for (index, written) in document.limit.into_iter().enumerate() {
        let limit = limit(&format!("limit[{index}]"), written)?;
        if limits.iter().any(|known: &Limit| known.name == limit.name) {
            let expected = "another name than that of a limit before";
            return Err(ConfigError::new(format!("limit[{index}].name"), limit.name.to_string(), expected));
        }
        limits.push(limit);
    }
    if let Some(oauth) = &document.oauth {
        limits.extend(login_limit(oauth)?);
    }
    for (index, written) in document.change.into_iter().enumerate() {
        change(&format!("change[{index}]"), written, &mut limits)?;
    }
    let clients = clients(document.client)?;
    let mut background = Vec::new();
    for (index, written) in document.background.into_iter().enumerate() {
        background.extend(background_loads(&format!("background[{index}]"), &written, &clients)?);
    }
    Ok(Config {
        shape: document.shape,
        throttle: throttle(document.shape, &document.throttle)?,
        rules: Rules { limits, refused_counts: document.refused_counts },
        background,
        clients,
        oauth: document
            .oauth
            .map(|oauth| Oauth { lifetime: oauth.lifetime.map_or(LIFETIME_DEFAULT, |length| length.0) }),
        latency: Latency { base: document.latency.base.0, jitter: document.latency.jitter.0 },
        faults: faults(&document.faults)?,
    })
}

fn throttle(shape: Shape, written: &ThrottleDocument) -> Result<Throttle, ConfigError> {
    // Most providers always answer with the same status; this one has two.
    let allowed: &[u16] = match shape {
        Shape::Github => &[403, 429],
        Shape::Ietf => &[429, 503],
        Shape::Salesforce => &[403],
        Shape::ShopifyGraphql => &[200],
        _ => &[429],
    };
    let status = written.status.unwrap_or(allowed[0]);
    if allowed.contains(&status) {
        return Ok(Throttle {
            retry_after: written.retry_after,
            code: written.code,
            reset: written.reset,
            status,
        });
    }
    let expected: Vec<String> = allowed.iter().map(u16::to_string).collect();
    Err(ConfigError::new("throttle.status", status.to_string(), expected.join(" or ")))
}

fn faults(written: &FaultsDocument) -> Result<Faults, ConfigError> {
    let status = written.status.unwrap_or(503);
    if !(500..600).contains(&status) {
        return Err(ConfigError::new("faults.status", status.to_string(), "500 to 599"));
    }
    if written.reset.0 + written.error.0 > 1.0 {
        return Err(ConfigError::new(
            "faults",
            "a reset and an error more often than always",
            "at most 1 in sum",
        ));
    }
    Ok(Faults { reset: written.reset.0, error: written.error.0, status, counted: written.counted })
}
