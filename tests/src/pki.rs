//! A certificate authority that lives as long as a test.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RevokedCertParams,
    RsaKeySize, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

/// A throw-away CA.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    issued: AtomicU64,
}

/// A certificate and its key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
    /// The certificate's serial number.
    pub serial: u64,
}

impl Authority {
    /// A new CA of this name.
    ///
    /// # Errors
    /// None in practice.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer, issued: AtomicU64::new(1) })
    }

    /// The CA's certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The CA's certificate, DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// A server certificate for host names or addresses.
    ///
    /// # Errors
    /// When a name is not a DNS name or an address.
    pub fn server(&self, names: &[&str]) -> Result<Pem> {
        self.server_until(names, 4096)
    }

    /// The same until the beginning of a year.
    ///
    /// # Errors
    /// When a name is not a DNS name or an address.
    pub fn server_until(&self, names: &[&str], year: i32) -> Result<Pem> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// An X.509-SVID: one URI SAN, no CA, for digital signatures.
    ///
    /// # Errors
    /// When the id is not ASCII.
    pub fn svid(&self, spiffe_id: &str) -> Result<Pem> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(spiffe_id.try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A list of revoked certificates, PEM and DER, that is good until the beginning of a year.
    ///
    /// # Errors
    /// None in practice.
    pub fn revoke(&self, revoked: &[&Pem], year: i32) -> Result<(String, Vec<u8>)> {
        let revoked = revoked.iter().map(|pem| RevokedCertParams {
            serial_number: SerialNumber::from(pem.serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer)?;
        Ok((list.pem()?, list.der().to_vec()))
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Pem> {
        let serial = self.issued.fetch_add(1, Ordering::Relaxed);
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem(), serial })
    }
}

/// An RSA key for JWT bearer logins: the private key and the public key, PEM.
///
/// # Errors
/// None in practice.
pub fn rsa() -> Result<(String, String)> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

/// The JWKS of an RSA key of 2048 bits, whose public half is given in PEM.
///
/// # Errors
/// When it is none.
pub fn jwks(public_pem: &str) -> Result<String> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(public_pem.as_bytes())?;
    // The key ends with the modulus and, in five bytes, the exponent 65537.
    let end = der.len().checked_sub(5).context("not a key")?;
    let modulus = der.get(end - 256..end).context("not a key of 2048 bits")?;
    let modulus = URL_SAFE_NO_PAD.encode(modulus);
    Ok(json!({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "n": modulus, "e": "AQAB"}]}).to_string())
}
