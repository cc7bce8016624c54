//! Who asks: the key that a request came with, and the address that it came from.

use std::net::{IpAddr, Ipv6Addr};

use tollgate::{ApiKey, Role};

/// The key that a request came with. Whatever changes something finds it among the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) id: String,
    label: String,
    pub(super) role: Role,
}

/// The address that a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl Caller {
    pub(super) fn of(key: &ApiKey) -> Self {
        Self { id: key.id.clone(), label: key.label.clone(), role: key.role }
    }

    /// Who has changed something, for the audit trail.
    pub(crate) fn author(&self) -> String {
        format!("{} (key {})", self.label, self.id)
    }
}

impl Peer {
    /// One of IPv6 stands for its network of 64 bits, all of which commonly belongs to one customer.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }

    pub(super) fn address(self) -> IpAddr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_one_peer() {
        let peer = |text: &str| Peer::of(text.parse().expect(text));
        assert_eq!(peer("2001:db8:1:2:3:4:5:6"), peer("2001:db8:1:2::1"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
