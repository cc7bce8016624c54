//! Texts that come again and again, each kept once and named by a number.

use std::collections::HashMap;
use std::sync::Arc;

/// The number of a text; that of the empty one is the default, and also stands for what a limit does not look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(u32);

/// The texts by their numbers. A million calls name a few hundred of them, so a record needs no text of its own.
#[derive(Clone, Debug)]
pub(crate) struct Symbols {
    numbers: HashMap<Arc<str>, Symbol>,
    texts: Vec<Arc<str>>,
}

impl Symbols {
    pub(crate) fn new() -> Self {
        let mut symbols = Self { numbers: HashMap::new(), texts: Vec::new() };
        symbols.number_of("");
        symbols
    }

    /// The number of a text, a new one where it was never seen.
    pub(crate) fn number_of(&mut self, text: &str) -> Symbol {
        if let Some(&known) = self.numbers.get(text) {
            return known;
        }
        // Four thousand million texts are more than there is memory for.
        let symbol = Symbol(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, symbol);
        symbol
    }

    pub(crate) fn text(&self, symbol: Symbol) -> &str {
        self.texts.get(symbol.0 as usize).map_or("", |text| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let mut symbols = Symbols::new();
        let acme = symbols.number_of("acme");
        assert_eq!(symbols.number_of("acme"), acme);
        assert_ne!(symbols.number_of("other"), acme);
        assert_eq!(symbols.text(acme), "acme");
        assert_eq!(symbols.number_of(""), Symbol::default());
    }
}
