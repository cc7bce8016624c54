//! What is printed: what is about to be shown, and what came of it.

use std::fmt::Write as _;

use tollgate::StoreAddress;
use tollgate_demo::{BUILT_IN, Demo, Report, Run, Settings};

/// What the demo is about to do.
pub(super) fn heading(demo: &Demo) -> String {
    let Settings { scenario, replicas, orgs, store, seconds, seed } = demo.settings();
    let about = BUILT_IN.iter().find(|built_in| built_in.name == scenario.name()).map_or("", |it| it.about);
    let counters = match store {
        StoreAddress::Embedded => "in one embedded store of this process, shared by all replicas".to_owned(),
        store => format!(
            "at {store}, each replica on a connection of its own, in the namespace {}",
            demo.namespace()
        ),
    };
    format!(
        "Scenario {name}, seed {seed}: {about}.\n\
         {replicas} replicas call for {orgs} organisations in three ways, for {seconds} s each. The first organisation asks for \
         ten times as much as another.\n\
         The provider's windows are {window} s, so that this is soon over. Real ones are mostly a minute.\n\
         Tollgate's counters are {counters}.\n\n",
        name = scenario.name(),
        window = scenario.window_s(),
    )
}

/// What came of it, a line for each client.
pub(super) fn table(report: &Report, demo: &Demo) -> String {
    let mut text = String::from(
        "              requests    429s  limit used   Jain  interactive p50     p99  batch done in\n",
    );
    for run in &report.runs {
        let _ = writeln!(text, "{}", row(run));
    }
    let _ = write!(
        text,
        "\n\
         requests     calls that the provider carried out\n\
         429s         calls that it refused\n\
         limit used   part of its true limit that was used, by others too, by its own ledger\n\
         Jain         how evenly the batch work of the organisations was done: 1 is evenly\n\
         interactive  from the click to the answer, which takes the provider and the way there and back up to 50 ms\n\
         batch        when every organisation had {} batch calls done\n",
        demo.batch_each()
    );
    text
}

fn row(run: &Run) -> String {
    let Run { client, requests, throttled_429, jain, .. } = run;
    let batch = run.batch_seconds.map_or_else(|| "too long".to_owned(), |seconds| format!("{seconds:.1} s"));
    format!(
        "{client:12}  {requests:>8}  {throttled_429:>6}  {used:>10}  {jain:>5.3}  {p50:>15}  {p99:>6}  {batch:>13}",
        used = format!("{:.1} %", run.utilisation * 100.0),
        p50 = milliseconds(run.interactive_wait_ms.p50),
        p99 = milliseconds(run.interactive_wait_ms.p99),
    )
}

fn milliseconds(wait: f64) -> String {
    format!("{wait:.0} ms")
}
