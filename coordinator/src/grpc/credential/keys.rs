//! Public keys by which tokens are believed: a JSON Web Key Set, or PEM.

use std::{fmt, fs, path::Path};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use orkestra_runtime::{Error, ErrorKind, Result};
use rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject as _};

/// How many bytes of a file of keys are read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// How many keys there are at most.
const KEYS_MAX: usize = 64;
/// What stands before the bytes of a key in PEM: of Ed25519, and of P-256 with its point in full.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A public key.
pub(super) struct Key {
    /// What it is called, if it is.
    pub(super) id: Option<String>,
    /// The one algorithm that it is used with.
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// Reads the keys of a file. What is there for another algorithm is left out; a file in which
/// nothing can be used is refused.
pub(super) fn of(file: &Path) -> Result<Vec<Key>> {
    let failed = |error| {
        let message = format!("cannot read the keys of grpc.jwt.keys in {}", file.display());
        Error::new(ErrorKind::Io, message).because(error)
    };
    if fs::metadata(file).map_err(failed)?.len() > FILE_BYTES_MAX {
        let message = format!("{} is too large for a file of keys", file.display());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let text = fs::read_to_string(file).map_err(failed)?;
    let keys = if text.trim_start().starts_with('{') { of_set(&text) } else { of_pem(&text) };
    let keys = keys.map_err(|why| {
        let message = format!("cannot read the keys in {}: {why}", file.display());
        Error::new(ErrorKind::Invalid, message)
    })?;
    if keys.is_empty() || keys.len() > KEYS_MAX {
        let message = format!(
            "{} holds {} keys for EdDSA or ES256, and 1 to {KEYS_MAX} are needed: a JSON Web Key Set, \
             or public keys in PEM",
            file.display(),
            keys.len()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(keys)
}

fn of_set(text: &str) -> Result<Vec<Key>, String> {
    let set: JwkSet = serde_json::from_str(text).map_err(|error| error.to_string())?;
    set.keys.iter().filter_map(|jwk| of_jwk(jwk).transpose()).collect()
}

/// One key of a set; none if it is for something else.
fn of_jwk(jwk: &Jwk) -> Result<Option<Key>, String> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return Ok(None),
    };
    let is_for_this = jwk.common.key_algorithm.as_ref().is_none_or(|algorithm| *algorithm == named)
        && jwk.common.public_key_use.as_ref().is_none_or(|r#use| *r#use == PublicKeyUse::Signature);
    if !is_for_this {
        return Ok(None);
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
    Ok(Some(Key { id: jwk.common.key_id.clone(), algorithm, decoding: key }))
}

fn of_pem(text: &str) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for read in SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()) {
        let read = read.map_err(|error| error.to_string())?;
        let bytes = read.as_ref();
        let (algorithm, key) = if let Some(key) = bytes.strip_prefix(&ED25519) {
            (Algorithm::EdDSA, DecodingKey::from_ed_der(key))
        } else if let Some(key) = bytes.strip_prefix(&P256) {
            (Algorithm::ES256, DecodingKey::from_ec_der(key))
        } else {
            return Err("a key is neither Ed25519 nor P-256".to_owned());
        };
        keys.push(Key { id: None, algorithm, decoding: key });
    }
    Ok(keys)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
