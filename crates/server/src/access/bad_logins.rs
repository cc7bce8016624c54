//! Keys that open nothing, counted for each address: whoever tries one after the other is told to wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::caller::Peer;

/// What an address may try is counted over this time, from its first try on.
const WINDOW: Duration = Duration::from_secs(60);

/// Bad keys of one address in a window, unless set otherwise.
pub(crate) const MAX_BAD_LOGINS_DEFAULT: u32 = 30;

/// Addresses that are remembered at once. Each takes about 100 bytes.
const PEERS_MOST: usize = 4_096;

/// Bad keys, by address.
#[derive(Debug)]
pub(super) struct BadLogins {
    most: u32,
    windows: Mutex<HashMap<Peer, Window>>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    count: u32,
}

/// What comes of one more bad key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is refused as any.
    Refused,
    /// There were too many. The time after which they count no more, and whether this was the first beyond.
    TooMany { wait: Duration, is_first: bool },
}

impl BadLogins {
    pub(super) fn new(most: u32) -> Self {
        Self { most, windows: Mutex::default() }
    }

    /// Counts one more.
    pub(super) fn count(&self, peer: Peer, now: Instant) -> Verdict {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |window: &Window| now.saturating_duration_since(window.began) >= WINDOW;
        if windows.len() >= PEERS_MOST && !windows.contains_key(&peer) {
            windows.retain(|_, window| !is_over(window));
            // Who has so many addresses is not kept back by this at all; the memory has to be bounded.
            if windows.len() >= PEERS_MOST {
                windows.clear();
            }
        }
        let window = windows.entry(peer).or_insert(Window { began: now, count: 0 });
        if is_over(window) {
            *window = Window { began: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        if window.count <= self.most {
            return Verdict::Refused;
        }
        let wait = WINDOW.saturating_sub(now.saturating_duration_since(window.began));
        Verdict::TooMany { wait, is_first: window.count == self.most + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::net::Ipv4Addr;

    fn peer(number: u32) -> Peer {
        Peer::of(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn an_address_is_told_to_wait_until_its_window_is_over() {
        let (bad, now) = (BadLogins::new(2), clock::instant());
        let tenth = Duration::from_secs(6);
        assert_eq!(bad.count(peer(1), now), Verdict::Refused);
        assert_eq!(bad.count(peer(1), now + tenth), Verdict::Refused);
        let wait = WINDOW.saturating_sub(2 * tenth);
        assert_eq!(bad.count(peer(1), now + 2 * tenth), Verdict::TooMany { wait, is_first: true });
        assert_eq!(bad.count(peer(1), now + 2 * tenth), Verdict::TooMany { wait, is_first: false });
        assert_eq!(bad.count(peer(2), now + 2 * tenth), Verdict::Refused, "another address");
        assert_eq!(bad.count(peer(1), now + WINDOW), Verdict::Refused, "another window");
    }

    #[test]
    fn no_more_addresses_are_remembered_than_may_be() {
        let (bad, now) = (BadLogins::new(1), clock::instant());
        let most = u32::try_from(PEERS_MOST).expect("a few thousand");
        for number in 0..3 * most {
            bad.count(peer(number), now);
            assert!(bad.windows.lock().expect("nobody panics").len() <= PEERS_MOST);
        }
    }
}
