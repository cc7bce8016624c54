//! The query of a call, from which limits may read what it costs.

use std::fmt;

/// The query as it was written, without its `?`. It may hold secrets, so it is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Option<Box<str>>);

impl Query {
    /// The query of a path as it was written.
    pub(super) fn of(path: &str) -> Query {
        let before_fragment = path.split('#').next().unwrap_or_default();
        let query = before_fragment.split_once('?').map(|(_, query)| query).filter(|query| !query.is_empty());
        Query(query.map(Into::into))
    }

    /// The largest whole number that a parameter of this name has: providers differ in which one they take where it is
    /// there twice.
    pub(super) fn largest(&self, name: &str) -> Option<u64> {
        let query = self.0.as_deref()?;
        let values = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
        values.filter_map(|(_, value)| number(&value)).max()
    }
}

/// Digits alone; a number too large to be told is the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Query(..)" } else { "Query" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let rows = [
            ("/a?pageSize=25", Some(25)),
            ("/a?x=1&pageSize=25#pageSize=99", Some(25)),
            ("/a?page%53ize=2%35", Some(25)),
            ("/a?pageSize=5&pageSize=25", Some(25)),
            ("/a?pageSize=many&pageSize=3", Some(3)),
            ("/a?pageSize=99999999999999999999999", Some(u64::MAX)),
            ("/a?pageSize=", None),
            ("/a?pageSize=-5", None),
            ("/a?pagesize=5", None),
            ("/a?", None),
            ("/a", None),
            ("/a#?pageSize=5", None),
        ];
        for (path, expected) in rows {
            assert_eq!(Query::of(path).largest("pageSize"), expected, "{path}");
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        let shown = format!("{:?}", crate::Call::get("/a?access_token=secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
