//! Which server, and which release of it.

use std::fmt;

use anyhow::{Context, Result};

/// The two products whose servers run the scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Product {
    /// Redis, the original.
    Redis,
    /// Valkey, the fork of Redis 7.2.
    Valkey,
}

/// A product and its release, for example `Redis 7.0.15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    /// Redis or Valkey.
    pub product: Product,
    /// First number of the release.
    pub major: u16,
    /// Second number of the release.
    pub minor: u16,
    /// Third number of the release.
    pub patch: u16,
}

impl ServerVersion {
    /// Reads what `redis-server --version` prints: `Redis server v=7.0.15 sha=...`.
    pub(crate) fn from_banner(banner: &str) -> Result<Self> {
        let product = if banner.starts_with("Valkey") { Product::Valkey } else { Product::Redis };
        let release = banner
            .split_whitespace()
            .find_map(|word| word.strip_prefix("v="))
            .with_context(|| format!("no version in {banner:?}"))?;
        Self::from_release(product, release)
    }

    /// Reads a release number such as `7.0.15`.
    pub(crate) fn from_release(product: Product, release: &str) -> Result<Self> {
        let mut numbers = release.split('.').map(str::parse);
        let mut next = || numbers.next().and_then(Result::ok);
        let (Some(major), Some(minor), Some(patch)) = (next(), next(), next()) else {
            anyhow::bail!("{release:?} is not a release number such as 7.0.15");
        };
        Ok(Self { product, major, minor, patch })
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { product, major, minor, patch } = self;
        write!(f, "{product:?} {major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_names_product_and_release() -> Result<()> {
        let redis = ServerVersion::from_banner("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0")?;
        let valkey = ServerVersion::from_banner("Valkey server v=9.1.2 sha=00000000:1 malloc=libc")?;
        assert_eq!((redis.to_string(), valkey.to_string()), ("Redis 7.0.15".into(), "Valkey 9.1.2".into()));
        Ok(())
    }
}
