//! Who voted: Ed25519 signatures by the keys that the electorate names.
//!
//! A key is an `nkeys` user key: its public half stands in the electorate, its seed is the voter's own.
//! Checking a signature costs some fifty microseconds. Whoever stands before the sequencer checks it
//! on a thread of its own and leaves a mark of that, which names the key and the bytes and does not
//! leave the process; where the mark is missing or is another, the machine checks by itself. So who
//! forges comes through on no way, and the sequencer is not slowed where a service stands before it.

use std::{fmt, str::FromStr};

use nkeys::{KeyPair, KeyPairType};
use orkestra_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::digest::{Canon, Digest, Signature};

/// What the mark of a checked signature begins with.
const CHECKED: &str = "orkestra-checked-v1";

const NO_KEY: &str =
    "this is no public key of a voter: it is an nkeys user key, which begins with U";

/// The public key of a voter: `U` and 55 letters and digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoterKey(Box<str>);

impl VoterKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VoterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VoterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VoterKey({})", self.0)
    }
}

impl FromStr for VoterKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = KeyPair::from_public_key(text).ok();
        match found.map(|pair| pair.key_pair_type()) {
            Some(KeyPairType::User) => Ok(Self(text.into())),
            Some(_) | None => Err(Error::new(ErrorKind::Invalid, NO_KEY)),
        }
    }
}

impl Serialize for VoterKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for VoterKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        // Whether it is a point of the curve is looked at when a vote is opened, not whenever many
        // voters are read.
        if nkeys::from_public_key(&text).is_ok() && text.starts_with('U') {
            Ok(Self(text.as_ref().into()))
        } else {
            Err(de::Error::custom(NO_KEY))
        }
    }
}

/// A signature, and perhaps the mark that it was checked in this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The signature.
    pub signature: Signature,
    #[serde(skip)]
    checked: Option<Digest>,
}

impl Signed {
    /// A signature that nobody has checked.
    pub const fn unchecked(signature: Signature) -> Self {
        Self { signature, checked: None }
    }

    /// The same with the mark that it is right, if it is: for whoever stands before the sequencer.
    #[must_use]
    pub fn checked(self, key: &VoterKey, bytes: &[u8]) -> Option<Self> {
        let checked = verify(key, bytes, &self.signature).then(|| mark(key, bytes))?;
        Some(Self { checked: Some(checked), ..self })
    }

    /// Whether the signature is right.
    pub(super) fn is_by(&self, key: &VoterKey, bytes: &[u8]) -> bool {
        self.checked.is_some_and(|checked| checked == mark(key, bytes))
            || verify(key, bytes, &self.signature)
    }
}

fn mark(key: &VoterKey, bytes: &[u8]) -> Digest {
    Canon::of(CHECKED).text(key.as_str()).bytes(bytes).digest()
}

/// Whether a signature of these bytes is by this key.
pub fn verify(key: &VoterKey, bytes: &[u8], signature: &Signature) -> bool {
    let pair = KeyPair::from_public_key(key.as_str());
    pair.is_ok_and(|pair| pair.verify(bytes, &signature.0).is_ok())
}

/// Signs bytes with the seed of a user key.
pub fn sign(seed: &str, bytes: &[u8]) -> Result<Signature> {
    let wrong = |error| {
        let what =
            "this is no seed of a voter's key: it is that of an nkeys user key, and begins with SU";
        Error::new(ErrorKind::Invalid, what).because(error)
    };
    let pair = KeyPair::from_seed(seed).map_err(wrong)?;
    let signed = pair.sign(bytes).map_err(wrong)?;
    let signature: [u8; 64] = signed[..].try_into().map_err(|_| {
        Error::new(ErrorKind::Fault, format!("a signature has {} bytes, not 64", signed.len()))
    })?;
    Ok(Signature(signature))
}
