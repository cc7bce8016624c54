//! The condition of a limit: which calls it applies to.

use super::attribute::Attribute;
use super::document::{OneOrMore, When};
use super::pattern::Pattern;
use super::problem::{Problems, Wrong};
use crate::call::Call;

/// A checked `when`, except for its path patterns, which are matched for all limits at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    by_path: bool,
    /// Sorted, as the following are; empty stands for any.
    methods: Vec<String>,
    orgs: Vec<String>,
    clients: Vec<String>,
}

impl Condition {
    /// Checks a `when`; the patterns are returned beside it.
    pub(super) fn parse(when: &When, field: &str, problems: &mut Problems) -> (Condition, Vec<Pattern>) {
        let mut patterns = Vec::new();
        for (text, field) in values(when.path.as_ref(), &format!("{field}.path"), problems) {
            patterns.extend(problems.take(field, Pattern::parse(text)));
        }
        let mut checked =
            |attribute: &Attribute, written: Option<&OneOrMore>, convert: fn(&str) -> String| {
                let field = format!("{field}.{attribute}");
                let mut checked = Vec::new();
                for (text, field) in values(written, &field, problems) {
                    let value = convert(text);
                    if problems.take(field, attribute.check(&value)).is_some() {
                        checked.push(value);
                    }
                }
                checked.sort_unstable();
                checked
            };
        let condition = Condition {
            by_path: when.path.is_some(),
            methods: checked(&Attribute::Method, when.method.as_ref(), str::to_ascii_uppercase),
            orgs: checked(&Attribute::Org, when.org.as_ref(), str::to_owned),
            clients: checked(&Attribute::Client, when.client.as_ref(), str::to_owned),
        };
        (condition, patterns)
    }

    /// The values that it asks for, beside the path.
    pub(super) fn looks_at(&self) -> impl Iterator<Item = Attribute> {
        let asked = [
            (&self.methods, Attribute::Method),
            (&self.orgs, Attribute::Org),
            (&self.clients, Attribute::Client),
        ];
        asked.into_iter().filter(|(values, _)| !values.is_empty()).map(|(_, attribute)| attribute)
    }

    /// Whether a call is meant, given whether one of the path patterns matches it.
    pub(super) fn holds(&self, call: &Call, path_matches: bool) -> bool {
        (path_matches || !self.by_path)
            && names(&self.methods, Some(call.method()))
            && names(&self.orgs, call.org.as_deref())
            && names(&self.clients, call.client.as_deref())
    }
}

/// Whether a condition names a value, or leaves it open.
fn names(values: &[String], value: Option<&str>) -> bool {
    let named = |value: &str| values.binary_search_by(|known| known.as_str().cmp(value)).is_ok();
    values.is_empty() || value.is_some_and(named)
}

/// The values written in a field, each with its own path. A list without any would match nothing: a slip.
fn values<'a>(
    written: Option<&'a OneOrMore>,
    field: &str,
    problems: &mut Problems,
) -> Vec<(&'a str, String)> {
    let Some(OneOrMore(values)) = written else {
        return Vec::new();
    };
    match values.as_slice() {
        [] => {
            problems.add(Wrong::plain("an empty list", "at least one value").at(field));
            Vec::new()
        }
        [one] => vec![(one, field.to_owned())],
        more => {
            more.iter().enumerate().map(|(index, value)| (&**value, format!("{field}[{index}]"))).collect()
        }
    }
}
