//! The call: what is about to be sent, as far as limits care.

mod error;
mod fingerprint;
mod priority;
mod query;
mod route;

pub use error::CallError;
pub(crate) use fingerprint::fingerprint;
pub use priority::Priority;
pub(crate) use route::{PATH_BYTES_MAX, cut_off, is_token, normalised};

use self::query::Query;
use std::borrow::Cow;

/// Longest value of an organisation, a client, a provider or an attribute, in bytes.
///
/// Values become parts of Redis keys; identifiers are 36 to 64 bytes long, and 256 leaves them room.
pub(crate) const VALUE_BYTES_MAX: usize = 256;
/// Longest name of an attribute, in bytes.
pub(crate) const ATTRIBUTE_NAME_BYTES_MAX: usize = 64;
/// Longest access token, in bytes: what common servers accept as one header line.
const TOKEN_BYTES_MAX: usize = 8_192;
/// Most attributes a call can carry; they are searched one by one.
const ATTRIBUTES_MAX: usize = 16;

/// What is about to be sent: the route, who sends it on whose behalf, and what it costs.
///
/// A limit is counted `per` some of these values, so a call names those its policy asks for and may leave out
/// the rest. Setters can be called in any order and a later value replaces an earlier one of the same field.
///
/// Building never fails. A value that can't be taken is reported as a [`CallError`] when the call is resolved
/// against a policy, the first one if there are several; correcting it afterwards does not help.
///
/// The path is brought to one normal form at once, so that the same route written differently meets the same
/// limits: the query and the fragment are cut off (a limit may read from the query what the call costs), `.` and
/// `..` are resolved, repeated and trailing slashes are dropped, `\` counts as `/`, and percent-encoding is undone.
/// Encoded slashes (`%2F`, `%5C`), `%3F`, `%23`, `%25` and control characters stay encoded, in upper case: they
/// belong to their segment and separate nothing. Letter case is kept.
///
/// # Examples
///
/// ```
/// use tollgate::{Call, Priority};
///
/// let call = Call::get("/api/v2//users/?pageSize=25")
///     .org("acme")
///     .client("app-1")
///     .attribute("region", "eu")
///     .cost(3)
///     .priority(Priority::Interactive);
/// assert_eq!(call.path(), "/api/v2/users");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a call does nothing until it is acquired"]
pub struct Call {
    method: Cow<'static, str>,
    path: String,
    query: Query,
    pub(crate) org: Option<String>,
    pub(crate) client: Option<String>,
    /// The fingerprint of the access token, never the token.
    pub(crate) token: Option<String>,
    pub(crate) provider: Option<String>,
    attributes: Vec<(String, String)>,
    /// In tokens.
    pub(crate) cost: u32,
    pub(crate) priority: Priority,
    pub(crate) request_id: Option<String>,
    /// The first value that could not be taken. Kept aside, so that resolving a good call costs one look.
    fault: Option<Box<CallError>>,
}

impl Call {
    /// A `GET` of a path such as `"/api/v2/users"`.
    pub fn get(path: impl AsRef<str>) -> Call {
        Call::from_route(Cow::Borrowed("GET"), path.as_ref())
    }

    /// A `POST` to a path such as `"/api/v2/users"`.
    pub fn post(path: impl AsRef<str>) -> Call {
        Call::from_route(Cow::Borrowed("POST"), path.as_ref())
    }

    /// A `PUT` to a path such as `"/api/v2/users/7"`.
    pub fn put(path: impl AsRef<str>) -> Call {
        Call::from_route(Cow::Borrowed("PUT"), path.as_ref())
    }

    /// A `PATCH` of a path such as `"/api/v2/users/7"`.
    pub fn patch(path: impl AsRef<str>) -> Call {
        Call::from_route(Cow::Borrowed("PATCH"), path.as_ref())
    }

    /// A `DELETE` of a path such as `"/api/v2/users/7"`.
    pub fn delete(path: impl AsRef<str>) -> Call {
        Call::from_route(Cow::Borrowed("DELETE"), path.as_ref())
    }

    /// A call with any method; it is taken in upper case, whatever its case here.
    pub fn new(method: impl AsRef<str>, path: impl AsRef<str>) -> Call {
        let method = method.as_ref();
        let mut call = Call::from_route(Cow::Owned(method.to_ascii_uppercase()), path.as_ref());
        call.check("method", method, VALUE_BYTES_MAX);
        if !is_token(method) {
            call.report(CallError::Method { method: method.to_owned() });
        }
        call
    }

    fn from_route(method: Cow<'static, str>, path: &str) -> Call {
        let mut call = Call {
            method,
            path: normalised(path),
            query: Query::of(path),
            org: None,
            client: None,
            token: None,
            provider: None,
            attributes: Vec::new(),
            cost: 1,
            priority: Priority::default(),
            request_id: None,
            fault: None,
        };
        call.fault = route::check(path, &call.path).err().map(Box::new);
        call
    }

    /// The organisation on whose behalf the call is made: 1 to 256 bytes.
    pub fn org(mut self, org: impl Into<String>) -> Call {
        self.org = Some(self.checked("org", org.into()));
        self
    }

    /// The OAuth client that makes the call: 1 to 256 bytes.
    pub fn client(mut self, client: impl Into<String>) -> Call {
        self.client = Some(self.checked("client", client.into()));
        self
    }

    /// The access token the call is sent with, or whatever stands for it: 1 to 8192 bytes.
    ///
    /// Only its fingerprint is kept, the first 16 hex digits of its SHA-256: the secret itself reaches
    /// neither Redis nor a log, and buckets and overrides of a limit counted per token are found by the
    /// fingerprint.
    pub fn token(mut self, token: impl AsRef<str>) -> Call {
        let token = token.as_ref();
        self.check("token", token, TOKEN_BYTES_MAX);
        self.token = Some(fingerprint(token));
        self
    }

    /// The provider that is called, for namespaces that hold several: 1 to 256 bytes.
    pub fn provider(mut self, provider: impl Into<String>) -> Call {
        self.provider = Some(self.checked("provider", provider.into()));
        self
    }

    /// Anything else a limit is counted per, as `attributes.<name>`: at most 16.
    ///
    /// The name is 1 to 64 ASCII letters, digits, `.`, `_` or `-`; the value is 1 to 256 bytes.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Call {
        let (name, value) = (name.into(), value.into());
        if !is_attribute_name(&name) {
            self.check("attribute name", &name, ATTRIBUTE_NAME_BYTES_MAX);
            self.report(CallError::AttributeName { name });
            return self;
        }
        if let Some(fault) = fault_in(&value, VALUE_BYTES_MAX, || format!("attributes.{name}")) {
            self.report(fault);
            return self;
        }
        if let Some((_, known)) = self.attributes.iter_mut().find(|(known, _)| *known == name) {
            *known = value;
        } else if self.attributes.len() < ATTRIBUTES_MAX {
            self.attributes.push((name, value));
        } else {
            self.report(CallError::TooManyAttributes { attributes_max: ATTRIBUTES_MAX });
        }
        self
    }

    /// How many tokens the call takes from every limit it passes: at least 1, which is the default. A limit with a
    /// `cost` of its own reads it off the query, where the query says it.
    pub fn cost(mut self, cost: u32) -> Call {
        if cost == 0 {
            self.report(CallError::CostZero);
        }
        self.cost = cost;
        self
    }

    /// A name of the caller's own, 1 to 256 bytes: under it this very call is charged once, however often it is asked
    /// for within 10 minutes, at whichever replica. Where calls in flight are counted it is one call with one lease: it
    /// is over as soon as one of those who were granted it has done with it.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Call {
        self.request_id = Some(self.checked("request_id", request_id.into()));
        self
    }

    /// How urgent the call is; [`Priority::Normal`] by default.
    pub fn priority(mut self, priority: Priority) -> Call {
        self.priority = priority;
        self
    }

    /// The same call under no name: it is charged whenever it is asked for.
    pub fn without_request_id(mut self) -> Call {
        self.request_id = None;
        self
    }

    /// The name of the caller's own that [`request_id`](Call::request_id) has given it, if it has one.
    #[must_use]
    pub fn get_request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The method, in upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path in its normal form, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The method and the path, without its query.
    pub(crate) fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The largest whole number that a query parameter of this name has.
    pub(crate) fn largest_in_query(&self, name: &str) -> Option<u64> {
        self.query.largest(name)
    }

    /// The value of a free attribute, where the call names it.
    pub(crate) fn named_attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reports the first value that could not be taken.
    pub(crate) fn fault(&self) -> Result<(), CallError> {
        self.fault.as_deref().cloned().map_or(Ok(()), Err)
    }

    fn checked(&mut self, field: &str, value: String) -> String {
        self.check(field, &value, VALUE_BYTES_MAX);
        value
    }

    fn check(&mut self, field: &str, value: &str, bytes_max: usize) {
        if let Some(fault) = fault_in(value, bytes_max, || field.to_owned()) {
            self.report(fault);
        }
    }

    fn report(&mut self, fault: CallError) {
        self.fault.get_or_insert_with(|| Box::new(fault));
    }
}

/// Whether an attribute of a call can have this name.
pub(crate) fn is_attribute_name(name: &str) -> bool {
    (1..=ATTRIBUTE_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// What keeps a text from being a value, if anything does.
pub(crate) fn fault_in(value: &str, bytes_max: usize, field: impl FnOnce() -> String) -> Option<CallError> {
    if value.is_empty() {
        return Some(CallError::Empty { field: field() });
    }
    if value.len() > bytes_max {
        return Some(CallError::TooLong { field: field(), bytes: value.len(), bytes_max });
    }
    let at = value.find(char::is_control)?;
    Some(CallError::ControlCharacter { field: field(), at })
}

#[cfg(test)]
mod tests;
