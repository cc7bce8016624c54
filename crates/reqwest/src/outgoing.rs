//! A request about to be sent, as the application's own functions see it.

use http::Extensions;
use http::header::AUTHORIZATION;
use reqwest::Request;
use tollgate::Call;

/// Longest token that a [`Call`] takes, in bytes; of a longer one there is no fingerprint.
const TOKEN_BYTES_MAX: usize = 8_192;

/// The organisation that a request is sent for: an extension of the request.
///
/// ```
/// # fn example(http: &reqwest_middleware::ClientWithMiddleware) {
/// # use tollgate_reqwest::Org;
/// let request = http.get("https://api.example.com/v2/users").with_extension(Org::new("acme"));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Org(String);

impl Org {
    /// The organisation of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// A request about to be sent, and the extensions that it was given.
#[derive(Debug)]
pub struct Outgoing<'a> {
    request: &'a Request,
    extensions: &'a Extensions,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(request: &'a Request, extensions: &'a Extensions) -> Self {
        Self { request, extensions }
    }

    /// The request itself. Its header fields may hold secrets.
    #[must_use]
    pub fn request(&self) -> &'a Request {
        self.request
    }

    /// What was given with `with_extension`.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&'a T> {
        self.extensions.get()
    }

    /// The name in the [`Org`] that was given with the request.
    #[must_use]
    pub fn org(&self) -> Option<&'a str> {
        self.extension::<Org>().map(Org::name)
    }

    /// The call that this request is: method, path and query of its URL, the host as the attribute `host`, and the
    /// fingerprint of its bearer token where it has one. Who calls, how urgently and at what cost is for the
    /// application to add.
    pub fn call(&self) -> Call {
        self.call_at(self.request.url().path())
    }

    /// The same for another path than the URL's, such as a template (`/users/{id}`) or one without the prefix of a
    /// gateway.
    pub fn call_at(&self, path: &str) -> Call {
        let url = self.request.url();
        let target = url.query().map(|query| format!("{path}?{query}"));
        let mut call = Call::new(self.request.method(), target.as_deref().unwrap_or(path));
        if let Some(host) = url.host_str() {
            call = call.attribute("host", host);
        }
        match self.bearer() {
            Some(token) if token.len() <= TOKEN_BYTES_MAX => call.token(token),
            _ => call,
        }
    }

    fn bearer(&self) -> Option<&'a str> {
        let value = self.request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;
    use reqwest::Method;

    fn request(url: &str) -> Request {
        let mut request = Request::new(Method::PATCH, url.parse().unwrap());
        request.headers_mut().insert(AUTHORIZATION, "bearer t-1".parse().unwrap());
        request
    }

    #[test]
    fn a_call_is_made_of_all_that_the_request_tells() {
        let (request, mut extensions) =
            (request("https://api.example.com/api//v2/users?pageSize=50"), Extensions::new());
        extensions.insert(Org::new("acme"));
        let out = Outgoing::new(&request, &extensions);
        let expected =
            Call::patch("/api/v2/users?pageSize=50").attribute("host", "api.example.com").token("t-1");
        assert_eq!(out.call(), expected);
        assert_eq!(out.org(), Some("acme"));
    }

    #[test]
    fn a_template_stands_for_the_path_and_the_query_stays() {
        let (request, extensions) = (request("http://127.0.0.1:8/users/7?n=2"), Extensions::new());
        let call = Outgoing::new(&request, &extensions).call_at("/users/{id}");
        assert_eq!(call, Call::patch("/users/{id}?n=2").attribute("host", "127.0.0.1").token("t-1"));
    }
}
