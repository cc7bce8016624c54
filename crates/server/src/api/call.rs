//! The call, as requests describe it.

use std::fmt;

use serde::Deserialize;
use tollgate::Call;

mod attributes;

use attributes::Attributes;

/// The call that is about to be sent, or was. Its route is required: limits apply by it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedCall {
    method: String,
    path: String,
    org: Option<String>,
    client: Option<String>,
    token: Option<String>,
    provider: Option<String>,
    #[serde(default)]
    attributes: Attributes,
}

impl AskedCall {
    pub(super) fn into_call(self) -> Call {
        let Self { method, path, org, client, token, provider, attributes } = self;
        let mut call = Call::new(method, path);
        if let Some(org) = org {
            call = call.org(org);
        }
        if let Some(client) = client {
            call = call.client(client);
        }
        if let Some(token) = token {
            call = call.token(token);
        }
        if let Some(provider) = provider {
            call = call.provider(provider);
        }
        attributes.into_iter().fold(call, |call, (name, value)| call.attribute(name, value))
    }
}

/// By hand, without the token.
impl fmt::Debug for AskedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedCall")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
