//! What came within a length of time before now.

use std::collections::VecDeque;
use std::time::Duration;

use super::counter::Terms;
use crate::time::Time;

#[derive(Clone, Debug, Default)]
pub(crate) struct SlidingWindow {
    calls: VecDeque<(Time, u64)>,
    used: u64,
}

impl SlidingWindow {
    pub(super) fn catch_up(&mut self, now: Time, terms: Terms) {
        while let Some(&(_, cost)) = self.calls.front().filter(|(at, _)| *at + terms.window <= now) {
            self.calls.pop_front();
            self.used -= cost;
        }
    }

    pub(super) fn wait(&self, now: Time, terms: Terms, cost: u64) -> Duration {
        if self.used + cost <= terms.value {
            return Duration::ZERO;
        }
        let mut used = self.used;
        for (at, gone) in &self.calls {
            used -= gone;
            if used + cost <= terms.value {
                return (*at + terms.window).since(now);
            }
        }
        terms.window
    }

    pub(super) fn take(&mut self, now: Time, cost: u64) {
        self.calls.push_back((now, cost));
        self.used += cost;
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn reset(&self, now: Time, terms: Terms) -> Duration {
        self.calls.back().map_or(Duration::ZERO, |(at, _)| (*at + terms.window).since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { value: 3, window: Duration::from_secs(10) };

    #[test]
    fn room_comes_back_call_by_call() {
        let mut window = SlidingWindow::default();
        for seconds in [0, 4, 5] {
            window.take(Time::from_secs(seconds), 1);
        }
        let now = Time::from_secs(9);
        window.catch_up(now, TERMS);
        assert_eq!(window.wait(now, TERMS, 1), Duration::from_secs(1));
        assert_eq!(window.wait(now, TERMS, 2), Duration::from_secs(5));
        let now = Time::from_secs(10);
        window.catch_up(now, TERMS);
        assert_eq!((window.used(), window.wait(now, TERMS, 1)), (2, Duration::ZERO));
        assert_eq!(window.wait(now, TERMS, 4), TERMS.window, "it never fits");
    }
}
