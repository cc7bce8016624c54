//! More than one shared limit on a path.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::fleet::Fleet;
use super::ledger::real;
use super::load::Demand;
use super::saturation::{ORGS, REPLICAS, SECONDS, SETTLED, batch};

/// Tokens a second of the limit that all pass, and of that of the client of half of them.
const WIDE: f64 = 270.0;
const TIGHT: f64 = 60.0;

fn policy() -> String {
    format!(
        "namespace = 'fleet'
        [[limit]]
        name = 'platform'
        per = []
        rate = '{WIDE}/s'
        burst = 27
        [[limit]]
        name = 'client'
        per = ['client']
        rate = '1000/s'
        override.tight = {{ rate = '{TIGHT}/s', burst = 6 }}
        "
    )
}

fn client(org: usize) -> &'static str {
    if org.is_multiple_of(2) { "tight" } else { "wide" }
}

/// Max-min shares by filling: all rise alike, until a limit is full; then those that pass it stay, and the others rise
/// on. `limits` are what each gives and who passes it.
fn fill(orgs: usize, limits: &[(f64, Vec<usize>)]) -> Vec<f64> {
    let mut shares = vec![0.0; orgs];
    let mut rising = vec![true; orgs];
    while rising.contains(&true) {
        let room = |(rate, passing): &(f64, Vec<usize>)| {
            let left: f64 = rate - passing.iter().map(|&org| shares[org]).sum::<f64>();
            let count = passing.iter().filter(|&&org| rising[org]).count();
            (count > 0).then(|| left / real(count as u64))
        };
        let Some(rise) = limits.iter().filter_map(room).reduce(f64::min) else { break };
        let full: Vec<_> =
            limits.iter().filter(|limit| room(limit).is_some_and(|room| room <= rise)).collect();
        for org in (0..orgs).filter(|&org| rising[org]) {
            shares[org] += rise;
        }
        for &org in full.iter().flat_map(|(_, passing)| passing) {
            rising[org] = false;
        }
    }
    shares
}

#[test]
fn those_who_pass_a_full_limit_stay_and_the_others_rise_on() {
    let limits = [(12.0, vec![0, 1, 2, 3]), (4.0, vec![0, 1])];
    assert_eq!(fill(4, &limits), [2.0, 2.0, 4.0, 4.0]);
    assert_eq!(fill(4, &limits[..1]), [3.0; 4]);
}

/// Goal: G3 and G4 where two shared limits are on a path: whoever is held up by the tighter one holds no tokens of the
/// other. Method: half of the orgs pass a second limit that is tighter for them; everybody gets what filling gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_shared_limits_give_max_min_shares() -> Result<()> {
    let fleet = Fleet::start(&policy(), REPLICAS).await?;
    let mut load = fleet.load();
    for replica in 0..REPLICAS {
        for org in 0..ORGS {
            load.add(2, &Demand { client: client(org), ..batch(replica, org) });
        }
    }
    let from_us = fleet.pass(SETTLED).await?;
    let to_us = fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    let ledger = fleet.end(load).await?.between(from_us, to_us);
    let seconds = Duration::from_micros(to_us - from_us).as_secs_f64();
    let tight = (0..ORGS).filter(|&org| client(org) == "tight").collect();
    let due = fill(ORGS, &[(WIDE, (0..ORGS).collect()), (TIGHT, tight)]);
    let got = ledger.count_by(|grant| grant.org.clone());
    let by_client = ledger.count_by(|grant| grant.client);
    println!("in {seconds:.2} s {by_client:?}");
    let parts: BTreeMap<_, _> = (0..ORGS)
        .map(|org| (org, got.get(&format!("org-{org}")).unwrap_or(&0.0) / (due[org] * seconds)))
        .collect();
    println!("{:.3?} of what is due", parts.values().collect::<Vec<_>>());
    // A share of one org is counted in whole grants: one more or less is no unfairness.
    for (org, part) in &parts {
        let grain = 1.5 / (due[*org] * seconds);
        ensure!((part - 1.0).abs() <= 0.03 + grain, "org {org} has {part} of its share: {parts:?}");
    }
    for wanted in ["tight", "wide"] {
        let due: f64 = (0..ORGS).filter(|&org| client(org) == wanted).map(|org| due[org]).sum();
        let part = by_client.get(wanted).unwrap_or(&0.0) / (due * seconds);
        ensure!((part - 1.0).abs() <= 0.03, "those of {wanted} have {part} of their shares");
    }
    Ok(())
}
