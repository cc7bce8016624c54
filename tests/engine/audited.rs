//! The audit trail of a random history: it grows by what a script has done, and by nothing else.

use tollgate::AuditId;

use crate::fleet::Fleet;
use crate::lab::State;

impl Fleet {
    /// Judges what the last script has added to the trail.
    pub(crate) fn trail_is_right(&self, before: &State) -> Result<(), String> {
        let after = &self.state;
        let added = added(before, after)?;
        let count = |kinds: &[&str]| added.iter().filter(|kind| kinds.contains(kind)).count();

        let is_written = before.policy_in_force() != after.policy_in_force();
        let policies = count(&["policy", "restored"]);
        if policies != usize::from(is_written) {
            return Err(format!("AUDIT: {policies} policies are told, written: {is_written}"));
        }
        let (was, is) = (before.head(), after.head());
        let epoch = |head: &Option<crate::head::Head>| head.as_ref().map_or(0, |head| head.epoch);
        let untold = |head: &Option<crate::head::Head>| head.as_ref().map_or(0, |head| head.untold);
        let begun = untold(&was) + usize::from(is.is_some() && epoch(&was) != epoch(&is));
        let (told, left) = (count(&["epoch"]), untold(&is));
        if begun != told + left {
            return Err(format!("AUDIT: {begun} epochs were to be told, {told} are, {left} are left"));
        }
        Ok(())
    }
}

/// The kinds of the entries that are new. Their ids have risen, and older ones are as they were.
fn added<'s>(before: &State, after: &'s State) -> Result<Vec<&'s str>, String> {
    let id = |text: &str| text.parse::<AuditId>().map_err(|error| format!("AUDIT: {text}: {error}"));
    let last = if before.audit.last_id.is_empty() { AuditId::default() } else { id(&before.audit.last_id)? };
    let (mut kinds, mut highest) = (Vec::new(), last);
    for entry in &after.audit.entries {
        let own = id(&entry.0)?;
        if own > last {
            if own <= highest {
                return Err(format!("AUDIT: {own} comes behind {highest}"));
            }
            highest = own;
            kinds.push(std::str::from_utf8(&entry.1[0]).map_err(|error| format!("AUDIT: {error}"))?);
        } else if !before.audit.entries.contains(entry) {
            return Err(format!("AUDIT: {own} is new and not above {last}"));
        }
    }
    Ok(kinds)
}
