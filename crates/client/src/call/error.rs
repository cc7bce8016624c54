//! The error of a call that can't be resolved.

/// Why a call can't be resolved against a policy: it is wrong in itself, so waiting would not help.
///
/// Values are carried where they tell something and are no secret; a token never is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A value was given and is empty.
    #[error("{field} is empty: give it a value or leave it out")]
    Empty {
        /// The field, such as `org` or `attributes.region`.
        field: String,
    },
    /// A value is longer than its field takes.
    #[error("{field} is {bytes} bytes long: it takes at most {bytes_max}")]
    TooLong {
        /// The field, such as `org` or `attributes.region`.
        field: String,
        /// How long the value is, in bytes.
        bytes: usize,
        /// How long it may be, in bytes.
        bytes_max: usize,
    },
    /// A value contains a control character, often a line end read along with it.
    #[error("{field} has a control character at byte {at}: it takes plain text, without line ends")]
    ControlCharacter {
        /// The field, such as `org` or `attributes.region`.
        field: String,
        /// Where the character is, in bytes from the start.
        at: usize,
    },
    /// The path does not start with a slash.
    #[error("path {path:?} does not start with '/': give the path alone, such as \"/api/v2/users\"")]
    PathNotAbsolute {
        /// The path, its first 64 characters.
        path: String,
    },
    /// The method is not an HTTP token.
    #[error("method {method:?} is not an HTTP token: it is a word such as \"GET\"")]
    Method {
        /// The method as it was given.
        method: String,
    },
    /// An attribute has a name that no limit could be counted per.
    #[error("attribute name {name:?} is not 1 to 64 ASCII letters, digits, '.', '_' or '-'")]
    AttributeName {
        /// The name as it was given.
        name: String,
    },
    /// The call carries too many attributes.
    #[error("the call has more than {attributes_max} attributes: name those that limits are counted per")]
    TooManyAttributes {
        /// How many a call may carry.
        attributes_max: usize,
    },
    /// The call costs nothing.
    #[error("cost is 0: a call costs at least 1")]
    CostZero,
    /// The call costs more than a limit ever holds, so it could never be granted.
    #[error("cost {cost} is above {burst}, the burst of limit {limit}: split the call or raise the burst")]
    CostAboveBurst {
        /// The limit that could never grant it.
        limit: String,
        /// What the call costs there, in tokens.
        cost: u64,
        /// What the limit holds when it is full, in tokens.
        burst: u64,
    },
    /// A limit that applies to the call is counted per a value that the call does not name.
    #[error("limit {limit} is counted per {attribute}: the call must name it")]
    NotNamed {
        /// The limit that applies.
        limit: String,
        /// What the call must name, such as `client` or `attributes.region`.
        attribute: String,
    },
}
