//! The programs that run on both sides: the scripts under `lua/`, and one that puts a hash back as it was.

use std::sync::Arc;

use tollgate::engine::Script;

/// One program: its name and its whole text. Where it is changed on purpose, it is a mutant.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) source: Arc<str>,
}

/// All of them, as they are or with one line changed.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    all: Vec<Program>,
}

/// Makes a hash hold exactly what the arguments say: field, value, field, value ...; with none it is gone.
const REPLACE: &str = "redis.call('DEL', KEYS[1])
for f = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[f], ARGV[f + 1]) end
return #ARGV";

/// The name of the program that puts a hash back.
pub(crate) const REPLACED: &str = "replace";

impl Programs {
    /// The scripts as they are.
    pub(crate) fn original() -> Self {
        Self::edited(|_, source| source.to_owned())
    }

    /// The scripts after `edit` has been over each, by its name.
    pub(crate) fn edited(edit: impl Fn(&str, &str) -> String) -> Self {
        let product = Script::ALL.iter().map(|script| Program {
            name: script.name(),
            source: edit(script.name(), script.source()).into(),
        });
        let replace = Program { name: REPLACED, source: REPLACE.into() };
        Self { all: product.chain([replace]).collect() }
    }

    pub(crate) fn all(&self) -> &[Program] {
        &self.all
    }

    /// The program of a name that is known to exist.
    pub(crate) fn get(&self, name: &str) -> &Program {
        self.all.iter().find(|program| program.name == name).expect("a program of that name")
    }
}
