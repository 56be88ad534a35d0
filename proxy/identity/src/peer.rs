//! The other end of a connection, as far as it is known before anything was read as a credential.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use thiserror::Error;

use crate::certificate::PeerCertificate;

/// The other end of a connection, and the name by which it called us.
#[derive(Clone, Debug)]
pub struct Peer {
    address: IpAddr,
    certificate: Option<Arc<PeerCertificate>>,
    host: Box<str>,
}

/// A host that cannot stand in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the `Host` of the request is not a host name or address with an optional port")]
pub struct InvalidHost;

// === impl Peer ===

impl Peer {
    /// The peer at `address` (an IPv4 address mapped into IPv6 is that IPv4 address), with the certificate that the
    /// listener verified, calling us by `host`: what the `Host` header or `:authority` says, port included.
    ///
    /// # Errors
    /// A host with characters that hosts do not have: it will stand in the URLs that we answer.
    pub fn new(
        address: IpAddr,
        certificate: Option<Arc<PeerCertificate>>,
        host: &str,
    ) -> Result<Self, InvalidHost> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if !(1..=260).contains(&host.len()) || !host.bytes().all(plain) {
            return Err(InvalidHost);
        }
        Ok(Self { address: address.to_canonical(), certificate, host: host.to_ascii_lowercase().into() })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// What it showed, verified by the listener.
    #[must_use]
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_deref()
    }

    pub(crate) fn shared_certificate(&self) -> Option<Arc<PeerCertificate>> {
        self.certificate.clone()
    }

    /// The name by which it called us, lower case, with the port if it named one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// That name without the port.
    #[must_use]
    pub fn host_name(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &self.host,
        }
    }

    /// The URL by which it called us: no trailing slash, no port when that is 443.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("https://{}", self.host.strip_suffix(":443").unwrap_or(&self.host))
    }

    /// The smallest network that its host keeps for itself: its address, or the /64 of an IPv6 address.
    #[must_use]
    pub fn neighbourhood(&self) -> IpNet {
        neighbourhood(self.address)
    }

    /// The network that a token without a certificate is bound to: the narrowest of the identity's own networks that
    /// it is in, else its address (the /64 of an IPv6 address, within which hosts change theirs at will).
    pub(crate) fn network(&self, networks: &[IpNet]) -> IpNet {
        let own = networks.iter().filter(|network| network.contains(&self.address));
        own.max_by_key(|network| network.prefix_len()).copied().unwrap_or_else(|| neighbourhood(self.address))
    }
}

/// The smallest network that one host keeps for itself.
pub(crate) fn neighbourhood(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 32 } else { 64 };
    IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str, host: &str) -> Result<Peer, InvalidHost> {
        Peer::new(address.parse().unwrap(), None, host)
    }

    #[test]
    fn a_host_is_lower_case_and_its_url_has_no_needless_port() {
        let of = |host| peer("10.0.0.1", host).unwrap();
        assert_eq!(of("SF.Corp.Example:8443").base_url(), "https://sf.corp.example:8443");
        assert_eq!(of("sf.corp.example:443").base_url(), "https://sf.corp.example");
        assert_eq!(of("sf.corp.example:443").host_name(), "sf.corp.example");
        assert_eq!(of("[::1]:8443").host_name(), "[::1]");
        assert_eq!(of("[::1]").host_name(), "[::1]");
    }

    #[test]
    fn a_host_that_could_say_something_else_in_an_answer_is_none() {
        for host in ["", "a b", "a/b", "a\"b", "a<b", "a@b", "a?b", "a\r\nb", "ä"] {
            assert!(peer("10.0.0.1", host).is_err(), "{host}");
        }
    }

    #[test]
    fn a_token_is_bound_to_the_narrowest_network_of_its_own() {
        let networks: Vec<IpNet> = ["10.0.0.0/8", "10.20.0.0/16"].map(|text| text.parse().unwrap()).into();
        let bound = |address, networks| peer(address, "x").unwrap().network(networks).to_string();
        assert_eq!(bound("10.20.1.1", &networks[..]), "10.20.0.0/16");
        assert_eq!(bound("10.20.1.1", &[]), "10.20.1.1/32");
        assert_eq!(bound("::ffff:10.20.1.1", &[]), "10.20.1.1/32");
        assert_eq!(bound("2001:db8::1", &[]), "2001:db8::/64");
    }
}
