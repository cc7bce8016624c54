//! A call as it arrives: who sends it, and what it asks for.

/// One call that reaches the provider.
///
/// ```
/// use tollgate_simulator::Arrival;
///
/// let call = Arrival::get("/api/v2/flows?pageSize=100").org("acme").client("app-1").token("t-1").user("ann");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    pub(crate) org: String,
    pub(crate) client: String,
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
}

impl Arrival {
    /// A `GET` of a path, which may have a query behind it.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A `POST` to a path.
    #[must_use]
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Any method. Sent by nobody in particular: limits that are counted per org, client, token or user count such
    /// calls together.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method: method.into(), path: path.into(), query: query.into(), ..Self::default() }
    }

    /// The organisation that it is sent for.
    #[must_use]
    pub fn org(mut self, org: &str) -> Self {
        org.clone_into(&mut self.org);
        self
    }

    /// The OAuth client that sends it.
    #[must_use]
    pub fn client(mut self, client: &str) -> Self {
        client.clone_into(&mut self.client);
        self
    }

    /// The token that it carries.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// The user on whose behalf it is sent.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }
}
