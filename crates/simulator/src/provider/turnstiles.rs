//! All limits at work: a call passes every one that counts it, or none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::number::{Numbered, Route};
use crate::counter::{Gate, Standing, Visit};
use crate::limit::{Key, Kind, Passage, Rules};
use crate::outcome::CallId;
use crate::symbols::Symbols;
use crate::time::Time;

/// The gates of all limits.
#[derive(Debug)]
pub(super) struct Turnstiles {
    rules: Arc<Rules>,
    gates: Vec<Gate>,
    routes: HashMap<Route, Arc<[Passage]>>,
    /// The places that calls in flight hold.
    held: HashMap<CallId, Vec<Place>>,
}

/// A place among the calls in flight of a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    limit: usize,
    key: Key,
    cost: u64,
}

/// What all limits together say to a call.
#[derive(Debug)]
pub(super) enum Decision {
    Passed {
        /// The limit that the key has least of, relative to its value, among those whose name is told.
        tightest: Option<Standing>,
        places: Vec<Place>,
    },
    Refused {
        standing: Standing,
        wait: Duration,
        cost: u64,
    },
}

impl Turnstiles {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        let gates = rules.limits.iter().map(Gate::new).collect();
        Self { rules, gates, routes: HashMap::new(), held: HashMap::new() }
    }

    /// A call of anybody has arrived, whatever becomes of it.
    pub(super) fn arrived(&mut self, now: Time) {
        self.gates.iter_mut().for_each(|gate| gate.arrived(now));
    }

    /// The most that a call of this route counts anywhere.
    pub(super) fn cost(&mut self, route: Route, symbols: &Symbols) -> u64 {
        self.passages(route, symbols).iter().map(|passage| passage.cost).max().unwrap_or(1)
    }

    /// Asks all limits, and counts the call at all of them if each has room.
    pub(super) fn decide(&mut self, now: Time, call: Numbered, symbols: &Symbols) -> Decision {
        let visits: Vec<Visit> = self
            .passages(call.route, symbols)
            .iter()
            .map(|&Passage { limit, cost }| {
                let definition = &self.rules.limits[limit];
                let key = call.key.only(&definition.per);
                let terms = self.gates[limit].terms(definition, key, symbols, now);
                Visit { now, limit, key, cost, terms }
            })
            .collect();
        let mut refusing: Option<(Duration, Visit)> = None;
        for &visit in &visits {
            let wait = self.gates[visit.limit].wait(&self.rules.limits[visit.limit], visit);
            if !wait.is_zero() && refusing.is_none_or(|(longest, _)| longest < wait) {
                refusing = Some((wait, visit));
            }
        }
        match refusing {
            None => self.pass(&visits),
            Some((wait, visit)) => {
                self.refuse(&visits, visit);
                Decision::Refused {
                    standing: self.gates[visit.limit].standing(visit),
                    wait,
                    cost: visit.cost,
                }
            }
        }
    }

    fn pass(&mut self, visits: &[Visit]) -> Decision {
        let mut tightest: Option<Standing> = None;
        let mut places = Vec::new();
        for &visit in visits {
            self.gates[visit.limit].take(visit);
            let limit = &self.rules.limits[visit.limit];
            if limit.kind == Kind::Concurrent {
                places.push(Place { limit: visit.limit, key: visit.key, cost: visit.cost });
            } else if limit.said {
                let standing = self.gates[visit.limit].standing(visit);
                if tightest.is_none_or(|known| is_tighter(standing, known)) {
                    tightest = Some(standing);
                }
            }
        }
        Decision::Passed { tightest, places }
    }

    /// Where refused calls count, they do at every limit but the one that refused; they are never in flight.
    fn refuse(&mut self, visits: &[Visit], refusing: Visit) {
        if !self.rules.refused_counts {
            return;
        }
        for &visit in visits.iter().filter(|visit| visit.limit != refusing.limit) {
            if self.rules.limits[visit.limit].kind != Kind::Concurrent {
                self.gates[visit.limit].take(visit);
            }
        }
    }

    /// The call has passed, and holds these places until it is over.
    pub(super) fn hold(&mut self, call: CallId, places: Vec<Place>) {
        if !places.is_empty() {
            self.held.insert(call, places);
        }
    }

    pub(super) fn finish(&mut self, call: CallId) {
        for Place { limit, key, cost } in self.held.remove(&call).unwrap_or_default() {
            self.gates[limit].finish(key, cost);
        }
    }

    fn passages(&mut self, route: Route, symbols: &Symbols) -> Arc<[Passage]> {
        let rules = &self.rules;
        let found = self.routes.entry(route).or_insert_with(|| {
            let text = |symbol| symbols.text(symbol);
            rules.passages(text(route.method), text(route.path), text(route.query)).into()
        });
        Arc::clone(found)
    }
}

fn is_tighter(one: Standing, other: Standing) -> bool {
    u128::from(one.left) * u128::from(other.value) < u128::from(other.left) * u128::from(one.value)
}
