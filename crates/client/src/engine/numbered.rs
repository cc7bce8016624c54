//! Distinct values of a batch, each written once and then named by its number.

use std::hash::Hash;

use crate::hashed::QuickMap;

/// Distinct values in the order in which they were first named, numbered from 1 as Lua counts.
#[derive(Clone, Debug)]
pub(super) struct Numbered<T> {
    values: Vec<T>,
    numbers: QuickMap<T, u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: QuickMap::default() }
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    pub(super) fn number_of(&mut self, value: T) -> u32 {
        if let Some(&number) = self.numbers.get(&value) {
            return number;
        }
        self.values.push(value.clone());
        let number = number(self.values.len());
        self.numbers.insert(value, number);
        number
    }

    pub(super) fn values(&self) -> &[T] {
        &self.values
    }
}

/// The number of the value that was added last.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
