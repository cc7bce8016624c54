//! The server's own time for the script, by its `INFO commandstats`: it does not depend on who else uses the machine's cores
//! but through caches and clock.

use tollgate_testkit::RedisServer;

use crate::rig::Rig;

/// Prints a table: microseconds of the server for each acquire, by the size of the batch. Every call of a batch is of another
/// org, so that nothing is merged.
pub(crate) fn report() {
    let rig = Rig::start(1);
    let mut connection = rig.server().connection().expect("a connection");
    println!(
        "\n| calls in a batch | buckets charged | server us a batch | server us an acquire |\n|---|---|---|---|"
    );
    for calls in [1, 16, 100] {
        let mut batches = rig.batches(calls);
        let mut best = f64::INFINITY;
        // The least of several: whatever else runs on the machine only ever adds.
        for _ in 0..10 {
            redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut connection).expect("CONFIG RESETSTAT");
            for _ in 0..200 {
                let answer: Vec<u8> = batches.next().query(&mut connection).expect("an answer");
                batches.assert_granted(&answer);
            }
            best = best.min(microseconds_a_call(rig.server()));
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let each = best / calls as f64;
        println!("| {calls} | {} | {best:.1} | {each:.2} |", 4 * calls);
    }
}

fn microseconds_a_call(server: &RedisServer) -> f64 {
    let stats = server.info("commandstats").expect("INFO");
    let stat = &stats["cmdstat_evalsha"];
    let value = stat.split(',').find_map(|part| part.strip_prefix("usec_per_call="));
    value.and_then(|value| value.parse().ok()).expect("Redis counts the time of its commands")
}
