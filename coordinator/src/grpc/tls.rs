//! Certificates: that of the door, and who may vouch for those that clients show.

use std::{path::Path, sync::Arc};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use super::settings::TlsFiles;

/// The one protocol that is spoken.
const PROTOCOL: &[u8] = b"h2";

/// Reads the files, and makes what does handshakes by them. Where clients may show certificates and
/// need not, whoever shows none must have a token.
pub(super) fn acceptor(files: &TlsFiles, are_tokens_believed: bool) -> Result<TlsAcceptor> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("the versions of TLS", error))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(file)? {
                roots.add(root).map_err(|error| unusable(&shown(file), error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier =
                if are_tokens_believed { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier.build().map_err(|error| unusable(&shown(file), error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unusable(&shown(&files.key), error))?;
    let mut config = builder
        .with_single_cert(certificates(&files.cert)?, key)
        .map_err(|error| unusable(&shown(&files.cert), error))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(&shown(file), error))?;
    if read.is_empty() {
        let message = format!("{} holds no certificate: it must be PEM", file.display());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(read)
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

fn unusable(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Invalid, format!("cannot use {what} for gRPC")).because(error)
}
