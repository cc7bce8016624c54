//! A call in the numbers of its texts.

use crate::arrival::Arrival;
use crate::limit::Key;
use crate::symbols::{Symbol, Symbols};

/// What limits and ledger know of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered {
    pub(super) key: Key,
    pub(super) route: Route,
}

/// What a call asks for. Which limits it passes, and at which cost, depends on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Route {
    pub(super) method: Symbol,
    pub(super) path: Symbol,
    pub(super) query: Symbol,
}

impl Numbered {
    pub(super) fn new(arrival: &Arrival, symbols: &mut Symbols) -> Self {
        let mut number = |text: &str| symbols.number_of(text);
        let key = Key {
            org: number(&arrival.org),
            client: number(&arrival.client),
            token: number(&arrival.token),
            user: number(&arrival.user),
        };
        let route = Route {
            method: number(&arrival.method),
            path: number(&arrival.path),
            query: number(&arrival.query),
        };
        Self { key, route }
    }
}
