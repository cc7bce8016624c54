//! The lanes of a replica: how many batches are on their way at once.

use std::time::Duration;

use super::flight::Lane;
use crate::clock::Instant;

/// Batches of calls on their way at once to a far store: with a round trip of 0.6 ms, four halve the median wait
/// against one.
const LANES: usize = 4;

/// A store is near if an answer has come back from it as soon as this. The way there and back then takes less time than
/// the work on a full batch, and there is nothing to gain from a second batch on the way: calls that wait for the first
/// one merge into fewer entries. With one in flight a store on the same machine does a fifth more calls than with four.
const NEAR: Duration = Duration::from_micros(250);

/// A flight that is out for longer than the largest batch takes holds up nobody else: its answer is lost, or the store
/// is slow.
const OVERDUE: Duration = Duration::from_millis(4);

/// The lanes, and what their flights told of the way to the store.
#[derive(Debug)]
pub(super) struct Lanes {
    free: Vec<Lane>,
    /// When the flights that are out took off.
    out: Vec<(usize, Instant)>,
    /// The shortest flight over this connection: no flight is shorter than the way there and back, however busy both
    /// ends are.
    shortest: Option<Duration>,
}

impl Lanes {
    pub(super) fn new(replica: &str) -> Self {
        let free = (0..LANES).map(|index| Lane::new(replica, index)).collect();
        Self { free, out: Vec::new(), shortest: None }
    }

    /// How many there are. Other lanes of the replica are numbered from there.
    pub(super) const COUNT: usize = LANES;

    /// A lane for a batch that takes off, if one may.
    pub(super) fn take(&mut self, now: Instant) -> Option<Lane> {
        let fresh = self.out.iter().filter(|(_, took_off)| now < *took_off + OVERDUE).count();
        if fresh >= self.at_once() {
            return None;
        }
        let lane = self.free.pop()?;
        self.out.push((lane.index(), now));
        Some(lane)
    }

    /// When the next of the flights that are out becomes overdue, and one more may take off before it has landed.
    pub(super) fn next_opening(&self, now: Instant) -> Option<Instant> {
        if self.free.is_empty() {
            return None;
        }
        self.out.iter().map(|(_, took_off)| *took_off + OVERDUE).filter(|overdue| *overdue > now).min()
    }

    /// The lane of a batch that has landed, and how long it was out; `None` if it was sent more than once, and its
    /// connection is another one now.
    pub(super) fn land(&mut self, lane: Lane, took: Option<Duration>) {
        self.shortest = took.map(|took| self.shortest.map_or(took, |known| known.min(took)));
        self.put_back(lane);
    }

    /// A lane that is free again.
    pub(super) fn put_back(&mut self, lane: Lane) {
        self.out.retain(|(index, _)| *index != lane.index());
        self.free.push(lane);
    }

    /// How long the way to the store and back takes at least, once it is known.
    pub(super) fn way(&self) -> Option<Duration> {
        self.shortest
    }

    fn at_once(&self) -> usize {
        if self.shortest.is_some_and(|shortest| shortest <= NEAR) { 1 } else { LANES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SOON: Duration = Duration::from_micros(40);
    const LATE: Duration = Duration::from_micros(600);

    /// Takes all lanes that are open at `now`.
    fn take_all(lanes: &mut Lanes, now: Instant) -> Vec<Lane> {
        std::iter::from_fn(|| lanes.take(now)).collect()
    }

    /// Lanes that have seen flights of these lengths.
    fn after(flights: &[Option<Duration>]) -> Lanes {
        let mut lanes = Lanes::new("replica");
        for &took in flights {
            let lane = lanes.take(clock::now()).unwrap();
            lanes.land(lane, took);
        }
        lanes
    }

    #[test]
    fn one_batch_at_a_time_goes_to_a_near_store_and_four_to_a_far_one() {
        let now = clock::now();
        assert_eq!(take_all(&mut after(&[]), now).len(), 4, "not known yet");
        assert_eq!(take_all(&mut after(&[Some(LATE), Some(LATE)]), now).len(), 4);
        assert_eq!(take_all(&mut after(&[Some(SOON)]), now).len(), 1);
        assert_eq!(take_all(&mut after(&[Some(SOON), Some(LATE)]), now).len(), 1, "the store was busy");
    }

    #[test]
    fn a_new_connection_is_measured_anew() {
        let now = clock::now();
        assert_eq!(take_all(&mut after(&[Some(SOON), None]), now).len(), 4);
        assert_eq!(take_all(&mut after(&[Some(SOON), None, Some(SOON)]), now).len(), 1);
    }

    /// A near store falls silent: a batch each few milliseconds goes out past those that do not come back.
    #[test]
    fn a_batch_that_stays_out_does_not_hold_up_the_next() {
        let mut lanes = after(&[Some(SOON)]);
        let mut now = clock::now();
        let mut out = Vec::new();
        for left in (1..=3).rev() {
            out.extend(take_all(&mut lanes, now));
            assert_eq!(out.len(), 4 - left, "one at a time");
            let opening = lanes.next_opening(now).unwrap();
            assert_eq!(opening, now + OVERDUE);
            assert!(lanes.take(opening - Duration::from_micros(1)).is_none());
            now = opening;
        }
        out.extend(take_all(&mut lanes, now));
        assert_eq!(out.len(), 4);
        assert_eq!(lanes.next_opening(now), None, "only a landing helps");
    }

    #[test]
    fn a_near_store_is_busy_again_at_once_though_one_batch_is_overdue() {
        let mut lanes = after(&[Some(SOON)]);
        let then = clock::now();
        let _overdue = lanes.take(then).unwrap();
        let now = then + OVERDUE;
        for _ in 0..10 {
            let lane = lanes.take(now).unwrap();
            lanes.land(lane, Some(LATE));
        }
    }

    #[test]
    fn a_lane_that_was_not_needed_tells_nothing() {
        let mut lanes = after(&[Some(SOON)]);
        let now = clock::now();
        let lane = lanes.take(now).unwrap();
        lanes.put_back(lane);
        assert_eq!(take_all(&mut lanes, now).len(), 1);
    }
}
