//! The error of a policy document that can't be used.

use super::problem::{Problem, Problems, Wrong};
use std::fmt;

/// Why a policy document was refused: at least one [`Problem`], as many as could be told at once.
///
/// A document that can't be read at all reports the first problem only; one that can be read reports the
/// first twenty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    problems: Vec<Problem>,
    /// How many problems there are beyond those listed.
    more: usize,
}

impl PolicyError {
    /// What is wrong; never empty.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The same with other names of the fields.
    pub(super) fn told_of(mut self, name: impl Fn(&str) -> String) -> PolicyError {
        for problem in &mut self.problems {
            problem.field = name(&problem.field);
        }
        self
    }

    /// What a document came to, or an error for all problems that were found. Without a problem it came to something.
    pub(crate) fn of<T>(problems: Problems, checked: Option<T>) -> Result<T, PolicyError> {
        match (problems.into_found(), checked) {
            (None, Some(checked)) => Ok(checked),
            (None, None) => Err(Wrong::plain("something wrong", "a right document").into()),
            (Some((problems, more)), _) => Err(PolicyError { problems, more }),
        }
    }
}

impl From<Problem> for PolicyError {
    fn from(problem: Problem) -> PolicyError {
        PolicyError { problems: vec![problem], more: 0 }
    }
}

impl From<Wrong> for PolicyError {
    /// Something wrong with the document as a whole.
    fn from(wrong: Wrong) -> PolicyError {
        wrong.at("document").into()
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(out, "{separator}{problem}")?;
        }
        if self.more > 0 {
            write!(out, "; and {} more problems", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}
