//! What a client looks like: product, API version, network, objects, hours.

use std::net::IpAddr;

use forcefield_config::config::{Trait, Watch};
use forcefield_policy::names::ApiVersion;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{HOUR, number, push};
use crate::fact::Asked;

/// What was seen of an integration's clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Traits {
    clients: Vec<String>,
    versions: Vec<u16>,
    networks: Vec<IpNet>,
    objects: Vec<String>,
    /// Hours of the day, UTC, a bit each.
    hours: u32,
}

/// What a request shows of its client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    product: &'a str,
    version: Option<ApiVersion>,
    network: Option<IpNet>,
    /// What it was granted; what is refused teaches nothing.
    objects: &'a [String],
    /// UTC.
    hour: u32,
}

// === impl Seen ===

impl<'a> Seen<'a> {
    pub(super) fn of(asked: &Asked<'a>, at: Timestamp) -> Self {
        Self {
            product: product(asked.client),
            version: asked.version,
            network: asked.source.map(network),
            objects: if asked.granted { asked.objects } else { &[] },
            hour: hour(at),
        }
    }
}

// === impl Traits ===

impl Traits {
    /// What of a request was not seen before, in words.
    pub(super) fn news(&self, seen: &Seen<'_>, watch: Watch) -> Vec<String> {
        let mut news = Vec::new();
        if watch.has(Trait::Client) && !self.knows_client(seen) {
            news.push(format!("client `{}`", seen.product));
        }
        if let Some(version) = seen.version.filter(|_| watch.has(Trait::Version) && !self.knows_version(seen))
        {
            news.push(format!("API version {version}"));
        }
        if let Some(network) = seen.network.filter(|_| watch.has(Trait::Network) && !self.knows_network(seen))
        {
            news.push(format!("network {network}"));
        }
        if watch.has(Trait::Objects) {
            let unknown = seen.objects.iter().filter(|object| !self.objects.contains(object));
            news.extend(unknown.map(|object| format!("object {object}")));
        }
        if watch.has(Trait::Hour) && self.hours & (1 << seen.hour) == 0 {
            news.push(format!("{} o'clock UTC", seen.hour));
        }
        news
    }

    /// Whether a request comes from another client: at least two of product, API version and network are new.
    pub(super) fn is_another_client(&self, seen: &Seen<'_>) -> bool {
        let known = [self.knows_client(seen), self.knows_version(seen), self.knows_network(seen)];
        known.into_iter().filter(|known| !known).count() >= 2
    }

    pub(super) fn learn(&mut self, seen: &Seen<'_>) {
        if !self.knows_client(seen) {
            push(&mut self.clients, seen.product.to_owned(), CLIENTS);
        }
        if let Some(version) = seen.version.filter(|_| !self.knows_version(seen)) {
            push(&mut self.versions, version.major(), VERSIONS);
        }
        if let Some(network) = seen.network.filter(|_| !self.knows_network(seen)) {
            push(&mut self.networks, network, NETWORKS);
        }
        for object in seen.objects {
            if !self.objects.contains(object) {
                push(&mut self.objects, object.clone(), OBJECTS);
            }
        }
        self.hours |= 1 << seen.hour;
    }

    fn knows_client(&self, seen: &Seen<'_>) -> bool {
        self.clients.iter().any(|known| known == seen.product)
    }

    /// What a request does not show is not new.
    fn knows_version(&self, seen: &Seen<'_>) -> bool {
        seen.version.is_none_or(|version| self.versions.contains(&version.major()))
    }

    fn knows_network(&self, seen: &Seen<'_>) -> bool {
        seen.network.is_none_or(|network| self.networks.contains(&network))
    }
}

/// The product that a client names: what stands before the first `/`, without its version, so that an upgrade is none.
fn product(user_agent: Option<&str>) -> &str {
    let text = user_agent.unwrap_or_default();
    let product = text.split('/').next().unwrap_or_default().trim();
    // Most have fewer bytes than that, and are not looked into.
    let end = if product.len() <= LONGEST { None } else { product.char_indices().nth(LONGEST) };
    match product.get(..end.map_or(product.len(), |(at, _)| at)) {
        Some(product) if !product.is_empty() => product,
        _ => "none",
    }
}

/// The network that an address is in: /24 of IPv4, /48 of IPv6.
fn network(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |network| network.trunc())
}

fn hour(at: Timestamp) -> u32 {
    u32::try_from(number(at, HOUR).rem_euclid(24)).unwrap_or_default()
}

const LONGEST: usize = 64;
const CLIENTS: usize = 16;
const VERSIONS: usize = 16;
const NETWORKS: usize = 64;
const OBJECTS: usize = 512;
