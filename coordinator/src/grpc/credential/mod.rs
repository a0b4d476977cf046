//! Who comes in, and whose things he sees.
//!
//! Promises: where credentials are asked for, a call without one that is believed is refused before
//! anything of it is read; the namespace is that of the credential, and nothing in a call changes it.
//! Health is told to anybody: it says no more than whether the door is open.

mod cert;
mod jwt;
mod keys;

use std::{fmt, sync::Arc};

use orkestra_runtime::{Result, time::Clock};
use tonic::{Status, codegen::http::HeaderMap};

pub(super) use cert::Shown;
use jwt::Believer;

use super::{
    listen::Peer,
    settings::Settings,
    status::{Reason, refused},
};
use crate::public::kept_namespace;

/// The longest name of a namespace, or of whoever calls, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The metadata in which a token comes.
const AUTHORIZATION: &str = "authorization";

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Whose things he sees, as it is kept: the default namespace has an empty name.
    pub(super) namespace: Arc<str>,
    /// Who he is, for the record.
    pub(super) by: Arc<str>,
}

/// Whoever looks at credentials.
pub(super) struct Porter {
    tokens: Tokens,
    /// Whether a certificate says who comes in.
    are_certificates_believed: bool,
    clock: Arc<dyn Clock>,
}

/// Whose tokens are believed, if any.
#[derive(Clone, Debug)]
pub(super) struct Tokens(Option<Arc<Believer>>);

impl Tokens {
    /// As the door is configured; reads its keys.
    pub(super) fn of(settings: &Settings) -> Result<Self> {
        Ok(Self(settings.jwt.as_ref().map(Believer::of).transpose()?.map(Arc::new)))
    }
}

impl Porter {
    /// As the door is configured.
    pub(super) fn new(tokens: Tokens, settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        let certificates = settings.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        Self { tokens, are_certificates_believed: certificates, clock }
    }

    /// Who makes this call.
    pub(super) fn admit(&self, headers: &HeaderMap, peer: &Peer) -> Result<Caller, Status> {
        let shown = peer.shown.as_deref().filter(|_| self.are_certificates_believed);
        match (&self.tokens.0, token(headers)?, shown) {
            (Some(tokens), Some(token), _) => tokens.believe(token, self.clock.now().wall),
            (_, _, Some(shown)) => caller_of(shown),
            (Some(_), None, None) => Err(unknown(
                "this door asks for a token: send the metadata `authorization: Bearer TOKEN`",
            )),
            (None, _, None) if self.are_certificates_believed => {
                Err(unknown("this door asks for a certificate, and none was shown"))
            }
            (None, _, None) => Ok(Caller {
                namespace: "".into(),
                by: format!("somebody over gRPC from {}", peer.address.ip()).into(),
            }),
        }
    }
}

/// The token of a call.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Status> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(unknown("`authorization` was sent twice"));
    }
    let text = value.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(unknown("`authorization` is no bearer token: send `Bearer TOKEN`")),
    }
}

fn caller_of(shown: &Shown) -> Result<Caller, Status> {
    let Some(namespace) = shown.namespace.as_deref() else {
        return Err(unknown(
            "the certificate names no namespace: give it the URI orkestra://namespace/NAME, or NAME \
             as its common name",
        ));
    };
    let by = shown.subject.as_deref().unwrap_or(namespace);
    caller(namespace, by)
}

/// Whoever a credential tells of, if what it says can be a name.
fn caller(namespace: &str, by: &str) -> Result<Caller, Status> {
    let fits = |text: &str| {
        (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
    };
    if !fits(namespace) || !fits(by) {
        return Err(unknown("the credential names nobody, or a name longer than 128 bytes"));
    }
    Ok(Caller {
        namespace: kept_namespace(Some(namespace)).into(),
        by: format!("{by}, over gRPC").into(),
    })
}

fn unknown(why: &str) -> Status {
    refused(Reason::Unauthenticated, why)
}

impl fmt::Debug for Porter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Porter").field("tokens", &self.tokens.0.is_some()).finish_non_exhaustive()
    }
}
