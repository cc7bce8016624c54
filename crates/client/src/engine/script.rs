//! The scripts as they are sent: each file of `lua/` with what they share in front of it.

use std::sync::LazyLock;

/// One script: its name, its whole source and the digest by which Redis knows it.
#[derive(Debug)]
pub struct Script {
    name: &'static str,
    source: &'static str,
    sha1: LazyLock<String>,
}

macro_rules! script {
    ($name:literal $(, after $part:literal)* $(, before $rest:literal)* $(, within $local:literal $inner:literal and $last:literal)?
        $(, end $end:literal)?) => {{
        const SOURCE: &str = concat!(
            include_str!("../../../../lua/prelude.lua"),
            "\n",
            include_str!("../../../../lua/pace.lua"),
            "\n",
            include_str!("../../../../lua/bucket.lua"),
            "\n",
            $(include_str!(concat!("../../../../lua/", $part, ".lua")), "\n",)*
            include_str!(concat!("../../../../lua/", $name, ".lua")),
            $("\n", include_str!(concat!("../../../../lua/", $rest, ".lua")),)*
            $("\nlocal ", $local, "\ndo\n", include_str!(concat!("../../../../lua/", $inner, ".lua")), "\n",
                include_str!(concat!("../../../../lua/", $last, ".lua")), "\nend\n",)?
            $("\n", include_str!(concat!("../../../../lua/", $end, ".lua")),)?
        );
        Script {
            name: $name,
            source: SOURCE,
            sha1: LazyLock::new(|| sha1_smol::Sha1::from(SOURCE).digest().to_string()),
        }
    }};
}

impl Script {
    /// Charges the calls of a batch, each to every bucket on its path or to none.
    pub const ACQUIRE: &Self = &ACQUIRE;
    /// Corrects what granted calls have cost.
    pub const SETTLE: &Self = &SETTLE;
    /// Takes up that the provider has refused a call.
    pub const BACK_OFF: &Self = &BACK_OFF;
    /// Takes up what the provider has said is left of its quotas.
    pub const LOWER: &Self = &LOWER;
    /// Pauses a bucket because an operator says so, or ends its pause.
    pub const PAUSE: &Self = &PAUSE;
    /// Tells what buckets owe.
    pub const PEEK: &Self = &PEEK;
    /// Tells what buckets owe, and what they would owe under another policy.
    pub const FORESEE: &Self = &FORESEE;
    /// Pages through the buckets that have a record.
    pub const LIST: &Self = &LIST;
    /// Pages through those who wait.
    pub const WAITERS: &Self = &WAITERS;
    /// Says that a replica lives.
    pub const ANNOUNCE: &Self = &ANNOUNCE;
    /// Tells which replicas share the namespace.
    pub const REPLICAS: &Self = &REPLICAS;
    /// Pages through the throttling episodes that go on.
    pub const EPISODES: &Self = &EPISODES;
    /// Removes what is no longer needed.
    pub const SWEEP: &Self = &SWEEP;
    /// Pages through the audit trail.
    pub const AUDIT: &Self = &AUDIT;
    /// Writes a policy.
    pub const POLICY: &Self = &POLICY;
    /// Reads a policy.
    pub const POLICY_READ: &Self = &POLICY_READ;
    /// Lists the versions of a policy.
    pub const VERSIONS: &Self = &VERSIONS;
    /// Reads what was granted, by the minute or by the hour.
    pub const USAGE: &Self = &USAGE;
    /// Makes an API key.
    pub const KEY_MAKE: &Self = &KEY_MAKE;
    /// Revokes an API key.
    pub const KEY_REVOKE: &Self = &KEY_REVOKE;
    /// Reads the API keys.
    pub const KEYS: &Self = &KEYS;
    /// Notes that API keys were used.
    pub const KEY_TOUCH: &Self = &KEY_TOUCH;
    /// Removes a namespace.
    pub const REMOVE: &Self = &REMOVE;

    /// Every script there is.
    pub const ALL: [&Self; 23] = [
        Self::ACQUIRE,
        Self::SETTLE,
        Self::BACK_OFF,
        Self::LOWER,
        Self::PAUSE,
        Self::PEEK,
        Self::FORESEE,
        Self::LIST,
        Self::WAITERS,
        Self::ANNOUNCE,
        Self::REPLICAS,
        Self::EPISODES,
        Self::SWEEP,
        Self::AUDIT,
        Self::POLICY,
        Self::POLICY_READ,
        Self::VERSIONS,
        Self::USAGE,
        Self::KEY_MAKE,
        Self::KEY_REVOKE,
        Self::KEYS,
        Self::KEY_TOUCH,
        Self::REMOVE,
    ];

    /// The name of its file, without the ending.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What scripts share, and the script.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// SHA-1 of the source in hexadecimal, as `EVALSHA` takes it.
    #[must_use]
    pub fn sha1(&self) -> &str {
        &self.sha1
    }
}

// What only calls need that have to wait, or are told one by one, is behind what most batches end with: it is not made
// for the others.
static ACQUIRE: Script = script!("acquire", before "in_flight", before "named", before "queue", before "tally", before "episode", before "reports",
    within "tell_granted" "audit_trail" and "granted", end "in_turn");
static SETTLE: Script = script!("settle", after "tally", after "in_flight");
static BACK_OFF: Script = script!("back_off", after "audit_trail", after "tally", after "open");
static LOWER: Script = script!("lower", after "audit_trail", after "tally", after "open");
static PAUSE: Script = script!("pause", after "audit_trail", after "tally", after "open");
static PEEK: Script = script!("peek");
static FORESEE: Script = script!("foresee", after "ruling");
static LIST: Script = script!("list");
static WAITERS: Script = script!("waiters");
static ANNOUNCE: Script = script!("announce", after "replica_list");
static REPLICAS: Script = script!("replicas", after "replica_list");
static EPISODES: Script = script!("episodes", after "episode");
static SWEEP: Script = script!("sweep", after "audit_trail", after "tally", after "episode", after "booking", after "replica_list");
static AUDIT: Script = script!("audit", after "audit_trail");
static POLICY: Script = script!("policy", after "audit_trail", after "ruling");
static POLICY_READ: Script = script!("policy_read");
static VERSIONS: Script = script!("versions");
static USAGE: Script = script!("usage");
static KEY_MAKE: Script = script!("key_make", after "audit_trail", after "key_index");
static KEY_REVOKE: Script = script!("key_revoke", after "audit_trail", after "key_index");
static KEYS: Script = script!("keys", after "key_index");
static KEY_TOUCH: Script = script!("key_touch", after "key_index");
static REMOVE: Script = script!("remove");
