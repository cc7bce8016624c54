//! The paths that belong to one service of the provider.

/// A path in segments: `*` stands for one of them, `**` at the end for any number, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPattern {
    segments: Vec<String>,
    open: bool,
}

impl PathPattern {
    /// What a pattern has to be, for errors.
    pub(crate) const EXPECTED: &str = "a path that begins with '/', with '*' for a whole segment and '**' only at the end, such as \"/api/v2/users/**\"";

    /// Reads a pattern; `None` where it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix('/')?;
        let (path, open) = match path.strip_suffix("**") {
            Some("") => (None, true),
            Some(rest) => (Some(rest.strip_suffix('/')?), true),
            None => (Some(path), false),
        };
        let segments: Vec<String> =
            path.into_iter().flat_map(|path| path.split('/')).map(str::to_owned).collect();
        let whole = |segment: &String| segment == "*" || !segment.contains('*');
        segments.iter().all(whole).then_some(Self { segments, open })
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let mut given = path.strip_prefix('/').unwrap_or(path).split('/');
        let fits =
            |pattern: &String| given.next().is_some_and(|segment| pattern == "*" || pattern == segment);
        self.segments.iter().all(fits) && (self.open || given.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_whole_segments() {
        let rows = [
            ("/**", "/anything/at/all", true),
            ("/**", "/", true),
            ("/api/v2/users/**", "/api/v2/users", true),
            ("/api/v2/users/**", "/api/v2/users/u-1/roles", true),
            ("/api/v2/users/**", "/api/v2/usersettings", false),
            ("/api/*/users", "/api/v3/users", true),
            ("/api/*/users", "/api/v3/users/u-1", false),
            ("/api/*/users", "/api/users", false),
            ("/a", "/a/", false),
        ];
        for (pattern, path, expected) in rows {
            let matches = PathPattern::parse(pattern).map(|pattern| pattern.matches(path));
            assert_eq!(matches, Some(expected), "{pattern} {path}");
        }
        for text in ["", "api/v2", "/**/users", "/us*", "/a**", "/a/***"] {
            assert_eq!(PathPattern::parse(text), None, "{text:?}");
        }
    }
}
