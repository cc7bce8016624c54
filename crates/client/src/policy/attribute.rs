//! What a limit can be counted per.

use super::problem::{Wrong, quoted};
use crate::call::{Call, PATH_BYTES_MAX, VALUE_BYTES_MAX, fault_in, is_attribute_name, is_token, normalised};
use serde::{Serialize, Serializer};
use std::fmt;

/// A value of a call that a limit can be counted per.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute {
    /// The organisation on whose behalf the call is made.
    Org,
    /// The OAuth client that makes it.
    Client,
    /// The fingerprint of the access token it is sent with.
    Token,
    /// The provider that is called.
    Provider,
    /// The method, in upper case.
    Method,
    /// The path in its normal form.
    Path,
    /// A free attribute, written `attributes.<name>`.
    Named(Box<str>),
}

impl Attribute {
    pub(super) fn parse(text: &str) -> Result<Attribute, Wrong> {
        let attribute = match text {
            "org" => Attribute::Org,
            "client" => Attribute::Client,
            "token" => Attribute::Token,
            "provider" => Attribute::Provider,
            "method" => Attribute::Method,
            "path" => Attribute::Path,
            _ => {
                let name = text.strip_prefix("attributes.").filter(|name| is_attribute_name(name));
                let possible = "org, client, token, provider, method, path or attributes.<name>";
                Attribute::Named(name.ok_or_else(|| Wrong::text(text, possible))?.into())
            }
        };
        Ok(attribute)
    }

    /// The value a call has for this attribute, if it names one.
    pub(super) fn value<'a>(&self, call: &'a Call) -> Option<&'a str> {
        match self {
            Attribute::Org => call.org.as_deref(),
            Attribute::Client => call.client.as_deref(),
            Attribute::Token => call.token.as_deref(),
            Attribute::Provider => call.provider.as_deref(),
            Attribute::Method => Some(call.method()),
            Attribute::Path => Some(call.path()),
            Attribute::Named(name) => call.named_attribute(name),
        }
    }

    /// Checks that some call could have this value.
    pub(super) fn check(&self, value: &str) -> Result<(), Wrong> {
        let bytes_max = if *self == Attribute::Path { PATH_BYTES_MAX } else { VALUE_BYTES_MAX };
        if fault_in(value, bytes_max, String::new).is_some() {
            return Err(Wrong::text(value, format!("1 to {bytes_max} bytes without control characters")));
        }
        match self {
            Attribute::Token if !is_fingerprint(value) => {
                let expected = "the token's fingerprint, the first 16 hex digits of its SHA-256";
                Err(Wrong::text(value, expected))
            }
            Attribute::Method if !is_token(value) || value != value.to_ascii_uppercase() => {
                Err(Wrong::text(value, "a method in upper case, such as \"GET\""))
            }
            Attribute::Path if value != normalised(value) => {
                let expected = format!("the path in its normal form, {}", quoted(&normalised(value)));
                Err(Wrong::text(value, expected))
            }

            _ => Ok(()),
        }
    }
}

fn is_fingerprint(value: &str) -> bool {
    value.len() == 16 && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// As it is written in the document.
impl fmt::Display for Attribute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Org => out.write_str("org"),
            Attribute::Client => out.write_str("client"),
            Attribute::Token => out.write_str("token"),
            Attribute::Provider => out.write_str("provider"),
            Attribute::Method => out.write_str("method"),
            Attribute::Path => out.write_str("path"),
            Attribute::Named(name) => write!(out, "attributes.{name}"),
        }
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
