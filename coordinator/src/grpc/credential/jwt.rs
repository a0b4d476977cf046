//! Tokens: which are believed, and of whom they speak.
//!
//! A token counts if its algorithm is that of the key, and the key one of ours; nothing in it chooses
//! how it is checked. What it says of times is held against the clock of this process.

use std::time::Duration;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use orkestra_runtime::{Result, time::Wall};
use serde::Deserialize;
use tonic::Status;

use super::{
    Caller, caller,
    keys::{self, Key},
    unknown,
};
use crate::grpc::settings::JwtSettings;

/// How far the clocks of two machines may be apart.
const LEEWAY: Duration = Duration::from_mins(1);
/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Whoever believes tokens.
#[derive(Debug)]
pub(super) struct Believer {
    keys: Vec<Key>,
    issuer: String,
    audience: String,
}

/// What a token must say.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    sub: String,
    /// The namespace.
    ns: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(named) => named == wanted,
            Self::Many(named) => named.iter().any(|named| named == wanted),
        }
    }
}

impl Believer {
    /// Reads the keys.
    pub(super) fn of(settings: &JwtSettings) -> Result<Self> {
        let JwtSettings { keys, issuer, audience } = settings;
        let (issuer, audience) = (issuer.clone(), audience.clone());
        Ok(Self { keys: keys::of(keys)?, issuer, audience })
    }

    /// Of whom a token speaks, if it is believed. What is wrong with one that is not is told as far
    /// as it helps its owner.
    pub(super) fn believe(&self, token: &str, now: Wall) -> Result<Caller, Status> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(unknown("the token is longer than 8 KiB"));
        }
        let header = decode_header(token).map_err(|_| unknown("the token is no JWT"))?;
        if !matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256) {
            return Err(unknown("the token must be signed with EdDSA or ES256"));
        }
        if header.crit.is_some() {
            return Err(unknown("the token asks for an extension that nobody here knows"));
        }
        let key = self.key(header.kid.as_deref(), header.alg)?;
        let mut validation = Validation::new(key.algorithm);
        // All of this is checked below, by the clock that everything here goes by.
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) =
            (false, false, false);
        let claims = decode::<Claims>(token, &key.decoding, &validation);
        let claims = claims.map_err(|error| unread(&error))?.claims;
        self.check(&claims, now)?;
        caller(&claims.ns, &claims.sub)
    }

    /// The key that a token was signed with, by its name or, where there is only one, without.
    fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Key, Status> {
        let named = |key: &&Key| id.is_some() && key.id.as_deref() == id;
        let unnamed = |key: &&Key| key.id.is_none() || id.is_none();
        let key = if let Some(key) = self.keys.iter().find(named) {
            key
        } else {
            let mut all = self.keys.iter().filter(unnamed);
            let first = all.find(|key| key.algorithm == algorithm);
            match first {
                Some(key) if all.all(|other| other.algorithm != algorithm) => key,
                Some(_) => return Err(unknown("the token does not say which key (`kid`)")),
                None => return Err(unknown("the token was signed with a key not known here")),
            }
        };
        if key.algorithm != algorithm {
            return Err(unknown("the token names another algorithm than its key has"));
        }
        Ok(key)
    }

    fn check(&self, claims: &Claims, now: Wall) -> Result<(), Status> {
        let (now, leeway) = (seconds(now), LEEWAY.as_secs_f64());
        if claims.iss != self.issuer {
            return Err(unknown("the token was issued by somebody else"));
        }
        if !claims.aud.has(&self.audience) {
            return Err(unknown("the token is for somebody else (`aud`)"));
        }
        if !claims.exp.is_finite() || claims.exp + leeway <= now {
            return Err(unknown("the token has expired: get another one"));
        }
        if claims.nbf.is_some_and(|from| !from.is_finite() || from - leeway > now) {
            return Err(unknown("the token is not good yet (`nbf`): look at the clocks"));
        }
        Ok(())
    }
}

fn seconds(at: Wall) -> f64 {
    Duration::from_millis(at.as_ms()).as_secs_f64()
}

fn unread(error: &jsonwebtoken::errors::Error) -> Status {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::Json(_) => {
            unknown("the token lacks a claim: it needs iss, aud, exp, sub, and ns, the namespace")
        }
        ErrorKind::InvalidSignature => unknown("the signature of the token is wrong"),
        _ => unknown("the token cannot be read, or is not signed by a key known here"),
    }
}
