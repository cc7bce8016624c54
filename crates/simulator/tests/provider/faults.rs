//! What goes wrong apart from limits: errors and resets, before or after a call was counted; latency.

use std::time::Duration;

use tollgate_simulator::{Arrival, Fault, Time, Verdict};

use super::settings::provider;

fn flaky(faults: &str) -> String {
    format!(
        "shape = 'genesys-cloud'\n[[limit]]\nname = 'a/b'\nper = []\nkind = 'fixed-window'\nvalue = 100\nwindow = '1h'\n\
         [latency]\nbase = '5ms'\njitter = '20ms'\n[faults]\n{faults}"
    )
}

#[test]
fn faults_come_before_or_after_the_call_was_counted() {
    for (counted, done) in [(false, 100), (true, 47)] {
        let mut provider = provider(&flaky(&format!("error = 0.5\nstatus = 502\ncounted = {counted}")));
        let mut failed = 0;
        for at in 0..1_000 {
            let outcome = provider.arrive(Time::from_micros(at), &Arrival::get("/x"));
            if matches!(outcome.verdict, Verdict::Failed(Fault::Error) | Verdict::FailedLate(Fault::Error)) {
                failed += 1;
                assert_eq!(outcome.answer.map(|answer| answer.status), Some(502));
            }
        }
        let all = provider.ledger().callers();
        let passed = all.only(|entry| entry.verdict.passed()).count();
        assert_eq!(passed, 100, "counted: {counted}");
        assert!(failed > 20 && provider.ledger().all().done().count().abs_diff(done) < 20, "{failed} failed");
        assert_eq!(provider.ledger().excesses(), vec![]);
    }
}

#[test]
fn a_reset_has_no_answer() {
    let mut provider = provider(&flaky("reset = 1.0"));
    let outcome = provider.arrive(Time::START, &Arrival::get("/x"));
    assert_eq!((outcome.verdict, outcome.answer), (Verdict::Failed(Fault::Reset), None));
}

#[test]
fn answers_take_their_time() {
    let mut provider = provider(&flaky(""));
    let latencies: Vec<Duration> =
        (0..100).map(|at| provider.arrive(Time::from_micros(at), &Arrival::get("/x")).latency).collect();
    let range = Duration::from_millis(5)..Duration::from_millis(25);
    assert!(latencies.iter().all(|latency| range.contains(latency)), "{latencies:?}");
    assert!(
        latencies.iter().max()
            > latencies.iter().min().map(|least| *least + Duration::from_millis(10)).as_ref()
    );
}
