//! The server's certificate and its TLS handshakes.
//!
//! Flow: certificate and key that are set, or else, beyond loopback, a
//! self-signed pair that is made once and kept in the data folder.
//!
//! Invariant: where TLS was asked for and cannot be had, the start stops.
//!
//! Source: PostgreSQL 18 manual, section 54.2.11 (direct TLS needs ALPN).

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use gotgan_config::Config;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_certificate::X509Certificate;

use crate::StartError;
use crate::auth::password::write_secret;

const ALPN: &[u8] = b"postgresql";
const CERTIFICATE_FILE: &str = "server.crt";
const KEY_FILE: &str = "server.key";

/// What a TLS handshake needs.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    /// The certificate chain, which channel binding hashes.
    pub(crate) certificate_pem: Vec<u8>,
}

impl Tls {
    /// Loads or makes the certificate; `None` if this server needs none.
    pub(crate) fn load(config: &Config) -> Result<Option<Self>, StartError> {
        let server = &config.server;
        let clients = server.tls_client_ca.as_deref();
        if let (Some(certificate), Some(key)) = (&server.tls_certificate, &server.tls_key) {
            return Self::read(certificate, key, clients).map(Some);
        }
        if server.listen.ip().to_canonical().is_loopback() {
            return Ok(None);
        }
        let certificate = config.storage.data_dir.join(CERTIFICATE_FILE);
        let key = config.storage.data_dir.join(KEY_FILE);
        if !certificate.exists() || !key.exists() {
            make_self_signed(&certificate, &key)?;
            tracing::info!(path = %certificate.display(), "made a self-signed certificate");
        }
        Self::read(&certificate, &key, clients).map(Some)
    }

    /// `clients`: the authorities that sign certificates of clients.
    fn read(certificate: &Path, key: &Path, clients: Option<&Path>) -> Result<Self, StartError> {
        let certificate_pem =
            fs::read(certificate).map_err(|error| StartError::new(named(certificate), error))?;
        let chain = CertificateDer::pem_slice_iter(&certificate_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StartError::new(named(certificate), error))?;
        let key_der = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| StartError::new(named(key), error))?;
        let provider = Arc::new(ring::default_provider());
        let verifier = client_verifier(clients, &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_client_cert_verifier(verifier)
                    .with_single_cert(chain, key_der)
            })
            .map_err(|error| StartError::new(named(certificate), error))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate_pem,
        })
    }

    /// Shakes hands after an SSLRequest.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Shakes hands with a client that began with TLS at once.
    ///
    /// Errors: also if the client did not say that it speaks PostgreSQL's
    /// protocol, so that no other protocol's bytes are taken for it.
    pub(crate) async fn accept_direct(
        &self,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.acceptor.accept(stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(ALPN) {
            return Ok(stream);
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "direct TLS without ALPN \"postgresql\"",
        ))
    }
}

fn named(path: &Path) -> String {
    format!("cannot use the TLS file {}", path.display())
}

/// Takes certificates that these authorities signed, and clients without one: what is
/// asked of whom is a matter of the rules.
fn client_verifier(
    authorities: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, StartError> {
    let Some(path) = authorities else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    let pem = fs::read(path).map_err(|error| StartError::new(named(path), error))?;
    for authority in CertificateDer::pem_slice_iter(&pem) {
        authority
            .map_err(|error| StartError::new(named(path), error))
            .and_then(|authority| {
                let added = roots.add(authority);
                added.map_err(|error| StartError::new(named(path), error))
            })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| StartError::new(named(path), error))
}

/// The common name of a certificate's subject.
pub(crate) fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    X509Certificate::from_der(certificate)
        .ok()?
        .subject_common_name()
}

fn make_self_signed(certificate: &Path, key: &Path) -> Result<(), StartError> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .map_err(|error| StartError::new("cannot make a certificate", error))?;
    write_secret(key, &made.signing_key.serialize_pem())
        .and_then(|()| write_secret(certificate, &made.cert.pem()))
        .map_err(|error| StartError::new("cannot write the certificate", error))
}
