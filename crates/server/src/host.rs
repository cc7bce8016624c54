//! The host that a request is for: where nobody is asked for a key, only this machine under its own names.
//!
//! The page of a stranger may let its own name lead to 127.0.0.1 once it is loaded (DNS rebinding). To the browser this
//! service is then the page's own server, which the page may ask for anything. But the request still carries its name.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::{Kind, Problem};

/// Which hosts requests may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// `localhost` and the addresses of the loopback.
    Loopback,
    /// Whichever: the names that a network or a proxy gives to a service are not known here.
    Any,
}

/// Lets requests pass that name this machine. Once callers are asked for keys, which no page of a stranger has, it lets
/// all pass.
pub(crate) async fn only_loopback(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.access.is_asking() || is_for_loopback(&request) {
        return next.run(request).await;
    }
    let detail = "expected localhost or an address of the loopback, such as 127.0.0.1: other names could be those of a web \
                  page that wants to look like this service; --insecure-listen takes any";
    Problem::new(Kind::UNKNOWN_HOST, detail).field(header::HOST.as_str()).into_response()
}

/// Whether it names a host, and no other than this.
fn is_for_loopback(request: &Request) -> bool {
    let in_target = request.uri().authority().cloned().map(Some);
    let in_fields = request.headers().get_all(header::HOST).into_iter();
    let in_fields = in_fields.map(|value| Authority::try_from(value.as_bytes()).ok());
    let mut named = in_target.into_iter().chain(in_fields).peekable();
    named.peek().is_some() && named.all(|host| host.is_some_and(|host| is_loopback(host.host())))
}

/// Whether a host, as a URL has it, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn passes(target: &str, hosts: &[&str]) -> bool {
        let request =
            hosts.iter().fold(Request::builder().uri(target), |request, host| request.header("host", *host));
        is_for_loopback(&request.body(Body::empty()).expect(target))
    }

    #[test]
    fn only_names_of_this_machine_pass() {
        for host in
            ["localhost", "LocalHost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "[::ffff:127.0.0.1]"]
        {
            assert!(passes("/", &[host]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "10.0.0.1",
            "::1",
            "a b",
        ] {
            assert!(!passes("/", &[host]), "{host}");
        }
    }

    #[test]
    fn all_hosts_that_a_request_names_count() {
        assert!(passes("http://localhost:8080/", &["localhost:8080"]));
        assert!(!passes("http://evil.example/", &["localhost"]));
        assert!(!passes("http://localhost/", &["evil.example"]));
        assert!(!passes("/", &["localhost", "evil.example"]));
        assert!(!passes("/", &[]));
    }
}
