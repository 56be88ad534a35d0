//! What a client looks like: product, API version, network, objects, hours.

use std::net::IpAddr;

use forcefield_config::config::{Trait, Watch};
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

impl Traits {
    /// What of a request was not seen before, in words.
    pub(super) fn news(&self, asked: &Asked<'_>, at: Timestamp, watch: Watch) -> Vec<String> {
        let mut news = Vec::new();
        let client = product(asked.client);
        if watch.has(Trait::Client) && !self.clients.iter().any(|known| known == client) {
            news.push(format!("client `{client}`"));
        }
        if let Some(version) = asked.version.filter(|version| !self.versions.contains(&version.major()))
            && watch.has(Trait::Version)
        {
            news.push(format!("API version {version}"));
        }
        if let Some(network) = asked.source.map(network).filter(|network| !self.networks.contains(network))
            && watch.has(Trait::Network)
        {
            news.push(format!("network {network}"));
        }
        if watch.has(Trait::Objects) && asked.granted {
            let unknown = asked.objects.iter().filter(|object| !self.objects.contains(object));
            news.extend(unknown.map(|object| format!("object {object}")));
        }
        let hour = hour(at);
        if watch.has(Trait::Hour) && self.hours & (1 << hour) == 0 {
            news.push(format!("{hour} o'clock UTC"));
        }
        news
    }

    /// Whether a request comes from another client: at least two of product, API version and network are new.
    pub(super) fn is_another_client(&self, asked: &Asked<'_>) -> bool {
        let client = product(asked.client);
        let news = [
            !self.clients.iter().any(|known| known == client),
            asked.version.is_some_and(|version| !self.versions.contains(&version.major())),
            asked.source.is_some_and(|source| !self.networks.contains(&network(source))),
        ];
        news.into_iter().filter(|is_new| *is_new).count() >= 2
    }

    pub(super) fn learn(&mut self, asked: &Asked<'_>, at: Timestamp) {
        let client = product(asked.client);
        if !self.clients.iter().any(|known| known == client) {
            push(&mut self.clients, client.to_owned(), CLIENTS);
        }
        if let Some(version) = asked.version.map(|version| version.major())
            && !self.versions.contains(&version)
        {
            push(&mut self.versions, version, VERSIONS);
        }
        if let Some(network) = asked.source.map(network)
            && !self.networks.contains(&network)
        {
            push(&mut self.networks, network, NETWORKS);
        }
        for object in asked.objects.iter().filter(|_| asked.granted) {
            if !self.objects.contains(object) {
                push(&mut self.objects, object.clone(), OBJECTS);
            }
        }
        self.hours |= 1 << hour(at);
    }
}

/// The product that a client names: what stands before the first `/`, without its version, so that an upgrade is none.
fn product(user_agent: Option<&str>) -> &str {
    let text = user_agent.unwrap_or_default();
    let product = text.split('/').next().unwrap_or_default().trim();
    let end = product.char_indices().nth(LONGEST).map_or(product.len(), |(at, _)| at);
    match product.get(..end) {
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
