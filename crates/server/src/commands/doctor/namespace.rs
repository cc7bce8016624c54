//! The checks of the namespace: whether it is there, and what is stored of it can be used.

use tollgate::policy::differences;
use tollgate::{Error, Inspection, Policy, StateSeen, StoreError};

use super::advice::{on_record, words};
use super::report::Report;
use crate::rfc3339;
use crate::settings::Settings;

/// Differences that are named.
const NAMED_MOST: usize = 5;

/// What a user lacks is told among the permissions, and not once more.
pub(super) async fn check(inspection: &Inspection, settings: &Settings, report: &mut Report) {
    let namespace = &settings.namespace;
    let mut is_usable = true;
    match inspection.policy().await {
        Ok(Some(stored)) => {
            let is_read = policy(&stored, report);
            if let Some(file) = &settings.policy {
                compared(&stored.document, file, report);
            }
            if is_read {
                is_usable = state(inspection, namespace, report).await;
            }
        }
        Ok(None) => missing(settings, report),
        Err(StoreError::Forbidden { .. }) => {}
        Err(error) => report.fail("policy", words(&error), on_record(&error, namespace, "policy")),
    }
    match inspection.records().await {
        Ok(()) => report.ok("records", "the audit trail and the books can be read"),
        Err(StoreError::Forbidden { .. }) => {}
        Err(error) => report.fail("records", words(&error), on_record(&error, namespace, "usage")),
    }
    // The keys are read with the time of the counters, which would fail for the same reason.
    if is_usable {
        keys(inspection, namespace, report).await;
    }
}

fn missing(settings: &Settings, report: &mut Report) {
    let found = format!("the store has no policy for namespace {:?}", settings.namespace);
    if settings.policy.is_some() {
        report.warn("policy", found, "the first replica that is started with this file puts it into force");
    } else {
        let advice = "correct --namespace, or the database number in --store; a new namespace begins with `tollgate serve --policy FILE`";
        report.fail("policy", found, advice);
    }
}

/// Whether this version can read it.
fn policy(stored: &tollgate::PolicyVersion, report: &mut Report) -> bool {
    let (version, at) = (stored.version, rfc3339::of_us(stored.written_at_us));
    match Policy::from_json(&stored.document) {
        Ok(policy) => {
            let limits = policy.limits().len();
            report.ok("policy", format!("version {version} of {at} by {}, limits: {limits}", stored.author));
            true
        }
        Err(error) => {
            let found = format!(
                "version {version} of {at} by {} can't be read by this version: {error}",
                stored.author
            );
            report.fail("policy", found, "run the version of tollgate that has written it, or a newer one");
            false
        }
    }
}

/// Whether the policy in force says what the file does.
fn compared(document: &str, file: &Policy, report: &mut Report) {
    let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
    let found = differences(&read(document), &read(&file.to_json()));
    if found.is_empty() {
        report.ok("policy file", "it says what the policy in force does");
        return;
    }
    let mut named: Vec<&str> = found.iter().map(|one| one.field.as_str()).take(NAMED_MOST).collect();
    if found.len() > named.len() {
        named.push("and others");
    }
    let found = format!("it differs from the policy in force, which counts, in {}", named.join(", "));
    let advice =
        "`tollgate policy diff FILE` shows how, `tollgate policy apply FILE` puts the file into force";
    report.warn("policy file", found, advice);
}

/// Whether the counters can be used.
async fn state(inspection: &Inspection, namespace: &str, report: &mut Report) -> bool {
    match inspection.state().await {
        Ok(Some(StateSeen::Current)) => report.ok("counters", "they go by the policy in force"),
        Ok(Some(StateSeen::Lost)) => {
            let found = "there are none, although there is a policy: they were lost";
            report.warn(
                "counters",
                found,
                "nothing: buckets begin empty with the first call; look who removed them",
            );
        }
        Ok(Some(_)) => {
            let found = "they go by another policy than the stored one";
            report.warn("counters", found, "look again: for a moment that is so while the policy changes");
        }
        // Gone meanwhile, or told with the policy.
        Ok(None) | Err(Error::Policy(_) | Error::Store(StoreError::Forbidden { .. })) => {}
        Err(Error::Store(error)) => {
            report.fail("counters", words(&error), on_record(&error, namespace, "state"));
            return false;
        }
        Err(error) => {
            report.fail("counters", error.to_string(), "read the error");
            return false;
        }
    }
    true
}

async fn keys(inspection: &Inspection, namespace: &str, report: &mut Report) {
    let seen = match inspection.api_keys().read(None).await {
        Ok(seen) => seen,
        Err(Error::Store(StoreError::Forbidden { .. })) => return,
        Err(Error::Store(error)) => {
            return report.fail("API keys", words(&error), on_record(&error, namespace, "keys"));
        }
        Err(error) => return report.fail("API keys", error.to_string(), "read the error"),
    };
    let all = seen.keys.unwrap_or_default();
    let good = all.iter().filter(|key| key.expires_at_us.is_none_or(|end_us| end_us > seen.now_us)).count();
    if seen.tag.is_empty() {
        report
            .ok("API keys", "there are none: `tollgate serve` listens on the loopback only, and asks nobody");
    } else if good == 0 {
        let found = "all of them are revoked or have ended: nobody is let in";
        report.warn("API keys", found, "`tollgate keys create --store` makes another one");
    } else {
        report.ok("API keys", format!("{good} of {} are good", all.len()));
    }
}
