//! Changes for the worse that stories have to find out.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};

use crate::program::Programs;

/// What is told of a namespace under some programs.
pub(crate) type Story = fn(&Programs) -> Result<()>;

/// Complains unless each mutant makes one of the stories come out differently. Of a mutant there is the text that
/// another text replaces in every script that has it.
pub(crate) fn are_found_out(mutants: &[(&str, &str)], stories: &[(&str, Story)]) -> Result<()> {
    for (name, story) in stories {
        story(&Programs::original()).with_context(|| format!("the story {name:?} of no mutant"))?;
    }
    let mut table = String::new();
    let mut survived = 0;
    for (text, becomes) in mutants {
        let original = Programs::original();
        ensure!(original.all().iter().any(|program| program.source.contains(text)), "{text:?} is nowhere");
        let programs = Programs::edited(|_, source| source.replace(text, becomes));
        let caught = stories.iter().find(|(_, story)| {
            // A script that fails ends the story, as a panic of the namespace.
            let told = std::panic::catch_unwind(|| story(&programs));
            !matches!(told, Ok(Ok(())))
        });
        survived += usize::from(caught.is_none());
        let _ = writeln!(table, "{:<70} {}", text.trim(), caught.map_or("SURVIVED", |(name, _)| name));
    }
    ensure!(survived == 0, "{table}");
    Ok(())
}
