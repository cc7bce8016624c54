//! The back-off: how long to wait where the provider does not tell.

use super::document::StepDocument;
use super::time::WAIT_MAX;
use crate::policy::{Problems, Span, Wrong};
use std::time::Duration;

/// Waits that grow the longer calls have been throttled.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    /// From when on which wait, in this order.
    later: Vec<(Duration, Duration)>,
}

impl Backoff {
    pub(super) fn check(steps: &[StepDocument], field: &str, problems: &mut Problems) -> Option<Backoff> {
        let mut checked: Vec<(Duration, Duration)> = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let field = format!("{field}[{index}]");
            let wait = problems.take(format!("{field}.wait"), wait(&step.wait));
            let last = checked.last().map(|(after, _)| *after);
            let after = after(step.after.as_deref(), last);
            let after = problems.take(format!("{field}.after"), after);
            checked.push((after.unwrap_or_default(), wait.unwrap_or_default()));
        }
        let mut steps = checked.into_iter();
        let Some((_, first)) = steps.next() else {
            problems.add(Wrong::plain("no step", "at least one, such as { wait = \"5s\" }").at(field));
            return None;
        };
        Some(Backoff { first, later: steps.collect() })
    }

    /// The wait after calls have been throttled for so long.
    pub(super) fn wait(&self, throttled_for: Duration) -> Duration {
        let passed = self.later.iter().take_while(|(after, _)| *after <= throttled_for);
        passed.last().map_or(self.first, |(_, wait)| *wait)
    }
}

fn duration(text: &str) -> Result<Duration, Wrong> {
    Span::parse(text).map(|span| Duration::from_micros(span.us()))
}

fn wait(text: &str) -> Result<Duration, Wrong> {
    let wait = duration(text)?;
    if wait.is_zero() || wait > WAIT_MAX {
        return Err(Wrong::text(text, "\"1us\" to \"31d\""));
    }
    Ok(wait)
}

/// The first step holds at once, each further one from later on than that before it.
fn after(text: Option<&str>, last: Option<Duration>) -> Result<Duration, Wrong> {
    let Some(text) = text else {
        let expected = "how long calls have been throttled when it begins, such as \"5m\"";
        return last.map_or(Ok(Duration::ZERO), |_| Err(Wrong::plain("missing", expected)));
    };
    let after = duration(text)?;
    match last {
        None if !after.is_zero() => Err(Wrong::text(text, "\"0s\", or nothing, for the first step")),
        Some(last) if after <= last => Err(Wrong::text(text, "a longer time than that of the step before")),
        _ => Ok(after),
    }
}
