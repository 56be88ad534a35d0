//! Who certifies clients: by trust domain where those are configured, so that no authority can speak for another's.

use std::fmt;
use std::sync::Arc;

use forcefield_identity::PeerCertificate;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{KeyIdentifier, ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::tls::TlsError;

/// A trust domain, as whoever speaks for it tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomain {
    /// Its name.
    pub name: String,
    /// Its authorities.
    pub authorities: Vec<CertificateDer<'static>>,
    /// What authorities have revoked. A list holds for the one that signed it.
    pub revoked: Vec<CertificateRevocationListDer<'static>>,
}

/// Verifies an SVID by the authorities of its trust domain alone, and any other certificate by those of no domain.
pub(super) struct TrustDomains {
    domains: Vec<(String, Vec<Authority>)>,
    others: Option<Arc<dyn ClientCertVerifier>>,
    hints: Vec<DistinguishedName>,
    provider: Arc<CryptoProvider>,
}

/// One authority of a trust domain, and the last second of its validity: chains are not checked for that of their root.
struct Authority {
    verifier: Arc<dyn ClientCertVerifier>,
    ends: u64,
}

// === impl TrustDomain ===

impl TrustDomain {
    /// Whether all of it can be verified by.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        TrustDomains::new(std::slice::from_ref(self), None, &provider).is_ok()
    }
}

// === impl TrustDomains ===

impl TrustDomains {
    /// Verifies by these; `others` verifies certificates without a SPIFFE ID.
    pub(super) fn new(
        domains: &[TrustDomain],
        others: Option<Arc<dyn ClientCertVerifier>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let read = |TrustDomain { name, authorities, revoked }: &TrustDomain| {
            let read = |der: &CertificateDer<'static>| Authority::read(der, revoked, provider);
            let authorities: Option<Vec<_>> = authorities.iter().map(read).collect();
            Ok((name.clone(), authorities.ok_or_else(|| TlsError::TrustDomain(name.clone()))?))
        };
        let domains: Vec<(String, Vec<Authority>)> =
            domains.iter().map(read).collect::<Result<_, TlsError>>()?;
        let mut hints: Vec<DistinguishedName> =
            others.iter().flat_map(|others| others.root_hint_subjects().to_vec()).collect();
        for authority in domains.iter().flat_map(|(_, authorities)| authorities) {
            hints.extend_from_slice(authority.verifier.root_hint_subjects());
        }
        Ok(Self { domains, others, hints, provider: Arc::clone(provider) })
    }

    /// How many authorities of each domain have not ended at a time, in seconds since 1970.
    pub(super) fn authorities(&self, now: u64) -> impl Iterator<Item = (&str, usize)> {
        let valid = move |all: &[Authority]| all.iter().filter(|authority| now <= authority.ends).count();
        self.domains.iter().map(move |(domain, authorities)| (&**domain, valid(authorities)))
    }

    fn of(&self, domain: &str) -> &[Authority] {
        let known = self.domains.iter().find(|(known, _)| known == domain);
        known.map_or(&[], |(_, authorities)| authorities)
    }
}

impl ClientCertVerifier for TrustDomains {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut refusal = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let read = PeerCertificate::from_der(leaf)
            .map_err(|_| Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
        let Some(domain) = read.trust_domain() else {
            return self.others.as_ref().ok_or(refusal)?.verify_client_cert(leaf, rest, now);
        };
        for authority in self.of(domain).iter().filter(|authority| now.as_secs() <= authority.ends) {
            match authority.verifier.verify_client_cert(leaf, rest, now) {
                Ok(verified) => return Ok(verified),
                Err(Error::InvalidCertificate(CertificateError::Revoked)) => {
                    return Err(Error::InvalidCertificate(CertificateError::Revoked));
                }
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for TrustDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |(domain, authorities): &(String, Vec<Authority>)| (domain.clone(), authorities.len());
        f.debug_map().entries(self.domains.iter().map(count)).finish()
    }
}

// === impl Authority ===

impl Authority {
    /// What no list says anything about is not revoked: the Workload API may send none. One that is out of date, or not
    /// signed as it should be, refuses all that it is about.
    fn read(
        der: &CertificateDer<'static>,
        revoked: &[CertificateRevocationListDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let ends = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).ok()?;
        let lists = revoked.iter().filter(|list| !is_of_namesake(list, &certificate)).cloned();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .with_crls(lists)
            .allow_unknown_revocation_status()
            .enforce_revocation_expiration();
        Some(Self { verifier: verifier.build().ok()?, ends })
    }
}

/// Whether a list is by another authority of the same name: while one takes over from another, there are two of them.
fn is_of_namesake(list: &CertificateRevocationListDer<'_>, authority: &X509Certificate<'_>) -> bool {
    let Ok((_, list)) = CertificateRevocationList::from_der(list) else { return false };
    let by = key_id(list.extensions(), |extension| match extension {
        ParsedExtension::AuthorityKeyIdentifier(by) => by.key_identifier.as_ref(),
        _ => None,
    });
    let own = key_id(authority.extensions(), |extension| match extension {
        ParsedExtension::SubjectKeyIdentifier(own) => Some(own),
        _ => None,
    });
    list.issuer().as_raw() == authority.subject().as_raw() && by.is_some() && own.is_some() && by != own
}

fn key_id<'e>(
    extensions: &'e [X509Extension<'e>],
    found: impl Fn(&'e ParsedExtension<'e>) -> Option<&'e KeyIdentifier<'e>>,
) -> Option<&'e [u8]> {
    extensions.iter().find_map(|extension| found(extension.parsed_extension())).map(|id| id.0)
}
