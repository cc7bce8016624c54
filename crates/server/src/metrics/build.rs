//! Which build it is.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register(
        "tollgate_build",
        "Which version of Tollgate runs, as a label; the value is 1",
        version,
    );
}
