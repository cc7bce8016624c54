//! OAuth clients, and the tokens that they were given.

use std::collections::HashMap;

use serde_json::json;

use crate::answer::Answer;
use crate::config::{Client, Oauth};
use crate::random::Random;
use crate::time::Time;

/// A request for a token, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRequest {
    pub(crate) client: String,
    pub(crate) secret: String,
    pub(crate) grant_type: String,
}

impl TokenRequest {
    /// By the grant that machines use, with the id of a client and its secret.
    #[must_use]
    pub fn client_credentials(client: &str, secret: &str) -> Self {
        Self { client: client.into(), secret: secret.into(), grant_type: "client_credentials".into() }
    }
}

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The organisation.
    pub org: String,
    /// The OAuth client.
    pub client: String,
}

/// The tokens in force.
#[derive(Debug)]
pub(crate) struct Tokens {
    oauth: Option<Oauth>,
    clients: HashMap<String, Client>,
    given: HashMap<String, Token>,
    random: Random,
}

#[derive(Debug)]
struct Token {
    caller: Caller,
    expires: Time,
}

impl Tokens {
    pub(crate) fn new(oauth: Option<Oauth>, clients: &[Client], random: Random) -> Self {
        let clients = clients.iter().map(|client| (client.id.clone(), client.clone())).collect();
        Self { oauth, clients, given: HashMap::new(), random }
    }

    /// The organisation of the client that asks, or the answer that it gets instead of a token.
    pub(crate) fn check(&self, request: &TokenRequest) -> Result<Caller, Answer> {
        let known = self.clients.get(&request.client).filter(|client| client.secret.0 == request.secret);
        match known {
            None => Err(error(401, "invalid_client")),
            Some(_) if request.grant_type != "client_credentials" => {
                Err(error(400, "unsupported_grant_type"))
            }
            Some(client) => Ok(Caller { org: client.org.clone(), client: client.id.clone() }),
        }
    }

    /// Gives a token to a client that was checked.
    pub(crate) fn give(&mut self, now: Time, caller: Caller) -> Answer {
        let lifetime = self.oauth.map(|oauth| oauth.lifetime).unwrap_or_default();
        let text = format!("{}{}", self.random.uuid(), self.random.uuid()).replace('-', "");
        self.given.insert(text.clone(), Token { caller, expires: now + lifetime });
        let body = json!({"access_token": text, "token_type": "bearer", "expires_in": lifetime.as_secs()});
        Answer::json(200, &body)
    }

    /// Whose token it is. Where there is no `[oauth]` nobody asks: the token itself says it, as `ORG/CLIENT`.
    pub(crate) fn caller(&self, now: Time, token: &str) -> Option<Caller> {
        if self.oauth.is_none() {
            let (org, client) = token.split_once('/').unwrap_or((token, token));
            return Some(Caller { org: org.to_owned(), client: client.to_owned() });
        }
        self.given.get(token).filter(|token| now < token.expires).map(|token| token.caller.clone())
    }
}

/// The answer to a client that asks too often. This endpoint has a status of its own for it, and no header.
pub(crate) fn throttled() -> Answer {
    error(400, "invalid_request (rate limit exceeded; try again later)")
}

/// The answer to a call with a token that is not in force.
pub(crate) fn unauthorized(context: &str) -> Answer {
    let body = json!({
        "message": "No authentication bearer token specified in authorization header.",
        "code": "authentication.required",
        "status": 401,
        "contextId": context,
        "details": [],
        "errors": [],
    });
    Answer::json(401, &body)
}

fn error(status: u16, text: &str) -> Answer {
    Answer::json(status, &json!({"error": text}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::random::Seed;
    use std::time::Duration;

    #[test]
    fn a_token_is_good_until_it_is_too_old() {
        let client = Client { id: "app-1".into(), secret: Secret("s".into()), org: "acme".into() };
        let oauth = Oauth { lifetime: Duration::from_secs(300) };
        let mut tokens = Tokens::new(Some(oauth), &[client], Random::new(Seed::new(1), 0));
        let status = |request: &TokenRequest| tokens.check(request).map_err(|answer| answer.status);
        assert_eq!(status(&TokenRequest::client_credentials("app-1", "wrong")), Err(401));
        assert_eq!(status(&TokenRequest::client_credentials("other", "s")), Err(401));
        let mut request = TokenRequest::client_credentials("app-1", "s");
        request.grant_type = "password".into();
        assert_eq!(status(&request), Err(400));

        let caller = tokens.check(&TokenRequest::client_credentials("app-1", "s")).expect("a client");
        assert_eq!(caller.org, "acme");
        let answer = tokens.give(Time::START, caller.clone());
        let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        let token = body["access_token"].as_str().expect("a token");
        assert_eq!(tokens.caller(Time::from_micros(299_999_999), token), Some(caller));
        assert_eq!(tokens.caller(Time::from_secs(300), token), None);
        assert_eq!(tokens.caller(Time::START, "made-up"), None);
    }
}
