//! The one place where a request is let in or refused, before anybody looks what it is about.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tollgate::{ApiKeys, Presented, Role};

use super::bad_logins::{BadLogins, MAX_BAD_LOGINS_DEFAULT, Verdict};
use super::caller::{Caller, Peer};
use super::needs::{Need, Needs};
use super::ring::{Known, Ring};
use crate::app::App;
use crate::clock;
use crate::problem::{Kind, Problem};

/// Whatever is wrong with a key, this is all that is said.
const REFUSED: &str = "expected the field Authorization: Bearer KEY, with a key of this namespace that is neither revoked nor expired";

/// What is asked of callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Bad keys of one address in a minute.
    pub(crate) max_bad_logins: u32,
    /// Whether a key is needed although the store has none: it was told so, or had some when this process started.
    pub(crate) asks_always: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_bad_logins: MAX_BAD_LOGINS_DEFAULT, asks_always: false }
    }
}

/// What is known of keys, and of those who have none.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    ring: Arc<Ring>,
    needs: Arc<Needs>,
    bad_logins: Arc<BadLogins>,
}

impl Access {
    /// Must be made within a tokio runtime, on which the keys are then read again and again. What operations need
    /// stands in their description.
    pub(crate) fn new(keys: ApiKeys, description: &Value, rules: Rules) -> Self {
        let ring = Ring::new(keys, rules.asks_always);
        ring.keep();
        let needs = Arc::new(Needs::of(description));
        Self { ring, needs, bad_logins: Arc::new(BadLogins::new(rules.max_bad_logins)) }
    }

    /// Whether it is known that callers are asked for keys.
    pub(crate) fn is_asking(&self) -> bool {
        self.ring.held().is_some_and(|known| !known.is_open())
    }

    /// Has a change of the keys hold here at once. Where the store does not answer it holds when that does.
    pub(crate) async fn read_again(&self) {
        let _ = self.ring.read_again().await;
    }

    /// Whether somebody who was let in would be let in again.
    pub(crate) fn holds(&self, caller: &Caller) -> bool {
        self.ring.held().is_some_and(|known| known.holds(caller))
    }

    /// Who it is, if anybody is asked.
    fn admit(&self, request: &Request, need: Need, known: &Known) -> Result<Option<Caller>, Problem> {
        if known.is_open() {
            return Ok(None);
        }
        let Some(caller) = opened(known, request.headers()) else {
            return Err(self.refused(request));
        };
        match need {
            Need::Role(needed) if !caller.role.may(needed) => Err(forbidden(needed, caller.role)),
            _ => Ok(Some(caller)),
        }
    }

    /// Nobody is told what is wrong, and who tries too often is told to wait.
    fn refused(&self, request: &Request) -> Problem {
        let refused = Problem::new(Kind::UNAUTHORIZED, REFUSED);
        if !request.headers().contains_key(header::AUTHORIZATION) {
            return refused;
        }
        let unknown = Peer::of(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(unknown);
        match self.bad_logins.count(peer, clock::instant()) {
            Verdict::Refused => refused,
            Verdict::TooMany { wait, is_first } => {
                if is_first {
                    tracing::warn!(address = %peer.address(), "too many keys that open nothing; further ones are answered 429");
                }
                let detail = "too many requests with keys that open nothing have come from this address";
                Problem::new(Kind::TOO_MANY_BAD_KEYS, detail).retry_after(wait)
            }
        }
    }
}

/// Lets requests pass that need no key, or that have one which is good for what they ask.
pub(crate) async fn check(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let need = app.access.needs.of_request(&request);
    if need == Need::Nothing {
        return next.run(request).await;
    }
    let known = match app.access.ring.known().await {
        Ok(known) => known,
        Err(error) => return Problem::from(error).into_response(),
    };
    match app.access.admit(&request, need, &known) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Whose key a request shows, if it is one that opens anything. What is no key at all takes as long as one that is
/// wrong.
fn opened(known: &Known, headers: &HeaderMap) -> Option<Caller> {
    let mut fields = headers.get_all(header::AUTHORIZATION).into_iter();
    let only = fields.next().filter(|_| fields.next().is_none());
    let shown = only.and_then(|value| bearer(value.as_bytes())).unwrap_or_default();
    known.opened_by(&Presented::read(shown))
}

/// What stands behind `Bearer`, however that is written.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii())
}

/// What would be needed stands in the description, which everybody may read. Whether there is anything is not looked
/// at.
fn forbidden(needed: Role, has: Role) -> Problem {
    let good: Vec<&str> = Role::ALL.into_iter().filter(|role| role.may(needed)).map(Role::as_str).collect();
    let good = match good.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => good.concat(),
    };
    Problem::new(Kind::FORBIDDEN, format!("this needs a key of the role {good}, and this one is for {has}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_behind_bearer() {
        for (field, key) in [
            ("Bearer x", Some("x")),
            ("bearer  x ", Some("x")),
            ("Bearer ", Some("")),
            ("Bearer", None),
            ("Basic x", None),
            ("Bearerx", None),
            ("", None),
        ] {
            assert_eq!(bearer(field.as_bytes()), key.map(str::as_bytes), "{field:?}");
        }
    }
}
