//! The files with which a `rediss://` store is opened, for commands that work on the store itself.

use clap::Args;

use crate::config::Config;

/// Options of `tollgate serve`, with the same variables. Their ids are their own, as commands have a `--ca` beside.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreFiles {
    /// As for `tollgate serve`
    #[arg(id = "store_ca", long = "store-ca", env = "TOLLGATE_STORE_CA", value_name = "FILE")]
    ca: Option<String>,
    /// As for `tollgate serve`
    #[arg(id = "store_cert", long = "store-cert", env = "TOLLGATE_STORE_CERT", value_name = "FILE")]
    cert: Option<String>,
    /// As for `tollgate serve`
    #[arg(id = "store_key", long = "store-key", env = "TOLLGATE_STORE_KEY", value_name = "FILE")]
    key: Option<String>,
}

impl StoreFiles {
    /// A configuration that says nothing else.
    pub(crate) fn config(self) -> Config {
        Config { store_ca: self.ca, store_cert: self.cert, store_key: self.key, ..Config::default() }
    }
}
