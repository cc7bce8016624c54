//! How a private server is set up: the builder of a [`RedisServer`] and the configuration file it writes.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use crate::flavor::Flavor;
use crate::port::ReservedPort;
use crate::redis_server::RedisServer;

/// Settings of a server about to start; made by [`RedisServer::builder`].
#[derive(Clone, Debug, Default)]
pub struct RedisServerBuilder {
    flavor: Option<Flavor>,
    tcp: bool,
    password: Option<String>,
    directives: Vec<String>,
}

impl RedisServerBuilder {
    /// Runs this program instead of the one [`Flavor::find`] finds.
    #[must_use]
    pub fn flavor(mut self, flavor: &Flavor) -> Self {
        self.flavor = Some(flavor.clone());
        self
    }

    /// Also listens on a loopback port of its own.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Asks the default user for a password.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// A line of `redis.conf`, for example `("maxmemory", "50mb")`; what is set twice counts as the last one says.
    #[must_use]
    pub fn config(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.directives.push(format!("{name} {value}"));
        self
    }

    /// A user by its ACL rules, for example `"worker on >secret ~t:* +@all -@admin"`.
    #[must_use]
    pub fn acl(self, user_and_rules: &str) -> Self {
        self.config("user", user_and_rules)
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// When there is no server program, or it does not come up: with what it printed.
    pub fn start(self) -> Result<RedisServer> {
        let flavor = self.flavor.clone().map_or_else(Flavor::find, Ok)?;
        let port = self.tcp.then(ReservedPort::new).transpose()?;
        RedisServer::launch(flavor, port, &self)
    }

    pub(crate) fn password_set(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The text of `redis.conf`: nothing is saved, everything is logged to the parent.
    pub(crate) fn text(&self, flavor: &Flavor, socket: &Path, port: Option<&ReservedPort>) -> String {
        let mut text = String::from("save \"\"\nappendonly no\nlogfile \"\"\nbind 127.0.0.1\n");
        let _ = writeln!(text, "port {}", port.map_or(0, ReservedPort::number));
        let _ = writeln!(text, "unixsocket {}", quoted(&socket.to_string_lossy()));
        // Redis 6.2 has no such directive and always allows DEBUG; with it all versions are alike.
        if flavor.version().major >= 7 {
            text.push_str("enable-debug-command yes\n");
        }
        if let Some(password) = &self.password {
            let _ = writeln!(text, "requirepass {}", quoted(password));
        }
        for directive in &self.directives {
            let _ = writeln!(text, "{directive}");
        }
        text
    }
}

/// A value in the double quotes of `redis.conf`, so that blanks, quotes and `#` are just characters.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
