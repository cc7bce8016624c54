//! A window that opens with the first call.

use std::time::Duration;

use super::counter::Terms;
use crate::time::Time;

#[derive(Clone, Debug, Default)]
pub(crate) struct FixedWindow {
    opened: Option<Time>,
    used: u64,
}

impl FixedWindow {
    pub(super) fn catch_up(&mut self, now: Time, terms: Terms) {
        if self.opened.is_some_and(|opened| opened + terms.window <= now) {
            *self = Self::default();
        }
    }

    pub(super) fn wait(&self, now: Time, terms: Terms, cost: u64) -> Duration {
        if self.used + cost <= terms.value {
            return Duration::ZERO;
        }
        // A call that does not fit an empty window is told to come back after one.
        if self.used == 0 { terms.window } else { self.reset(now, terms) }
    }

    pub(super) fn take(&mut self, now: Time, cost: u64) {
        self.opened.get_or_insert(now);
        self.used += cost;
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn reset(&self, now: Time, terms: Terms) -> Duration {
        self.opened.map_or(Duration::ZERO, |opened| (opened + terms.window).since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { value: 2, window: Duration::from_secs(60) };

    #[test]
    fn the_window_opens_with_the_first_call_and_not_with_the_minute() {
        let mut window = FixedWindow::default();
        window.take(Time::from_secs(50), 2);
        window.catch_up(Time::from_secs(109), TERMS);
        assert_eq!(window.wait(Time::from_secs(109), TERMS, 1), Duration::from_secs(1));
        window.catch_up(Time::from_secs(110), TERMS);
        assert_eq!(window.wait(Time::from_secs(110), TERMS, 2), Duration::ZERO);
        assert_eq!(window.wait(Time::from_secs(110), TERMS, 3), TERMS.window, "it never fits");
    }
}
