//! What a check has found, in words.

use super::super::size;

/// In words for people, and for programs, who get sizes of memory as they are.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) for_people: String,
    pub(super) for_programs: String,
}

/// How sizes of memory are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sizes {
    /// In the unit that fits.
    Rounded,
    /// In bytes.
    Exact,
}

impl Found {
    /// A sentence that has sizes in it.
    pub(super) fn with_sizes(sentence: impl Fn(Sizes) -> String) -> Self {
        Self { for_people: sentence(Sizes::Rounded), for_programs: sentence(Sizes::Exact) }
    }
}

impl Sizes {
    pub(super) fn size(self, bytes: u64) -> String {
        match self {
            Self::Rounded => size::shown(bytes),
            Self::Exact => format!("{bytes} bytes"),
        }
    }

    /// A part of a size, and that.
    pub(super) fn part(self, bytes: u64, all: u64) -> String {
        match self {
            Self::Rounded => format!("{} of {}", size::shown(bytes), size::shown(all)),
            Self::Exact => format!("{bytes} of {all} bytes"),
        }
    }
}

impl From<&str> for Found {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl From<String> for Found {
    fn from(words: String) -> Self {
        Self { for_people: words.clone(), for_programs: words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_sizes_as_they_are() {
        let (used, most) = (1_342_177, 500 << 20);
        let found =
            Found::with_sizes(|sizes| format!("{}, {} used", sizes.size(most), sizes.part(used, most)));
        assert_eq!(found.for_people, "500 MiB, 1.3 MiB of 500 MiB used");
        assert_eq!(found.for_programs, "524288000 bytes, 1342177 of 524288000 bytes used");
    }
}
