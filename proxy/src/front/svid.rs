//! Who certifies clients: by trust domain where those are configured, so that no authority can speak for another's.

use std::fmt;
use std::sync::Arc;

use forcefield_identity::PeerCertificate;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::tls::TlsError;

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

// === impl TrustDomains ===

impl TrustDomains {
    /// Verifies by these authorities, DER; `others` verifies certificates without a SPIFFE ID.
    pub(super) fn new(
        domains: &[(String, Vec<CertificateDer<'static>>)],
        others: Option<Arc<dyn ClientCertVerifier>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let read = |(domain, authorities): &(String, Vec<CertificateDer<'static>>)| {
            let read = |der: &CertificateDer<'static>| Authority::read(der, provider);
            let authorities: Option<Vec<_>> = authorities.iter().map(read).collect();
            Ok((domain.clone(), authorities.ok_or_else(|| TlsError::TrustDomain(domain.clone()))?))
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
    fn read(der: &CertificateDer<'static>, provider: &Arc<CryptoProvider>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let ends = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).ok()?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Some(Self { verifier: verifier.build().ok()?, ends })
    }
}
