//! The sections of `forcefield.yaml`, one function each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::telemetry::telemetry;
use crate::config::{
    Audit, Config, Destination, Issuer, IssuerKeys, KnownBy, Listen, NamedCertificate, Org, Signals, State,
    StateKeys, Timeouts, Tls, TlsListener, TrustSource, WhenFull,
};
use crate::problem::{Place, Report};
use crate::raw;
use crate::read::{At, Lasting, Name, OrgId, Placed, Required, Table};

/// Everything but the identities. `None` when something is missing, which is then reported.
pub(super) fn main(
    Placed { at, keys: raw }: Placed<raw::Main>,
    root: &Path,
    report: &mut Report<'_>,
) -> Option<Config> {
    let asks = asks_for_certificates(&raw);
    let listen = raw.listen.and_then(|raw| listen(raw, report));
    let certificates = certificates(raw.certificates.unwrap_or_default(), report);
    let state = raw.state.and_then(|raw| state(raw, report));
    let audit = raw.audit.and_then(audit);
    let orgs = orgs(raw.orgs, at, report);
    let destinations = table(raw.destinations, |_, raw| destination(raw, report));
    let issuers = table(raw.issuers, |name, raw| issuer(name, raw, report));
    let approvals = raw.approvals;
    let responders = super::responders::responders(
        raw.responders.unwrap_or_default(),
        (asks, approvals.clone().flatten()),
        report,
    );
    let vault = raw.vault.and_then(|raw| whole(raw.map(|raw| super::vault::vault(raw, report))));
    let timeouts = raw.timeouts.and_then(|raw| raw.map_or_else(|| Some(Timeouts::default()), timeouts));
    let telemetry = raw.telemetry.and_then(|raw| whole(raw.map(|raw| telemetry(raw, report))));
    let signals = super::signals::signals(raw.signals, Signals::default());
    Some(Config {
        root: root.to_owned(),
        listen: listen?,
        certificates: certificates?,
        vault: vault?,
        state: state?,
        audit: audit?,
        orgs: orgs?,
        destinations: destinations?,
        issuers: issuers?,
        responders: responders?,
        approvals: approvals?.map(|approvals| approvals.value).unwrap_or_default(),
        // Whoever gave the files has read the folder already.
        identities: raw.identities.map(|_folder| BTreeMap::new())?,
        timeouts: timeouts?,
        telemetry: telemetry?,
        signals: signals?,
    })
}

/// Whether `listen.control` asks for client certificates.
fn asks_for_certificates(raw: &raw::Main) -> bool {
    let control = raw.listen.as_ref().and_then(|listen| listen.control.as_ref()?.as_ref());
    let tls = control.and_then(|control| control.tls.as_ref());
    tls.is_some_and(|tls| {
        tls.client_ca.as_ref().is_none_or(Option::is_some)
            || tls.trust_domains.as_ref().is_none_or(|table| !table.0.is_empty())
    })
}

fn listen(raw: raw::Listen, report: &mut Report<'_>) -> Option<Listen> {
    let proxy = raw.proxy.and_then(tls_listener);
    let control = raw.control.map(|raw| raw.map(tls_listener));
    let metrics = raw.metrics.map(|raw| raw.map(|raw| raw.address));
    let connect = raw.connect.map(|raw| raw.map(|raw| raw.address));
    let proxy = proxy?;
    let control = whole(control?)?;
    let metrics = whole(metrics?)?;
    let connect = whole(connect?)?;
    let all = [
        Some(("proxy", proxy.1, proxy.0.address)),
        control.as_ref().map(|(listener, at)| ("control", *at, listener.address)),
        metrics.as_ref().map(|address| ("metrics", address.at, address.value)),
        connect.as_ref().map(|address| ("connect", address.at, address.value)),
    ];
    let mut seen: Vec<(&str, SocketAddr)> = Vec::new();
    for (name, at, address) in all.into_iter().flatten() {
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == address && address.port() != 0) {
            report.error(
                at,
                format!("`{address}` is the address of `listen.{other}` too"),
                "give each listener its own",
            );
        }
        seen.push((name, address));
    }
    Some(Listen {
        proxy: proxy.0,
        control: control.map(|(listener, _)| listener),
        metrics: metrics.map(|address| address.value),
        connect: connect.map(|address| address.value),
    })
}

fn tls_listener(raw: raw::TlsListener) -> Option<(TlsListener, Place)> {
    let (address, tls) = (raw.address?, raw.tls?);
    let (certificate, key) = (tls.certificate?.value, tls.key?.value);
    let client_ca = tls.client_ca?.map(|secret| secret.value);
    let trust_domains = tls.trust_domains?.0.into_iter();
    let trust_domains = trust_domains.map(|(domain, source)| (domain.value.0, source.value)).collect();
    let tls = Tls { certificate, key, client_ca, trust_domains };
    Some((TlsListener { address: address.value, tls }, address.at))
}

fn certificates(raw: Vec<raw::NamedCertificate>, report: &mut Report<'_>) -> Option<Vec<NamedCertificate>> {
    let mut seen: Vec<(String, usize)> = Vec::new();
    let mut certificate = |raw: raw::NamedCertificate| {
        let names = raw.names?.0;
        for name in &names {
            if let Some((_, line)) = seen.iter().find(|(known, _)| *known == name.value.0) {
                let message = format!("`{}` already has a certificate, in line {line}", name.value.0);
                report.error(name.at, message, "name it once");
            }
            seen.push((name.value.0.clone(), name.at.line));
        }
        let names = names.into_iter().map(|name| name.value.0).collect();
        Some(NamedCertificate { names, certificate: raw.certificate?.value, key: raw.key?.value })
    };
    raw.into_iter().map(&mut certificate).collect()
}

fn state(raw: Option<Placed<raw::State>>, report: &mut Report<'_>) -> Option<State> {
    let Some(Placed { at, keys: raw }) = raw else { return Some(State::Embedded(STATE.into())) };
    let (path, redis, password, ca) = (raw.path?, raw.redis?, raw.password?, raw.ca?);
    let (key, other_key) = (raw.key?, raw.other_key?);
    let of_redis = [("password", &password), ("ca", &ca), ("key", &key), ("other_key", &other_key)];
    for (key, of_redis) in of_redis {
        if let (None, Some(secret)) = (&redis, of_redis) {
            let message = format!("`{key}` belongs to `redis`, which is missing");
            report.error(secret.at, message, "write `redis` too, or remove it");
        }
    }
    if let (Some(url), Some(ca)) = (&redis, &ca)
        && !url.value.0.starts_with("rediss://")
    {
        report.error(ca.at, "`ca` is of no use without TLS", "write `rediss://`, or remove it");
    }
    if let (None, Some(other)) = (&key, &other_key) {
        report.error(other.at, "`other_key` only opens; nothing seals", "write `key` too");
    }
    if path.is_none() && redis.is_none() {
        report.error(at, "neither `path` nor `redis` is written", "write `path: state/`");
    }
    let path = path.map_or_else(|| STATE.into(), |path| path.value);
    let [password, ca, key, other_key] =
        [password, ca, key, other_key].map(|secret| secret.map(|secret| secret.value));
    let keys = key.map(|key| Box::new(StateKeys { key, other: other_key }));
    Some(match redis {
        None => State::Embedded(path),
        Some(url) => State::Redis { url: url.value.0, password, ca, keys, path },
    })
}

fn audit(raw: Option<raw::Audit>) -> Option<Audit> {
    let Some(raw) = raw else {
        let (key, signing_key) = (None, None);
        return Some(Audit { path: AUDIT.into(), key, signing_key, when_full: WhenFull::Block });
    };
    Some(Audit {
        path: raw.path?.map_or_else(|| AUDIT.into(), |path| path.value),
        key: raw.key?.map(|key| key.value),
        signing_key: raw.signing_key?.map(|key| key.value),
        when_full: raw.when_full?.map_or(WhenFull::Block, |when| when.value),
    })
}

fn orgs(
    raw: Option<Required<Table<Name, Placed<raw::Org>>>>,
    at: Place,
    report: &mut Report<'_>,
) -> Option<BTreeMap<String, Org>> {
    let raw = raw.map(|required| required.0);
    if raw.as_ref().is_some_and(|table| table.0.is_empty()) {
        report.error(
            at,
            "`orgs` has none",
            "write the orgs by a name of your choice: `production: { url: .., id: .., .. }`",
        );
    }
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    table(raw, |name, raw| {
        let org = org(name, raw.keys, report)?;
        if let Some(other) = ids.insert(org.id.clone(), org.name.clone()) {
            report.warning(
                raw.at,
                format!("`{}` and `{other}` are the same org", org.name),
                "name each org once",
            );
        }
        Some(org)
    })
}

fn org(name: &At<Name>, raw: raw::Org, report: &mut Report<'_>) -> Option<Org> {
    let name = name.value.0.clone();
    let place = raw.url;
    let id = raw.id.map(|id| org_id(id, report));
    let rest = (|| {
        let environment = raw.environment?.map_or_else(|| name.clone(), |environment| environment.value);
        Some((id?, environment, raw.api_versions?.value))
    })();
    let reach = match place? {
        raw::OrgPlace::Url(url) => {
            let (id, environment, api_versions) = rest?;
            let url = url.value;
            return Some(Org {
                name,
                url,
                id,
                environment,
                api_versions,
                ca: None,
                client_certificate: None,
                https_proxy: None,
                audience: None,
            });
        }
        raw::OrgPlace::Reach(reach) => reach,
    };
    let (certificate, key) = (reach.client_certificate?, reach.client_key?);
    if let (None, Some(key)) = (&certificate, &key) {
        report.error(key.at, "`client_key` has no `client_certificate`", "write both, or neither");
    }
    let client_certificate = certificate.map(|certificate| {
        let key = key.map_or_else(|| certificate.value.clone(), |key| key.value);
        (certificate.value, key)
    });
    let (id, environment, api_versions) = rest?;
    Some(Org {
        name,
        url: reach.url?.value,
        id,
        environment,
        api_versions,
        ca: reach.ca?.map(|ca| ca.value),
        client_certificate,
        https_proxy: reach.https_proxy?.map(|url| url.value.0),
        audience: reach.audience?.map(|url| url.value.0),
    })
}

fn org_id(id: At<OrgId>, report: &mut Report<'_>) -> String {
    if id.value.misspelt {
        let message = "the end of this id is not the checksum of its first 15 characters, which are used";
        report.warning(id.at, message, "compare it with Setup, Company Information");
    }
    id.value.text
}

fn destination(
    Placed { at, keys: raw }: Placed<raw::Destination>,
    report: &mut Report<'_>,
) -> Option<Destination> {
    let (networks, certificates) = (raw.networks?, raw.certificates?);
    if networks.is_empty() && certificates.is_empty() {
        report.error(at, "this destination is anywhere", "write `networks`, `certificates` or both");
    }
    Some(Destination {
        networks: networks.into_iter().map(|network| network.value).collect(),
        certificates: certificates.into_iter().map(|certificate| certificate.value).collect(),
    })
}

fn issuer(
    name: &At<Name>,
    Placed { at, keys: raw }: Placed<raw::Issuer>,
    report: &mut Report<'_>,
) -> Option<Issuer> {
    let (issuer, domain, audience) = (raw.issuer?, raw.trust_domain?, raw.audience);
    let (url, jwks, ca) = (raw.url?, raw.jwks?, raw.ca?);
    if let (None, Some(ca)) = (&url, &ca) {
        report.error(ca.at, "`ca` belongs to `url`, which is missing", "write `url` too, or remove it");
    }
    if let (Some(domain), Some(_), _) | (Some(domain), _, Some(_)) = (&domain, &url, &issuer) {
        let what = "`trust_domain` excludes `url` and `issuer`: a JWT-SVID needs no `iss` claim";
        report.error(domain.at, what, "write `jwks` with it, or remove it");
    }
    let domain = domain.map(|domain| domain.value.0);
    let (keys, fallback) = match (url, jwks) {
        (Some(url), None) => {
            let ca = ca.map(|ca| ca.value);
            (IssuerKeys::Discovery { url: url.value.0.clone(), ca }, url.value.0)
        }
        (None, Some(jwks)) => (told_keys(jwks, domain.as_ref(), report)?, name.value.0.clone()),
        (url, _) => {
            let what = if url.is_some() {
                "`url` and `jwks` exclude each other"
            } else {
                "neither `url` nor `jwks` is written"
            };
            report.error(at, what, "write one of them: where the issuer's keys come from");
            return None;
        }
    };
    let claim = issuer.map_or(fallback, |issuer| issuer.value);
    let known_by = domain.map_or(KnownBy::Claim(claim), KnownBy::TrustDomain);
    Some(Issuer { known_by, audience: audience?.value, keys })
}

/// Where the keys of an issuer are told, without discovery.
fn told_keys(jwks: At<TrustSource>, domain: Option<&String>, report: &mut Report<'_>) -> Option<IssuerKeys> {
    match (jwks.value, domain) {
        (TrustSource::Bundle(document), _) => Some(IssuerKeys::Jwks(document)),
        (TrustSource::WorkloadApi(socket), Some(domain)) => {
            Some(IssuerKeys::WorkloadApi { socket, trust_domain: domain.clone() })
        }
        (TrustSource::WorkloadApi(_), None) => {
            let help = "write whose too: `trust_domain: corp.example`";
            report.error(jwks.at, "a Workload API tells the keys of trust domains", help);
            None
        }
    }
}

fn timeouts(raw: raw::Timeouts) -> Option<Timeouts> {
    let usual = Timeouts::default();
    let or = |written: Option<At<Lasting>>, usual: Duration| written.map_or(usual, |written| written.value.0);
    Some(Timeouts {
        handshake: or(raw.handshake?, usual.handshake),
        head: or(raw.head?, usual.head),
        body: or(raw.body?, usual.body),
        connect: or(raw.connect?, usual.connect),
        answer: or(raw.answer?, usual.answer),
        idle: or(raw.idle?, usual.idle),
        longest: or(raw.longest?, usual.longest),
        connections: match raw.connections? {
            None => usual.connections,
            Some(written) => usize::try_from(written.value.get()).ok()?,
        },
    })
}

/// A table by name. `None` when one of its entries is, which is then reported; all of them are looked at.
fn table<R, S>(
    raw: Option<Table<Name, R>>,
    mut serve: impl FnMut(&At<Name>, R) -> Option<S>,
) -> Option<BTreeMap<String, S>> {
    let entries: Vec<_> =
        raw?.0.into_iter().map(|(name, raw)| Some((name.value.0.clone(), serve(&name, raw)?))).collect();
    entries.into_iter().collect()
}

/// What is optional, when it can be read where it is written.
fn whole<T>(written: Option<Option<T>>) -> Option<Option<T>> {
    match written {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

const STATE: &str = "state/";
/// The folder of the identities where the main file does not name one.
pub(super) const IDENTITIES: &str = "identities/";
const AUDIT: &str = "audit/";
