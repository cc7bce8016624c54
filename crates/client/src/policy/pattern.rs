//! Path patterns: all limits of a policy, matched at once.

use super::problem::{Wrong, quoted};
use crate::call::{PATH_BYTES_MAX, normalised};
use globset::{Candidate, Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::cell::Cell;

thread_local! {
    /// The globs that match, kept from call to call so that matching allocates nothing.
    static MATCHING: Cell<Vec<usize>> = const { Cell::new(Vec::new()) };
}

/// A path pattern, checked.
///
/// `*` stands for any text inside one segment, `**` for any number of whole segments, none included:
/// `/api/v2/quality/**` matches `/api/v2/quality` as well. Everything else stands for itself. The wider
/// language of globs (`?`, `[a-z]`, `{a,b}`, `\`) is refused: `{userId}` out of an API's documentation would
/// be a glob that matches nothing else than the word, without a sign of it. A list of patterns says "or".
///
/// A pattern is written in the normal form of paths, and matching tells upper from lower case.
#[derive(Debug)]
pub(super) struct Pattern {
    /// One glob, or two where the pattern ends in `/**`: the second for the path in front of it.
    globs: Vec<Glob>,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Pattern, Wrong> {
        if let Some(expected) = expected_instead_of(text) {
            return Err(Wrong::text(text, expected));
        }
        let mut globs = vec![glob(text)?];
        match text.strip_suffix("/**") {
            Some("") => globs.push(glob("/")?),
            Some(itself) => globs.push(glob(itself)?),
            None => {}
        }
        Ok(Pattern { globs })
    }
}

/// What would be right, if the text is not a pattern.
fn expected_instead_of(text: &str) -> Option<String> {
    let glued = |segment: &str| segment.contains("**") && segment != "**";
    if !text.starts_with('/') {
        Some("a path pattern that starts with '/', such as \"/api/v2/users/**\"".to_owned())
    } else if text.len() > PATH_BYTES_MAX || text.contains(char::is_control) {
        Some(format!("at most {PATH_BYTES_MAX} bytes without control characters"))
    } else if text.contains(['{', '}', '[', ']', '?', '\\']) {
        Some("only the wildcards * (in a segment) and ** (whole segments); a list says \"or\"".to_owned())
    } else if text.split('/').any(glued) {
        Some("** as a segment of its own, such as \"/api/**/users\"".to_owned())
    } else {
        let normal = normalised(text);
        (text != normal).then(|| format!("the normal form of paths, {}", quoted(&normal)))
    }
}

fn glob(text: &str) -> Result<Glob, Wrong> {
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.map_err(|error| Wrong::text(text, format!("a path pattern ({error})")))
}

/// The patterns of all limits in one automaton, so that the cost of a call does not grow with their number.
#[derive(Clone, Debug)]
pub(super) struct Patterns {
    globs: GlobSet,
    /// The limit that each glob belongs to.
    limits: Vec<u16>,
}

impl Patterns {
    /// Compiles patterns, each with the index of its limit.
    pub(super) fn compile(patterns: Vec<(u16, Pattern)>) -> Result<Patterns, Wrong> {
        let mut builder = GlobSetBuilder::new();
        let mut limits = Vec::new();
        for (limit, pattern) in patterns {
            for glob in pattern.globs {
                builder.add(glob);
                limits.push(limit);
            }
        }
        let too_much =
            |error: globset::Error| Wrong::plain(error.to_string(), "fewer or simpler path patterns");
        let globs = builder.build().map_err(too_much)?;
        Ok(Patterns { globs, limits })
    }

    /// The limits of which a pattern matches a path in its normal form.
    pub(super) fn matching(&self, path: &str) -> LimitSet {
        let mut matching = LimitSet::default();
        if self.globs.is_empty() {
            return matching;
        }
        let mut globs = MATCHING.take();
        self.globs.matches_candidate_into(&Candidate::from_bytes(path), &mut globs);
        for glob in &globs {
            matching.insert(self.limits[*glob]);
        }
        MATCHING.set(globs);
        matching
    }
}

/// A set of limits, a bit for each of at most 256.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LimitSet([u64; 4]);

impl LimitSet {
    fn insert(&mut self, limit: u16) {
        self.0[usize::from(limit) / 64] |= 1 << (limit % 64);
    }

    pub(super) fn contains(self, limit: u16) -> bool {
        self.0[usize::from(limit) / 64] & 1 << (limit % 64) != 0
    }

    /// All of it, for comparing.
    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }
}
