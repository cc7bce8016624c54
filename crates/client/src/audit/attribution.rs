//! Why a refusal of the provider was put down to a bucket.

/// Why a refusal was put down to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribution {
    /// The provider has named its limit.
    Named,
    /// It is the narrowest that explains it: half of it was spent, or it was paused already.
    Explained,
    /// Narrower ones of different keys were refused at once: it is what they share.
    Shared,
    /// None explains it, and it is the narrowest.
    Narrowest,
    /// Its limit has just been learned of this refusal.
    Learned,
}

impl Attribution {
    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Explained => "explained",
            Self::Shared => "shared",
            Self::Narrowest => "narrowest",
            Self::Learned => "learned",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let all = [Self::Named, Self::Explained, Self::Shared, Self::Narrowest, Self::Learned];
        all.into_iter().find(|by| by.as_str() == text)
    }
}
