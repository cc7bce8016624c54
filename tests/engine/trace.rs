//! The trace of a history: every program that ran, when, with which arguments, and what it answered.

use std::fmt;

use tollgate::embedded::Reply;

use crate::lab::State;

/// One run of a program.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) program: &'static str,
    pub(crate) keys: Vec<String>,
    pub(crate) args: Vec<Vec<u8>>,
    /// What the server's clock showed.
    pub(crate) clock_us: u64,
    pub(crate) reply: Reply,
    /// What is stored after it.
    pub(crate) after: State,
    /// What this was, in words.
    pub(crate) story: String,
}

/// A history as it went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) runs: Vec<Run>,
    /// Further lines of the story, each with the number of runs before it.
    asides: Vec<(usize, String)>,
}

impl Trace {
    /// Something that no program is run for.
    pub(crate) fn aside(&mut self, line: String) {
        self.asides.push((self.runs.len(), line));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut asides = self.asides.iter().peekable();
        for (number, run) in self.runs.iter().enumerate() {
            while let Some((_, line)) = asides.next_if(|(before, _)| *before <= number) {
                writeln!(f, "             {line}")?;
            }
            writeln!(f, "  {number:3} {:<11} {} us: {}", run.program, run.clock_us, run.story)?;
        }
        asides.try_for_each(|(_, line)| writeln!(f, "             {line}"))
    }
}
