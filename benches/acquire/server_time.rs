//! The server's own time for the script, by its `INFO commandstats`: it does not depend on who else uses the machine's
//! cores but through caches and clock.

use tollgate_testkit::RedisServer;

use crate::rig::{Batches, Rig};

/// Times that a batch is measured, each over so many.
const ROUNDS: usize = 10;
const BATCHES: usize = 200;

/// Prints a table: microseconds of the server for each acquire, by the size of the batch, and how much more that is
/// than if nothing were counted. Every call of a batch is of another org, so that nothing is merged.
pub(crate) fn report() {
    let rig = Rig::start(1);
    println!(
        "\n| calls in a batch | buckets charged | server us a batch | server us an acquire | x without counting |"
    );
    println!("|---|---|---|---|---|");
    for calls in [1, 16, 100] {
        let (mut counted, mut uncounted) = (rig.batches(calls), rig.uncounted_batches(calls));
        let (mut best, mut best_uncounted) = (f64::INFINITY, f64::INFINITY);
        // The least of several, by turns: whatever else runs on the machine only ever adds.
        for _ in 0..ROUNDS {
            best = best.min(microseconds_a_batch(&rig, &mut counted));
            best_uncounted = best_uncounted.min(microseconds_a_batch(&rig, &mut uncounted));
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let each = best / calls as f64;
        let ratio = best / best_uncounted;
        println!("| {calls} | {} | {best:.1} | {each:.2} | {ratio:.2} |", 4 * calls);
    }
}

fn microseconds_a_batch(rig: &Rig, batches: &mut Batches) -> f64 {
    let mut connection = rig.server().connection().expect("a connection");
    redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut connection).expect("CONFIG RESETSTAT");
    for _ in 0..BATCHES {
        let answer: Vec<u8> = batches.next().query(&mut connection).expect("an answer");
        batches.assert_granted(&answer);
    }
    microseconds_a_call(rig.server())
}

fn microseconds_a_call(server: &RedisServer) -> f64 {
    let stats = server.info("commandstats").expect("INFO");
    let stat = &stats["cmdstat_evalsha"];
    let value = stat.split(',').find_map(|part| part.strip_prefix("usec_per_call="));
    value.and_then(|value| value.parse().ok()).expect("Redis counts the time of its commands")
}
