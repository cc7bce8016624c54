//! What the audit trail tells of a bucket that goes at all of its rate again after a cut.

use anyhow::{Result, ensure};
use tollgate::policy::Path;
use tollgate::{AuditEntry, AuditEvent};

use crate::audit::{SECOND_US, kinds, sweep_later, trail};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{LIMITS, granted, path_of, refuse};
use crate::trace::Trace;

const MINUTE_US: u64 = 60 * SECOND_US;

/// Whether an entry tells of the organisation's bucket, cut to 90 percent at `cut_at_us`.
fn is_recovery(entry: &AuditEntry, cut_at_us: u64, forgotten: bool) -> bool {
    let AuditEvent::Recovered { limit, key, cut_at_us: since_us, from_percent: 91, is_forgotten } =
        &entry.event
    else {
        return false;
    };
    (limit.as_str(), key.as_str(), *since_us, *is_forgotten) == ("org", "app/acme", cut_at_us, forgotten)
}

/// Grants all there is, second by second.
fn use_up(namespace: &mut Namespace, path: &Path, time_us: u64) {
    for _ in 0..time_us / SECOND_US {
        namespace.clock_us += SECOND_US;
        granted(namespace, path, 10);
    }
}

/// A bucket that is used up window after window is back at its rate in the third; that is told once, however often it
/// is swept.
pub(crate) fn by_use(programs: &Programs) -> Result<()> {
    recovered(programs).map(drop)
}

fn recovered(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    granted(&mut namespace, &path, 10);
    let cut_at_us = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], cut_at_us);
    namespace.clock_us += 30 * SECOND_US;
    for _ in 0..2 {
        use_up(&mut namespace, &path, MINUTE_US);
        namespace.sweep();
        ensure!(kinds(&trail(&mut namespace)) == ["policy", "pause", "cut"], "{:?}", trail(&mut namespace));
    }
    use_up(&mut namespace, &path, 2 * MINUTE_US);
    let before_us = namespace.clock_us;
    for _ in 0..3 {
        namespace.sweep();
        namespace.clock_us += 11 * SECOND_US;
        granted(&mut namespace, &path, 10);
    }
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "pause", "cut", "recovered"], "{told:?}");
    ensure!(is_recovery(&told[3], cut_at_us, false), "{told:?}");
    ensure!(told[3].at_us == before_us, "the first sweep tells it: {told:?}");
    // Told, it is forgotten: the next cut is from the whole rate, and will be told again.
    namespace.clock_us += MINUTE_US;
    granted(&mut namespace, &path, 10);
    let again_us = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], again_us);
    let told = trail(&mut namespace);
    ensure!(matches!(told[5].event, AuditEvent::Cut { from_percent: 100, .. }), "{told:?}");
    Ok(namespace)
}

/// A bucket that nobody asks for goes at its slower pace for ten windows; then that goes with its record.
pub(crate) fn by_disuse(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    let cut_at_us = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], cut_at_us);
    namespace.clock_us += 9 * MINUTE_US;
    sweep_later(&mut namespace);
    sweep_later(&mut namespace);
    ensure!(namespace.lab.state().get("b:org:app/acme").is_none(), "{:?}", namespace.lab.state());
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "pause", "cut", "recovered"], "{told:?}");
    ensure!(is_recovery(&told[3], cut_at_us, true), "{told:?}");
    Ok(())
}

/// A bucket that counts so long a time that its pace can't be told from the full one is paused, but not cut: there is
/// nothing to recover from.
pub(crate) fn without_a_cut(programs: &Programs) -> Result<()> {
    let limits = LIMITS.replace("rate = \"10/s\", burst = 10", "rate = \"1/d\", burst = 52124");
    let mut namespace = Namespace::under(programs, &limits);
    let path = path_of(&namespace, "acme");
    let now_us = namespace.clock_us;
    let reply = refuse(&mut namespace, &path, &[2], now_us);
    ensure!(!reply.is_cut && reply.share == 1024, "{reply:?}");
    for _ in 0..3 {
        sweep_later(&mut namespace);
    }
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "pause"], "{told:?}");
    Ok(())
}

/// Such a bucket, for whoever looks at what is stored.
pub(crate) fn story() -> Trace {
    recovered(&Programs::original()).expect("a bucket that recovers").trace
}

#[test]
fn a_bucket_that_is_back_at_its_rate_is_told_once() -> Result<()> {
    by_use(&Programs::original())
}

#[test]
fn a_pace_that_is_forgotten_is_told() -> Result<()> {
    by_disuse(&Programs::original())
}

#[test]
fn a_pace_that_was_not_cut_does_not_recover() -> Result<()> {
    without_a_cut(&Programs::original())
}
