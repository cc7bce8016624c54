//! Providers that several tests begin with.

use tollgate_simulator::{Config, LimitName, Provider, Scope, Seed};

/// The example that the repository ships.
pub(crate) const EXAMPLE: &str = include_str!("../../../../examples/provider.toml");

/// Two limits that a call to `/api/v2/users` passes both, and a token endpoint; every window lasts a minute.
pub(crate) const STACKED: &str = r#"
shape = "genesys-cloud"

[[limit]]
name = "platform.api/token.rate.per.minute"
per = ["token"]
kind = "fixed-window"
value = 5
window = "60s"

[[limit]]
name = "directory/user.rate.per.minute"
per = ["org"]
path = "/api/v2/users/**"
kind = "fixed-window"
value = 3
window = "60s"
override."big" = 4

[[client]]
id = "app-{n}"
secret = "secret-{n}"
org = "org-{n}"
count = 50

[oauth]
lifetime = "24h"
value = 2
window = "60s"
"#;

pub(crate) fn config(text: &str) -> Config {
    Config::from_toml(text).expect(text)
}

pub(crate) fn provider(text: &str) -> Provider {
    Provider::new(config(text), Seed::new(20_261_126))
}

pub(crate) fn name(text: &str) -> LimitName {
    text.parse().expect(text)
}

pub(crate) fn scope(limit: &str, key: &str) -> Scope {
    Scope::new(name(limit), key)
}
