//! The checks of the server: whether it is there, lets its user in, and is one to count on.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use tollgate::{Hindrance, Inspection, RefusedCommand, ServerFacts, StoreError};

use super::advice::{on_connection, on_record, words};
use super::found::Found;
use super::report::Report;
use crate::clock;
use crate::settings::Settings;

/// Round trips that are measured.
const ROUND_TRIPS: usize = 21;

/// A difference of clocks that is told.
const CLOCK_WARNED: Duration = Duration::from_secs(1);

/// A difference of clocks that is wrong.
const CLOCK_WRONG: Duration = Duration::from_secs(10);

/// A server of which so many hundredths of the memory are taken is nearly full.
const NEARLY_FULL_PERCENT: u64 = 90;

/// Breaks off where nothing more can be found out.
pub(super) async fn check(
    inspection: &mut Inspection,
    settings: &Settings,
    report: &mut Report,
) -> ControlFlow<()> {
    let store = &settings.store;
    if let Err(error) = inspection.reach().await {
        let advice = if store.is_socket() {
            "start the server, or correct the path in --store"
        } else {
            "start the server, or correct the host and the port in --store; look at names and firewalls between here and there"
        };
        report.fail("address", words(&error), advice);
        return ControlFlow::Break(());
    }
    report.ok("address", format!("{store} takes connections"));
    let is_tls = store.is_tls();
    let facts = match inspection.connect().await {
        Ok(()) => inspection.server().await,
        Err(error) => {
            report.fail("connection", words(&error), on_connection(&error, is_tls));
            return ControlFlow::Break(());
        }
    };
    match &facts {
        Ok(_) | Err(StoreError::Forbidden { .. }) => {
            let how = if is_tls { "by TLS" } else { "without TLS" };
            report.ok("connection", format!("the server lets the user in, {how}"));
        }
        Err(error) => {
            report.fail("connection", words(error), on_connection(error, is_tls));
            return ControlFlow::Break(());
        }
    }
    if let Ok(facts) = &facts {
        if !is_fit(facts, report) {
            return ControlFlow::Break(());
        }
        role(facts, report);
        memory(facts, report);
        persistence(facts, report);
    }
    permissions(inspection, report).await;
    difference_of_clocks(inspection, report).await;
    latency(inspection, settings.store_timeout / 2, report).await;
    ControlFlow::Continue(())
}

/// Whether the scripts run on a server of this version.
fn is_fit(facts: &ServerFacts, report: &mut Report) -> bool {
    let redis = &facts.redis_version;
    let name = match &facts.valkey_version {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {redis}"),
    };
    if !facts.is_new_enough {
        report.fail("server", format!("it is {name}, which is too old"), "run Redis 6.2, Valkey 8 or newer");
    } else if facts.is_cluster {
        report.warn(
            "server",
            format!("it is {name} in cluster mode, which is not supported yet"),
            "give one server that is no part of a cluster",
        );
    } else if facts.valkey_version.as_deref().is_some_and(|version| version.starts_with("7.")) {
        report.warn("server", format!("it is {name}, which was never tried"), "run Valkey 8 or newer");
    } else {
        report.ok("server", format!("it is {name}"));
    }
    facts.is_new_enough
}

fn role(facts: &ServerFacts, report: &mut Report) {
    if facts.is_replica {
        let found = "it is a replica of another server and takes no writes";
        report.fail("role", found, "give the address of the master, or of whatever always leads to it");
    } else {
        report.ok("role", "it is a master");
    }
}

fn memory(facts: &ServerFacts, report: &mut Report) {
    let (bytes, most, policy) = (facts.memory_bytes, facts.memory_bytes_max, facts.memory_policy.as_str());
    let evicts = policy.starts_with("allkeys-");
    let advice = "CONFIG SET maxmemory-policy noeviction, and the same in its configuration file";
    if evicts && most > 0 {
        let found = Found::with_sizes(|sizes| {
            format!(
                "maxmemory is {} with {policy}: when they are used up the server removes keys, and with one all that the namespace knows",
                sizes.size(most)
            )
        });
        report.fail("memory", found, advice);
    } else if evicts {
        let found =
            format!("maxmemory-policy is {policy}: once maxmemory is set, a namespace may be removed");
        report.warn("memory", found, advice);
    } else if most > 0 && bytes >= most {
        let found = Found::with_sizes(|sizes| {
            format!("{} are used: the server takes no writes", sizes.part(bytes, most))
        });
        report.fail("memory", found, "raise maxmemory, or remove what others keep there");
    } else if most > 0 && bytes.saturating_mul(100) >= most.saturating_mul(NEARLY_FULL_PERCENT) {
        let found = Found::with_sizes(|sizes| {
            format!("{} are used: once they all are, the server takes no writes", sizes.part(bytes, most))
        });
        report.warn("memory", found, "raise maxmemory, or remove what others keep there");
    } else {
        let found = Found::with_sizes(|sizes| {
            let most =
                if most == 0 { "no maxmemory".to_owned() } else { format!("maxmemory {}", sizes.size(most)) };
            format!("{} used, {most}, {policy}", sizes.size(bytes))
        });
        report.ok("memory", found);
    }
}

fn persistence(facts: &ServerFacts, report: &mut Report) {
    if facts.last_save_failed {
        let found = "the server could not write its file the last time, and may take no writes until it can";
        report.fail("persistence", found, "make room on its disk and look at its log");
    } else if facts.appends_to_file {
        report.ok("persistence", "appendonly is yes");
    } else {
        let found =
            "appendonly is no: a crash may lose API keys, old versions of the policy and the audit trail";
        report.warn("persistence", found, "set appendonly yes in its configuration");
    }
}

async fn permissions(inspection: &Inspection, report: &mut Report) {
    match inspection.refused_commands().await {
        Ok(refused) if refused.is_empty() => {
            report.ok(
                "permissions",
                "the user may run every command that is needed, on all keys of the namespace",
            );
        }
        Ok(refused) => {
            let (found, advice) = lacking(&refused);
            report.fail("permissions", found, advice);
        }
        Err(error) => report.fail("permissions", words(&error), on_record(&error, "", "")),
    }
}

/// What can't be run, and what would change that.
fn lacking(refused: &[RefusedCommand]) -> (String, String) {
    let of = |why: Hindrance| refused.iter().filter(move |one| one.why == why);
    let commands: Vec<&str> = of(Hindrance::Command).map(|one| one.command).collect();
    let unknown: Vec<&str> = of(Hindrance::Unknown).map(|one| one.command).collect();
    let keys: BTreeSet<&str> = of(Hindrance::Key).map(|one| one.key.as_str()).collect();
    let (mut found, mut advice, mut rules) = (Vec::new(), Vec::new(), String::new());
    if !commands.is_empty() {
        found.push(format!("the user may not run {}", commands.join(", ")));
        rules.extend(commands.iter().map(|command| format!(" +{command}")));
    }
    if !keys.is_empty() {
        let named: Vec<&str> = keys.iter().copied().collect();
        found.push(format!("the user may not reach {}, or not write there", named.join(", ")));
        let namespace = keys.first().and_then(|key| key.rsplit_once(':'));
        rules.extend(namespace.map(|(namespace, _)| format!(" ~{namespace}:*")));
    }
    if !rules.is_empty() {
        advice.push(format!(
            "ACL SETUSER <user>{rules}; docs/OPERATIONS.md has the whole line in \"The user with the least rights\""
        ));
    }
    if !unknown.is_empty() {
        found.push(format!("the server does not know {}", unknown.join(", ")));
        advice.push(
            "take rename-command for it out of the server's configuration, or the server is none of Redis's"
                .to_owned(),
        );
    }
    (found.join(", and "), advice.join("; "))
}

/// Neither clock is known to be right, so it is the difference that is told.
async fn difference_of_clocks(inspection: &Inspection, report: &mut Report) {
    let asked = clock::now();
    let server_us = match inspection.clock_us().await {
        Ok(server_us) => server_us,
        // Told among the permissions.
        Err(StoreError::Forbidden { .. }) => return,
        Err(error) => return report.fail("clock", words(&error), on_record(&error, "", "")),
    };
    let (before, after) = (asked, clock::now());
    let server = SystemTime::UNIX_EPOCH + Duration::from_micros(server_us);
    let (apart, which) = match (server.duration_since(after), before.duration_since(server)) {
        (Ok(ahead), _) => (ahead, "ahead of"),
        (_, Ok(behind)) => (behind, "behind"),
        // It is between the two.
        _ => (Duration::ZERO, "as"),
    };
    let found = format!("the server's clock is {:.1} s {which} this machine's", apart.as_secs_f64());
    let stakes = "limits do not mind, but overrides and API keys end, and audit entries are dated, by the server's clock";
    let advice = "have both machines' clocks set by NTP; slew the server's, as a step forward fills buckets";
    if apart >= CLOCK_WRONG {
        report.fail("clock", format!("{found}: {stakes}"), advice);
    } else if apart > CLOCK_WARNED {
        report.warn("clock", format!("{found}: {stakes}"), advice);
    } else {
        report.ok("clock", "the server's and this machine's are less than a second apart");
    }
}

async fn latency(inspection: &Inspection, patience: Duration, report: &mut Report) {
    let mut round_trips = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        match inspection.round_trip().await {
            Ok(round_trip) => round_trips.push(round_trip),
            Err(error) => return report.fail("latency", words(&error), on_record(&error, "", "")),
        }
    }
    round_trips.sort_unstable();
    let (Some(median), Some(worst)) = (round_trips.get(ROUND_TRIPS / 2), round_trips.last()) else { return };
    let ms = |span: &Duration| format!("{:.1} ms", span.as_secs_f64() * 1_000.0);
    let found = format!(
        "{ROUND_TRIPS} round trips took {} in the median, {} at worst; an answer is waited for {}",
        ms(median),
        ms(worst),
        ms(&patience)
    );
    if *worst * 2 >= patience {
        report.warn(
            "latency",
            found,
            "raise --store-timeout, or bring the store nearer; every grant takes a round trip",
        );
    } else {
        report.ok("latency", found);
    }
}
