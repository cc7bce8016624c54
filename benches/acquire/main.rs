//! What an acquire costs beside its floor: the same callers on the same kind of connection with `EVALSHA "return 1"`.
//!
//! It measures throughput, the time one caller waits, and the server's own time for the script. It does not measure a
//! network: client and server share a machine, and its cores. So only the ratios of one run mean anything.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]
#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark that can't go on ends")]
#![allow(clippy::large_enum_variant, reason = "a caller is made once for thousands of calls")]

#[path = "../shared/asked_for.rs"]
mod asked_for;
mod callers;
mod rig;
mod server_time;
mod side_by_side;
mod uncounted;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};

use self::asked_for::is_asked_for;
use self::callers::Callers;
use self::rig::{Rig, Subject};

/// Acquires a second by criterion's own statistics.
fn throughput(criterion: &mut Criterion) {
    let rig = Rig::start(2);
    let mut group = criterion.benchmark_group("acquire");
    group.throughput(Throughput::Elements(1)).sample_size(10).warm_up_time(Duration::from_secs(1));
    for callers in [1, 50, 500] {
        for subject in [Subject::Floor, Subject::Tollgate] {
            group.bench_function(BenchmarkId::new(subject.name(), callers), |bencher| {
                bencher.iter_custom(|calls| Callers { callers, calls }.run(&rig, subject).elapsed);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, throughput);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    if is_asked_for("side_by_side") {
        side_by_side::report();
    }
    if is_asked_for("server_time") {
        server_time::report();
    }
}
