//! The programs that run on both sides: the scripts under `lua/`, and those that put a hash or a stream back as it was.

use std::cell::RefCell;
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

/// Makes a stream hold exactly what the arguments say: the id given out last, then of each entry its id, the number of
/// its texts, and these. Where that id is none it is gone.
const RESTREAM: &str = "redis.call('DEL', KEYS[1])
if ARGV[1] == '' then return 0 end
local a = 2
while a <= #ARGV do
  local last = a + 1 + tonumber(ARGV[a + 1])
  redis.call('XADD', KEYS[1], 'MAXLEN', '=', '1000000', ARGV[a], unpack(ARGV, a + 2, last))
  a = last + 1
end
if #ARGV == 1 then redis.call('XADD', KEYS[1], 'MAXLEN', '=', '0', ARGV[1], 'x', 'x') end
return #ARGV";

/// The name of the program that puts a stream back.
pub(crate) const RESTREAMED: &str = "restream";

thread_local! {
    /// Which programs stories run under on this thread that do not say it.
    static IN_FORCE: RefCell<Option<Programs>> = const { RefCell::new(None) };
}

/// Until this is dropped programs are in force, also where a story ends in a panic.
struct Rule;

impl Drop for Rule {
    fn drop(&mut self) {
        IN_FORCE.set(None);
    }
}

impl Programs {
    /// Those under which a story runs that does not say it: the scripts as they are, but where a test tells it of
    /// mutants.
    pub(crate) fn in_force() -> Self {
        IN_FORCE.with_borrow(Clone::clone).unwrap_or_else(Self::original)
    }

    /// Tells a story that does not say which programs it runs under.
    pub(crate) fn rule(&self, story: fn()) {
        IN_FORCE.set(Some(self.clone()));
        let rule = Rule;
        story();
        drop(rule);
    }

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
        let restream = Program { name: RESTREAMED, source: RESTREAM.into() };
        Self { all: product.chain([replace, restream]).collect() }
    }

    pub(crate) fn all(&self) -> &[Program] {
        &self.all
    }

    /// The program of a name that is known to exist.
    pub(crate) fn get(&self, name: &str) -> &Program {
        self.all.iter().find(|program| program.name == name).expect("a program of that name")
    }
}
