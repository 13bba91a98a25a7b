//! Whom a client trusts, and who it says it is.

use crate::ObjectsError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, version};
use rustls_platform_verifier::Verifier;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tempo's `tls_*` keys of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `tls_cert_path`: our certificate, in PEM; empty for none.
    pub cert_path: PathBuf,
    /// `tls_key_path`: its key.
    pub key_path: PathBuf,
    /// `tls_ca_path`: who is trusted, instead of whom the system trusts.
    pub ca_path: PathBuf,
    /// `tls_server_name`: what the server's certificate must say, instead of the name in the address.
    pub server_name: String,
    /// `tls_insecure_skip_verify`: trust whoever answers.
    pub skip_verify: bool,
    /// `tls_cipher_suites`, by their standard names; empty for all that are safe.
    pub cipher_suites: Vec<String>,
    /// `tls_min_version` is `VersionTLS13`: 1.2 is refused. Older versions are never spoken.
    pub only_tls13: bool,
}

/// Makes ring the process's provider of cryptography, for clients that are made without settings of their own.
/// Doing it again is harmless.
pub fn install_provider() {
    // An error says that there is one already.
    let _ = ring::default_provider().install_default();
}

/// The settings as rustls has them.
pub(super) fn client(config: &Config) -> Result<ClientConfig, ObjectsError> {
    let provider = Arc::new(provider(&config.cipher_suites)?);
    let versions: &[_] =
        if config.only_tls13 { &[&version::TLS13] } else { &[&version::TLS12, &version::TLS13] };
    let bad = |what: &str| {
        let what = what.to_owned();
        move |error: rustls::Error| ObjectsError::setting(what, error.to_string())
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(bad("tls_cipher_suites"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(config, provider)?);
    match (config.cert_path.as_os_str().is_empty(), config.key_path.as_os_str().is_empty()) {
        (true, true) => Ok(builder.with_no_client_auth()),
        (false, false) => {
            let path = &config.key_path;
            let key = PrivateKeyDer::from_pem_file(path).map_err(|error| ObjectsError::file(path, error))?;
            builder
                .with_client_auth_cert(certificates(&config.cert_path)?, key)
                .map_err(|error| ObjectsError::file(&config.cert_path, error))
        }
        _ => Err(ObjectsError::setting("tls_cert_path", "needs tls_key_path, and the other way round")),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ObjectsError> {
    let parsed = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let parsed = parsed.map_err(|error| ObjectsError::file(path, error))?;
    if parsed.is_empty() {
        return Err(ObjectsError::file(path, "holds no certificate"));
    }
    Ok(parsed)
}

fn provider(names: &[String]) -> Result<CryptoProvider, ObjectsError> {
    let mut provider = ring::default_provider();
    if names.is_empty() {
        return Ok(provider);
    }
    let suite_name = |suite: &rustls::SupportedCipherSuite| {
        // The standard names of 1.3 have no version in them.
        format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
    };
    let all = std::mem::take(&mut provider.cipher_suites);
    for name in names {
        match all.iter().find(|suite| suite_name(suite) == *name) {
            Some(suite) => provider.cipher_suites.push(*suite),
            None => {
                let known: Vec<_> = all.iter().map(suite_name).collect();
                let reason = format!("{name} is not offered (known: {})", known.join(", "));
                return Err(ObjectsError::setting("tls_cipher_suites", reason));
            }
        }
    }
    Ok(provider)
}

fn verifier(
    config: &Config,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ObjectsError> {
    if config.skip_verify {
        return Ok(Arc::new(Anybody { provider }));
    }
    let inner: Arc<dyn ServerCertVerifier> = if config.ca_path.as_os_str().is_empty() {
        let verifier = Verifier::new(provider);
        Arc::new(verifier.map_err(|error| ObjectsError::setting("tls_ca_path", error.to_string()))?)
    } else {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&config.ca_path)? {
            roots.add(certificate).map_err(|error| ObjectsError::file(&config.ca_path, error))?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| ObjectsError::file(&config.ca_path, error))?
    };
    if config.server_name.is_empty() {
        return Ok(inner);
    }
    let name = ServerName::try_from(config.server_name.clone())
        .map_err(|error| ObjectsError::setting("tls_server_name", error.to_string()))?;
    Ok(Arc::new(Named { inner, name }))
}

/// Expects a name of its own in the certificate.
#[derive(Debug)]
struct Named {
    inner: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Accepts every certificate, as `tls_insecure_skip_verify` asks for.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
