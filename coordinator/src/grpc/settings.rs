//! How the door is made: where it listens, whom it lets in, and how much it takes.

use std::{net::SocketAddr, path::PathBuf};

use orkestra_runtime::{Error, ErrorKind, Result};

use crate::config::Config;

/// The port of a door for which none is named.
pub const PORT: u16 = 50_055;
/// The largest message that may be allowed, in bytes: what a submission of ten thousand tasks needs.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;

/// How the door is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// With which certificate it shows itself, if it does.
    pub tls: Option<TlsFiles>,
    /// Whose tokens it believes, if any.
    pub jwt: Option<JwtSettings>,
    /// Whether it may be reached from other machines by anybody.
    pub insecure: bool,
    /// How much it takes.
    pub limits: Limits,
    /// Whether councils answer as if nobody had ever built them, as long as there is none.
    pub unimplemented_without_council: bool,
}

/// The files of a certificate, all PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who may vouch for clients, if they are to show certificates.
    pub client_ca: Option<PathBuf>,
}

/// Which tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// The public keys: a JSON Web Key Set, or PEM.
    pub keys: PathBuf,
    /// Who must have issued them.
    pub issuer: String,
    /// For whom they must be.
    pub audience: String,
}

/// How much the door takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes.
    pub message_max: usize,
    /// How many streams of answers go on at once, and how many calls on one connection.
    pub streams_max: u32,
    /// How many connections there are at once.
    pub connections_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_max: 4 * 1024 * 1024, streams_max: 2_048, connections_max: 1_024 }
    }
}

impl Settings {
    /// A door without credentials: only this machine may reach it.
    pub fn bare(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            jwt: None,
            insecure: false,
            limits: Limits::default(),
            unimplemented_without_council: false,
        }
    }

    /// As it is configured; `typed` is the address that somebody typed, which counts more. None if
    /// there is to be no door.
    pub fn of(config: &Config, typed: Option<SocketAddr>) -> Result<Option<Self>> {
        let Some(listen) = typed.or(config.grpc_listen.0) else { return Ok(None) };
        let limits = Limits {
            message_max: message_max(config.grpc_message_max.0)?,
            streams_max: config.grpc_streams_max.get(),
            connections_max: config.grpc_connections_max.get(),
        };
        Ok(Some(Self {
            listen,
            tls: tls_of(config)?,
            jwt: jwt_of(config)?,
            insecure: config.grpc_insecure,
            limits,
            unimplemented_without_council: config.grpc_unimplemented_without_council,
        }))
    }

    /// Whether nobody beyond this machine comes in but who says who he is, and is believed.
    pub(super) fn check(&self) -> Result<()> {
        let has_mutual = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let has_tokens = self.tls.is_some() && self.jwt.is_some();
        if self.listen.ip().is_loopback() || has_mutual || has_tokens || self.insecure {
            return Ok(());
        }
        let lacks = match (&self.tls, &self.jwt) {
            (None, _) => "it has no certificate",
            (Some(_), _) => "nothing says who comes in",
        };
        let message = format!(
            "gRPC does not listen at {} for other machines, because {lacks}: set grpc.tls.cert and \
             grpc.tls.key, and either grpc.tls.client_ca or grpc.jwt.keys with grpc.jwt.issuer and \
             grpc.jwt.audience; or listen at 127.0.0.1, or say grpc.insecure = true where only \
             friends can come",
            self.listen
        );
        Err(Error::new(ErrorKind::Invalid, message))
    }
}

fn message_max(asked: u64) -> Result<usize> {
    let bytes = usize::try_from(asked).ok().filter(|bytes| (1_024..=MESSAGE_MAX).contains(bytes));
    bytes.ok_or_else(|| invalid("grpc.message_max is from 1KiB to 64MiB"))
}

fn tls_of(config: &Config) -> Result<Option<TlsFiles>> {
    let client_ca = config.grpc_tls_client_ca.0.clone();
    match (config.grpc_tls_cert.0.clone(), config.grpc_tls_key.0.clone()) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key, client_ca })),
        (None, None) if client_ca.is_none() => Ok(None),
        _ => Err(invalid(
            "a certificate and its key belong together: set both grpc.tls.cert and grpc.tls.key, \
             with grpc.tls.client_ca or without",
        )),
    }
}

fn jwt_of(config: &Config) -> Result<Option<JwtSettings>> {
    let (issuer, audience) = (&config.grpc_jwt_issuer, &config.grpc_jwt_audience);
    match &config.grpc_jwt_keys.0 {
        Some(keys) if !issuer.is_empty() && !audience.is_empty() => Ok(Some(JwtSettings {
            keys: keys.clone(),
            issuer: issuer.clone(),
            audience: audience.clone(),
        })),
        None if issuer.is_empty() && audience.is_empty() => Ok(None),
        _ => Err(invalid(
            "tokens are believed by their keys, who issued them, and for whom they are: set all of \
             grpc.jwt.keys, grpc.jwt.issuer and grpc.jwt.audience, or none",
        )),
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
