//! The call, as requests describe it.

use std::fmt;

use serde::Deserialize;
use tollgate::Call;
use utoipa::ToSchema;

mod attributes;

use attributes::Attributes;

/// The call that is about to be sent, or was. Its route is required: limits apply by it. It must name what the enforced
/// limits on its path are counted per.
#[derive(Deserialize, ToSchema)]
#[schema(as = Call)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedCall {
    #[schema(example = "GET", pattern = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    method: String,
    /// The path, brought to its normal form; query and fragment are cut off. Limits with a `cost` read it from the
    /// query first.
    #[schema(example = "/api/v2/users", pattern = r"^/[^\u0000-\u001f\u007f-\u009f]*$")]
    path: String,
    /// On whose behalf it is made.
    #[schema(
        example = "acme",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    org: Option<String>,
    /// The OAuth client.
    #[schema(
        example = "app-1",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    client: Option<String>,
    /// The access token. Only the first 16 hex digits of its SHA-256 are kept.
    #[schema(min_length = 1, max_length = 8_192, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    token: Option<String>,
    /// The provider, in a namespace that holds several.
    #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    provider: Option<String>,
    #[schema(schema_with = attributes::schema)]
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
