//! The project's own commands: `cargo xtask test`, `ci`, `bench`, `images`, `simulate`.

mod bench;
mod ci;
mod docker;
mod images;
mod prometheus;
mod ran_on;
mod schemathesis;
mod servers;
mod simulate;
mod step;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// The project's own commands; each says what it does as it goes.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    Test(test::Test),
    /// Run all tests and all lints, and say at the end what held
    Ci,
    Bench(bench::Bench),
    Simulate(simulate::Simulate),
    /// Build small local images of Redis and Tollgate from programs of this machine, without any registry
    Images,
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Test(test) => test.run(),
        Task::Ci => ci::run(),
        Task::Bench(bench) => bench.run(),
        Task::Simulate(simulate) => simulate.run(),
        Task::Images => images::run(),
    };
    // The reason alone: where in this program it arose helps nobody who wants to run the tests.
    done.map_or_else(|error| step::failed(&error), |()| ExitCode::SUCCESS)
}
