//! The limiter's errors as problems.

use std::error::Error as _;

use tollgate::{CallError, Error, KeyError, PermitError, PolicyError, StoreError};

use super::{Kind, Problem};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let kind = match error {
            Error::Call(error) => return error.into(),
            Error::Store(error) => return error.into(),
            Error::Permit(error) => return error.into(),
            Error::Key(error) => return error.into(),
            Error::Change(_) => Kind::INVALID_VALUE,
            Error::OtherNamespace { .. } => {
                return Self::new(Kind::INVALID_POLICY, detail).field("namespace");
            }
            Error::NoPolicy { .. } => Kind::NO_POLICY,
            Error::NoBucket { .. } => Kind::UNKNOWN_LIMIT,
            Error::NoSuchVersion { .. } => Kind::UNKNOWN_VERSION,
            Error::TooManyBuckets { .. } => Kind::TOO_MANY_BUCKETS,
            Error::Policy(_) => Kind::POLICY_UNREADABLE,
            Error::Conflict { .. } => Kind::POLICY_UNSETTLED,
            Error::TooManyWaiting { .. } => Kind::TOO_MANY_WAITING,
            Error::Closed => Kind::SHUTTING_DOWN,
            // Refusals come as values, and the address was read when the service started.
            _ => Kind::INTERNAL,
        };
        Self::new(kind, detail)
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let problem = Self::new(Kind::INVALID_CALL, error.to_string());
        match field_of(&error) {
            Some(field) => problem.field(field),
            None => problem,
        }
    }
}

/// The field of the request that a call's error is about.
fn field_of(error: &CallError) -> Option<String> {
    Some(match error {
        CallError::Empty { field }
        | CallError::TooLong { field, .. }
        | CallError::ControlCharacter { field, .. } => match field.as_str() {
            "request_id" => field.clone(),
            "attribute name" => "call.attributes".to_owned(),
            _ => format!("call.{field}"),
        },
        CallError::PathNotAbsolute { .. } => "call.path".to_owned(),
        CallError::Method { .. } => "call.method".to_owned(),
        CallError::AttributeName { .. } | CallError::TooManyAttributes { .. } => "call.attributes".to_owned(),
        CallError::CostZero | CallError::CostAboveBurst { .. } => "cost".to_owned(),
        CallError::NotNamed { attribute, .. } => format!("call.{attribute}"),
        _ => return None,
    })
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        let problem = Self::new(Kind::INVALID_POLICY, error.to_string()).problems(error.problems());
        match error.problems().first() {
            Some(first) => problem.field(first.field.clone()),
            None => problem,
        }
    }
}

impl From<PermitError> for Problem {
    fn from(error: PermitError) -> Self {
        let kind = match error {
            PermitError::SettledBefore => Kind::SETTLED_BEFORE,
            PermitError::TooLate => Kind::PERMIT_TOO_OLD,
            _ => Kind::UNKNOWN_PERMIT,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let (kind, field) = match error {
            KeyError::Label { .. } => (Kind::INVALID_VALUE, Some("label")),
            KeyError::FirstNotAdmin => (Kind::INVALID_VALUE, Some("role")),
            KeyError::Past { .. } | KeyError::TooFar { .. } => (Kind::INVALID_VALUE, Some("expires_at")),
            KeyError::TooMany { .. } => (Kind::TOO_MANY_KEYS, None),
            KeyError::NotAnId => (Kind::INVALID_VALUE, Some("id")),
            KeyError::Unknown { .. } => (Kind::UNKNOWN_KEY, Some("id")),
            _ => (Kind::INTERNAL, None),
        };
        let problem = Self::new(kind, error.to_string());
        if let Some(field) = field { problem.field(field) } else { problem }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Unreachable { .. } => Kind::STORE_UNREACHABLE,
            StoreError::Timeout { .. } => Kind::STORE_TIMEOUT,
            StoreError::Unauthorized { .. } => Kind::STORE_UNAUTHORIZED,
            StoreError::Forbidden { .. } => Kind::STORE_FORBIDDEN,
            StoreError::TooOld { .. } => Kind::STORE_TOO_OLD,
            StoreError::NotWritable { .. } => Kind::STORE_NOT_WRITABLE,
            StoreError::Schema { .. } => Kind::STORE_SCHEMA,
            StoreError::NoAuditTrail { .. } => Kind::STORE_AUDIT,
            _ => Kind::STORE_FAILED,
        };
        // Whether nobody listens, or a certificate has expired, is what an operator must know.
        let detail = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self::new(kind, detail)
    }
}
