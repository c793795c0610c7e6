//! HTTPS, by rustls.

use crate::config::Tls;
use std::io::{Error, Result};
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use tokio_rustls::TlsAcceptor;

/// What shakes hands with this certificate and key.
///
/// # Errors
/// If a file cannot be read, holds nothing of its kind, or the two do not belong together.
pub fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let told = |what: &str, path: &std::path::Path, error: String| {
        Error::other(format!("cannot take {what} from {}: {error}: give a PEM file", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|e| told("a certificate", &tls.certificate, e.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|e| told("a private key", &tls.key, e.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| told("a certificate", &tls.certificate, e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
