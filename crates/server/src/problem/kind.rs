//! The kinds of problems, all in one list: their names are part of the API.

use axum::http::StatusCode as S;

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    status: S,
    /// The end of the answer's `type`, `urn:tollgate:problem:<name>`.
    name: &'static str,
    title: &'static str,
}

#[rustfmt::skip] // A table: one kind a line.
impl Kind {
    pub(crate) const MALFORMED: Self = Self::of(S::BAD_REQUEST, "malformed", "The request can't be read");
    pub(crate) const UNAUTHORIZED: Self = Self::of(S::UNAUTHORIZED, "unauthorized", "An API key is needed");
    pub(crate) const FORBIDDEN: Self = Self::of(S::FORBIDDEN, "forbidden", "The key is not for this");
    pub(crate) const UNKNOWN_ROUTE: Self = Self::of(S::NOT_FOUND, "unknown-route", "There is nothing here");
    pub(crate) const UNKNOWN_NAMESPACE: Self = Self::of(S::NOT_FOUND, "unknown-namespace", "This namespace is not served here");
    pub(crate) const UNKNOWN_LIMIT: Self = Self::of(S::NOT_FOUND, "unknown-limit", "The policy has no such limit or bucket");
    pub(crate) const UNKNOWN_VERSION: Self = Self::of(S::NOT_FOUND, "unknown-version", "The store keeps no such version of the policy");
    pub(crate) const UNKNOWN_OVERRIDE: Self = Self::of(S::NOT_FOUND, "unknown-override", "The limit says nothing of this key");
    pub(crate) const UNKNOWN_PERMIT: Self = Self::of(S::NOT_FOUND, "unknown-permit", "This namespace has not given out such a permit");
    pub(crate) const UNKNOWN_KEY: Self = Self::of(S::NOT_FOUND, "unknown-key", "The namespace has no such API key");
    pub(crate) const METHOD_NOT_ALLOWED: Self = Self::of(S::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here");
    pub(crate) const REQUEST_TIMEOUT: Self = Self::of(S::REQUEST_TIMEOUT, "request-timeout", "The request took too long to arrive");
    pub(crate) const SETTLED_BEFORE: Self = Self::of(S::CONFLICT, "settled-before", "The permit has been settled before");
    pub(crate) const TOO_MANY_BUCKETS: Self = Self::of(S::CONFLICT, "too-many-buckets", "The limit has as many buckets as it may");
    pub(crate) const TOO_MANY_KEYS: Self = Self::of(S::CONFLICT, "too-many-keys", "The namespace has as many API keys as it may");
    pub(crate) const PERMIT_TOO_OLD: Self = Self::of(S::GONE, "permit-too-old", "The permit is too old to be settled");
    pub(crate) const CHANGED: Self = Self::of(S::PRECONDITION_FAILED, "policy-changed", "Another policy is in force");
    pub(crate) const TOO_LARGE: Self = Self::of(S::PAYLOAD_TOO_LARGE, "too-large", "The body is too large");
    pub(crate) const UNSUPPORTED_MEDIA_TYPE: Self = Self::of(S::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body's media type is not taken here");
    pub(crate) const UNKNOWN_HOST: Self = Self::of(S::MISDIRECTED_REQUEST, "unknown-host", "This is not the host that the request is for");
    pub(crate) const INVALID_CALL: Self = Self::of(S::UNPROCESSABLE_ENTITY, "invalid-call", "The call can't be decided on as it is");
    pub(crate) const INVALID_POLICY: Self = Self::of(S::UNPROCESSABLE_ENTITY, "invalid-policy", "The policy can't be used");
    pub(crate) const INVALID_VALUE: Self = Self::of(S::UNPROCESSABLE_ENTITY, "invalid-value", "A value can't be taken");
    pub(crate) const PRECONDITION_REQUIRED: Self = Self::of(S::PRECONDITION_REQUIRED, "precondition-required", "The change must say what it changes");
    pub(crate) const TOO_MANY_BAD_KEYS: Self = Self::of(S::TOO_MANY_REQUESTS, "too-many-bad-keys", "Too many keys from this address open nothing");
    pub(crate) const INTERNAL: Self = Self::of(S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here");
    pub(crate) const SHUTTING_DOWN: Self = Self::of(S::SERVICE_UNAVAILABLE, "shutting-down", "This replica is shutting down");
    pub(crate) const TOO_MANY_WAITING: Self = Self::of(S::SERVICE_UNAVAILABLE, "too-many-waiting", "Too many such calls wait at this replica already");
    pub(crate) const TOO_MANY_FOLLOWERS: Self = Self::of(S::SERVICE_UNAVAILABLE, "too-many-followers", "Too many follow the audit trail at this replica already");
    pub(crate) const NO_POLICY: Self = Self::of(S::SERVICE_UNAVAILABLE, "no-policy", "The namespace has no policy");
    pub(crate) const POLICY_UNREADABLE: Self = Self::of(S::SERVICE_UNAVAILABLE, "policy-unreadable", "The stored policy can't be used by this version");
    pub(crate) const POLICY_UNSETTLED: Self = Self::of(S::SERVICE_UNAVAILABLE, "policy-unsettled", "The policy keeps changing");
    pub(crate) const STORE_UNREACHABLE: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-unreachable", "The store can't be reached");
    pub(crate) const STORE_TIMEOUT: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-timeout", "The store does not answer in time");
    pub(crate) const STORE_UNAUTHORIZED: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-unauthorized", "The store refuses the user or the password");
    pub(crate) const STORE_FORBIDDEN: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-forbidden", "The store's user lacks a permission");
    pub(crate) const STORE_TOO_OLD: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-too-old", "The store's server is too old");
    pub(crate) const STORE_NOT_WRITABLE: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-not-writable", "The store takes no writes");
    pub(crate) const STORE_SCHEMA: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-schema", "The store holds records of another version of tollgate");
    pub(crate) const STORE_AUDIT: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-audit", "The store holds something else in the place of the audit trail");
    pub(crate) const STORE_FAILED: Self = Self::of(S::SERVICE_UNAVAILABLE, "store-failed", "The store did not do its part");
}

impl Kind {
    const fn of(status: S, name: &'static str, title: &'static str) -> Self {
        Self { status, name, title }
    }

    pub(crate) fn status(self) -> S {
        self.status
    }

    pub(crate) fn name(self) -> &'static str {
        self.name
    }

    /// What the answer's `type` is.
    pub(crate) fn urn(self) -> String {
        format!("urn:tollgate:problem:{}", self.name)
    }

    pub(crate) fn title(self) -> &'static str {
        self.title
    }

    /// Whether the same request may succeed later.
    pub(crate) fn passes(self) -> bool {
        matches!(self.status, S::SERVICE_UNAVAILABLE | S::TOO_MANY_REQUESTS)
    }

    /// Whether it is the store that failed.
    pub(crate) fn is_of_store(self) -> bool {
        self.name.starts_with("store-")
    }
}
