//! What a limit is counted per, and the combination of values that one count stands for.

use serde::Deserialize;

use crate::symbols::{Symbol, Symbols};

/// A property of a call that a limit may be counted per.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attribute {
    Org,
    Client,
    Token,
    User,
}

/// The values of one call, or those of them that a limit looks at; the others are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) org: Symbol,
    pub(crate) client: Symbol,
    pub(crate) token: Symbol,
    pub(crate) user: Symbol,
}

impl Key {
    /// What remains of it where only these properties are looked at.
    pub(crate) fn only(self, per: &[Attribute]) -> Self {
        let mut key = Self::default();
        for attribute in per {
            *key.slot(*attribute) = self.value(*attribute);
        }
        key
    }

    /// The key as the configuration writes it: the values in the order of `per`, joined by commas.
    pub(crate) fn text(self, per: &[Attribute], symbols: &Symbols) -> String {
        let values: Vec<&str> = per.iter().map(|attribute| symbols.text(self.value(*attribute))).collect();
        values.join(",")
    }

    fn value(self, attribute: Attribute) -> Symbol {
        match attribute {
            Attribute::Org => self.org,
            Attribute::Client => self.client,
            Attribute::Token => self.token,
            Attribute::User => self.user,
        }
    }

    fn slot(&mut self, attribute: Attribute) -> &mut Symbol {
        match attribute {
            Attribute::Org => &mut self.org,
            Attribute::Client => &mut self.client,
            Attribute::Token => &mut self.token,
            Attribute::User => &mut self.user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_what_its_limit_looks_at_and_nothing_else() {
        let mut symbols = Symbols::new();
        let mut number = |text: &str| symbols.number_of(text);
        let whole =
            Key { org: number("acme"), client: number("app"), token: number("t"), user: number("ann") };
        let key = whole.only(&[Attribute::User, Attribute::Org]);
        assert_eq!((key.client, key.token), (Symbol::default(), Symbol::default()));
        assert_eq!(key.text(&[Attribute::User, Attribute::Org], &symbols), "ann,acme");
        assert_eq!(whole.only(&[]), Key::default());
    }
}
