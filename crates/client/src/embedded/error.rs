//! Why a script call failed, where no reply can say it.

use thiserror::Error;

/// A script call that ended without a reply.
///
/// What a script *answers* is a [`Reply`](super::Reply), [`Reply::Error`](super::Reply::Error) included. A
/// `ScriptError` says that the script, or the host, is wrong: it is what a developer reads. None of them rolls back:
/// what the script wrote before it ended stays, as in Redis.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The Lua machine could not be set up.
    #[error("the Lua machine could not start: {message}")]
    Start {
        /// What Lua says.
        message: String,
    },
    /// The source is not Lua 5.1 text.
    #[error("the script does not compile: {message}")]
    Compile {
        /// What Lua says, position included.
        message: String,
    },
    /// The script raised a string: a mistake in the script, or its own `error("..")`.
    #[error("the script failed: {message}")]
    Runtime {
        /// The raised text, after `user_script:LINE: ` where Lua knows the line.
        message: String,
    },
    /// A command that this host does not know.
    #[error("the embedded engine has no command {name}")]
    UnknownCommand {
        /// The command as the script wrote it.
        name: String,
    },
    /// A command named a key that the caller did not declare. Redis Cluster would route it wrongly.
    #[error("{command} touches the key {key:?}, which was not declared")]
    UndeclaredKey {
        /// The command, in upper case.
        command: &'static str,
        /// The key, unprintable bytes escaped.
        key: String,
    },
    /// The script used something that Redis has and this host leaves out on purpose.
    #[error("outside the dialect of the embedded engine: {what}")]
    Refused {
        /// What was used, and where that helps, what to use instead.
        what: String,
    },
    /// The script ran longer than any of ours may.
    #[error("the script ran past {limit} instructions")]
    InstructionLimit {
        /// The limit in instructions of the Lua machine.
        limit: u64,
    },
    /// The script wanted more memory than the machine may have.
    #[error("the script wanted more than {limit_bytes} bytes")]
    MemoryLimit {
        /// The limit in bytes, for everything the Lua machine holds.
        limit_bytes: usize,
    },
}

impl ScriptError {
    pub(super) fn refused(what: impl Into<String>) -> ScriptError {
        ScriptError::Refused { what: what.into() }
    }

    /// Whether the machine may be in a state that no script should meet: it is thrown away then.
    ///
    /// After an ordinary failure it may not: a script can't change its surroundings (see `sandbox`).
    pub(super) fn ends_the_machine(&self) -> bool {
        matches!(
            self,
            ScriptError::Start { .. }
                | ScriptError::InstructionLimit { .. }
                | ScriptError::MemoryLimit { .. }
        )
    }
}
