//! What to do about an error of the store.

use tollgate::StoreError;

use super::super::told;

/// The error and its causes, on one line.
pub(super) fn words(error: &StoreError) -> String {
    told(&anyhow::Error::from(error.clone())).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What to do about a server that can't be used at all.
pub(super) fn on_connection(error: &StoreError, is_tls: bool) -> String {
    match error {
        StoreError::Unauthorized { .. } => {
            "correct the user and the password in --store or TOLLGATE_STORE; in a URL what is no letter or digit is written %XX"
        }
        StoreError::Refused { detail, .. } if detail.contains("DB index") => {
            "the number behind the host in --store is a database that the server does not have"
        }
        StoreError::Forbidden { .. } => {
            "the user needs +select where --store names a database; leave the number out otherwise"
        }
        StoreError::Unreachable { .. } if is_starting(error) => "the server is busy or still loading: wait for it",
        _ if is_tls && words(error).contains("certificate") => {
            "give the authority that has issued the server's certificate with --store-ca, and the host by a name that the certificate \
             has; where the server asks for certificates, --store-cert and --store-key"
        }
        _ if is_tls => "rediss:// speaks TLS: give a port that does, or write redis:// for one that does not",
        _ => {
            "somebody takes connections there but does not answer as Redis does: give Redis's own port, or write rediss:// where it \
             speaks TLS"
        }
    }
    .to_owned()
}

fn is_starting(error: &StoreError) -> bool {
    let words = words(error);
    ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN"].iter().any(|code| words.contains(code))
}

/// What to do about something stored that can't be used; `key` is the last part of its key's name.
pub(super) fn on_record(error: &StoreError, namespace: &str, key: &str) -> String {
    match error {
        StoreError::Schema { .. } => {
            "another version of tollgate has written it: run the version that did, or a newer one, and nothing older beside it"
                .to_owned()
        }
        StoreError::NoAuditTrail { .. } => {
            let key = if words(error).contains(":calls'") { "calls" } else { "audit" };
            format!("rename the key tollgate:{{{namespace}}}:{key}, or remove it: it is no audit trail")
        }
        StoreError::Script { detail, .. } if detail.contains("WRONGTYPE") => format!(
            "the key tollgate:{{{namespace}}}:{key} is of another type than tollgate makes: look whose it is, and rename or remove it"
        ),
        StoreError::Forbidden { .. } => {
            "give the user the rights in docs/OPERATIONS.md, \"The user with the least rights\"".to_owned()
        }
        StoreError::Timeout { .. } | StoreError::Unreachable { .. } => {
            "look at the server and the network, or raise --store-timeout".to_owned()
        }
        StoreError::NotWritable { .. } => "see the checks of role, memory and persistence".to_owned(),
        _ => "read the server's words, and its log".to_owned(),
    }
}
