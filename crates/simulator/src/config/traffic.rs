//! Checked clients and background: who calls, and who else.

use std::collections::BTreeSet;
use std::time::Duration;

use super::config::{BackgroundLoad, Client, Process, Secret};
use super::document::{Arrivals, BackgroundDocument, ClientDocument};
use super::error::ConfigError;
use super::method;
use crate::arrival::Arrival;
use crate::limit::TOKEN_PATH;
use crate::time::Time;

/// Most clients that a pattern may stand for.
const CLIENTS_MAX: u64 = 100_000;

/// Checks all `[[client]]`, and writes out those that stand for many.
pub(super) fn clients(written: Vec<ClientDocument>) -> Result<Vec<Client>, ConfigError> {
    let mut clients = Vec::new();
    let mut known = BTreeSet::new();
    for (index, written) in written.into_iter().enumerate() {
        let count = written.count.map_or(1, |count| count.0);
        if count > CLIENTS_MAX {
            let expected = format!("1 to {CLIENTS_MAX}");
            return Err(ConfigError::new(format!("client[{index}].count"), count.to_string(), expected));
        }
        for number in 1..=count {
            let numbered = |text: &str| match written.count {
                Some(_) => text.replace("{n}", &number.to_string()),
                None => text.to_owned(),
            };
            let id = numbered(&written.id);
            if id.is_empty() || id.contains(':') || !known.insert(id.clone()) {
                let expected = "an id of its own, without ':'; with a count, one that has {n} in it";
                return Err(ConfigError::new(format!("client[{index}].id"), format!("{id:?}"), expected));
            }
            clients.push(Client {
                id,
                secret: Secret(numbered(&written.secret)),
                org: numbered(&written.org),
            });
        }
    }
    Ok(clients)
}

/// Checks one `[[background]]`: a stream for each org.
pub(super) fn background_loads(
    field: &str,
    written: &BackgroundDocument,
    clients: &[Client],
) -> Result<Vec<BackgroundLoad>, ConfigError> {
    if !written.path.starts_with('/') || written.path == TOKEN_PATH {
        let expected = "a path of the API that begins with '/'";
        return Err(ConfigError::new(format!("{field}.path"), format!("{:?}", written.path), expected));
    }
    let method = method::checked(&format!("{field}.method"), written.method.clone())?;
    let orgs: BTreeSet<&str> = match &written.org {
        Some(org) => BTreeSet::from([org.as_str()]),
        None => clients.iter().map(|client| client.org.as_str()).collect(),
    };
    if orgs.is_empty() {
        return Err(ConfigError::new(
            format!("{field}.org"),
            "missing",
            "an org, as there is no [[client]] that has one",
        ));
    }
    let gap = written.rate.per.div_f64(to_real(written.rate.count));
    if gap < Duration::from_micros(1) {
        return Err(ConfigError::new(format!("{field}.rate"), "more than one in a microsecond", "less"));
    }
    let load = |org| BackgroundLoad {
        // Others have tokens of their own.
        call: Arrival::new(&method, &written.path).org(org).client(&written.client).token(&written.client),
        gap,
        process: match written.arrivals {
            Arrivals::Poisson => Process::Poisson,
            Arrivals::Regular => Process::Regular,
        },
        from: Time::START + written.from.0,
        until: written.until.map_or(Time::NEVER, |until| Time::START + until.0),
    };
    Ok(orgs.into_iter().map(load).collect())
}

#[expect(clippy::cast_precision_loss, reason = "a count is at most a thousand million")]
fn to_real(count: u64) -> f64 {
    count as f64
}
