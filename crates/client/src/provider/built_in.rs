//! The adapters built in, a TOML file each.

use super::adapter::Adapter;
use super::check;
use super::document::AdapterDocument;
use crate::policy::{PolicyError, Problems, read_toml};
use std::sync::{Arc, LazyLock};

/// Their names and files, in the order in which they are told.
pub(super) const FILES: [(&str, &str); 10] = [
    ("generic", include_str!("adapters/generic.toml")),
    ("ietf", include_str!("adapters/ietf.toml")),
    ("genesys-cloud", include_str!("adapters/genesys-cloud.toml")),
    ("github", include_str!("adapters/github.toml")),
    ("hubspot", include_str!("adapters/hubspot.toml")),
    ("salesforce", include_str!("adapters/salesforce.toml")),
    ("shopify-graphql", include_str!("adapters/shopify-graphql.toml")),
    ("shopify-rest", include_str!("adapters/shopify-rest.toml")),
    ("slack", include_str!("adapters/slack.toml")),
    ("zendesk", include_str!("adapters/zendesk.toml")),
];

/// Each of them, read once. Tests see to it that every file is right.
static ADAPTERS: LazyLock<Vec<Arc<Adapter>>> =
    LazyLock::new(|| FILES.iter().filter_map(|(name, text)| read(name, text).ok()).map(Arc::new).collect());

/// The adapter of a name.
pub(super) fn find(name: &str) -> Option<Arc<Adapter>> {
    ADAPTERS.iter().find(|adapter| adapter.name() == name).cloned()
}

/// The document of an adapter, to be extended.
pub(super) fn document(name: &str) -> Option<AdapterDocument> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    read_toml(text).ok()
}

/// All names, as they are told in messages.
pub(super) fn names() -> String {
    FILES.map(|(name, _)| name).join(", ")
}

/// Reads the file of an adapter, just as the `adapter` of a policy is read.
pub(super) fn read(name: &str, text: &str) -> Result<Adapter, PolicyError> {
    let document: AdapterDocument = read_toml(text)?;
    let mut problems = Problems::default();
    let adapter = check::adapter(name, &document, &mut problems);
    PolicyError::of(problems, adapter)
}
