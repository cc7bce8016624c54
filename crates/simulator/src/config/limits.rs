//! Checked limits: what makes sense together, and their changes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{ChangeDocument, LimitDocument, OauthDocument};
use super::error::ConfigError;
use super::method;
use crate::limit::{Attribute, Kind, Limit, LimitName, PageCost, PathPattern, Timeline, UnderLoad, Values};
use crate::time::Time;

/// Checks one `[[limit]]`.
pub(super) fn limit(field: &str, written: LimitDocument) -> Result<Limit, ConfigError> {
    let at = |name: &str| format!("{field}.{name}");
    let Ok(name) = written.name.parse::<LimitName>() else {
        return Err(ConfigError::new(at("name"), format!("{:?}", written.name), LimitName::EXPECTED));
    };
    let window = match (written.kind, written.window) {
        (Kind::Concurrent, Some(_)) => {
            return Err(ConfigError::new(
                at("window"),
                "a length",
                "none, as calls in flight have no window",
            ));
        }
        (Kind::Concurrent, None) => Duration::ZERO,
        (_, Some(window)) => window.0,
        (_, None) => return Err(ConfigError::new(at("window"), "missing", "a length, such as \"60s\"")),
    };
    if let Some(twice) =
        written.per.iter().enumerate().find(|(index, one)| written.per[..*index].contains(one))
    {
        return Err(ConfigError::new(at("per"), format!("{:?} twice", twice.1).to_lowercase(), "each once"));
    }
    if written.per.is_empty() && !written.overrides.is_empty() {
        return Err(ConfigError::new(
            at("override"),
            "keys",
            "none, as the limit is counted over everything",
        ));
    }
    let overrides: BTreeMap<_, _> =
        written.overrides.into_iter().map(|(key, value)| (key, Timeline::new(value.0))).collect();
    for key in overrides.keys() {
        check_key(&format!("{field}.override.{key:?}"), key, &written.per)?;
    }
    Ok(Limit {
        name,
        at_login: false,
        path: written.path.map(|path| pattern(&at("path"), &path)).transpose()?,
        method: written.method.map(|method| method::checked(&at("method"), method)).transpose()?,
        kind: written.kind,
        window,
        values: Values { default: Timeline::new(written.value.0), overrides },
        under_load: written.under_load.map(|load| UnderLoad {
            above: load.above.count,
            over: load.above.per,
            percent: load.percent.0,
        }),
        cost: written.cost.map(|cost| PageCost { query: cost.query, per: cost.per.0 }),
        said: written.said,
        listed: written.listed,
        description: written.description,
        per: written.per,
    })
}

fn pattern(field: &str, text: &str) -> Result<PathPattern, ConfigError> {
    PathPattern::parse(text)
        .ok_or_else(|| ConfigError::new(field, format!("{text:?}"), PathPattern::EXPECTED))
}

/// A key has as many values as its limit is counted per.
fn check_key(field: &str, key: &str, per: &[Attribute]) -> Result<(), ConfigError> {
    let values = key.split(',').count();
    if values == per.len() {
        return Ok(());
    }
    let expected = format!("one value for each of `per`, joined by commas, {} here", per.len());
    Err(ConfigError::new(field, format!("{values} values"), expected))
}

/// The limit of the token endpoint, for each client. It is no secret, but no part of the API's limits either.
pub(super) fn login_limit(oauth: &OauthDocument) -> Result<Option<Limit>, ConfigError> {
    let (value, window) = match (oauth.value, oauth.window) {
        (None, None) => return Ok(None),
        (Some(value), Some(window)) => (value, window),
        (None, Some(_)) => {
            return Err(ConfigError::new("oauth.value", "missing", "a number, as there is a window"));
        }
        (Some(_), None) => {
            return Err(ConfigError::new("oauth.window", "missing", "a length, such as \"60s\""));
        }
    };
    let name = "login/token.rate".parse().map_err(|_| ConfigError::new("oauth", "a name", "another"))?;
    Ok(Some(Limit {
        name,
        at_login: true,
        per: vec![Attribute::Client],
        path: None,
        method: None,
        kind: Kind::FixedWindow,
        window: window.0,
        values: Values { default: Timeline::new(value.0), overrides: BTreeMap::new() },
        under_load: None,
        cost: None,
        said: false,
        listed: false,
        description: String::new(),
    }))
}

/// Puts one `[[change]]` into the limit that it names.
pub(super) fn change(field: &str, written: ChangeDocument, limits: &mut [Limit]) -> Result<(), ConfigError> {
    let named: Vec<String> = limits.iter().map(|limit| limit.name.to_string()).collect();
    let Some(index) = named.iter().position(|name| *name == written.limit) else {
        let expected = format!("the name of a limit: {}", named.join(", "));
        return Err(ConfigError::new(format!("{field}.limit"), format!("{:?}", written.limit), expected));
    };
    let limit = &mut limits[index];
    let timeline = match written.key {
        None => &mut limit.values.default,
        Some(key) => {
            check_key(&format!("{field}.key"), &key, &limit.per)?;
            let default = Timeline::new(limit.values.default.at(Time::START));
            limit.values.overrides.entry(key).or_insert(default)
        }
    };
    timeline.change(Time::START + written.at.0, written.value.0);
    Ok(())
}
