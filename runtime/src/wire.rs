//! Frames between running nodes: what is said, with its name and its version before it.
//!
//! Promises: a frame that is read is one that this program could have written, to the last byte;
//! whatever else comes (junk, a frame cut short, one too long, an unknown name or version) is an
//! error that says which. A length that a peer claims is never believed.
//!
//! The body is bincode, which spells fields and variants by position: so frames are for running
//! nodes only and never stored, a change of what is said raises its version, and a test holds the
//! bytes of every variant. This is the only file that knows bincode.

use std::fmt;

use bincode::{
    config::{Configuration, Fixint, Limit, LittleEndian, Varint},
    enc::write::Writer,
    error::EncodeError,
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind},
    limits::FRAME_BYTES_MAX,
    protocol::{
        agent::{FromAgent, ToAgent},
        desk::{FromDesk, ToDesk},
        node::NodeBeat,
    },
};

/// The name and the version of what a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Which protocol, and which half of it.
    pub name: &'static str,
    /// Raised whenever the spelling changes.
    pub version: u16,
}

impl Kind {
    /// A kind.
    pub const fn new(name: &'static str, version: u16) -> Self {
        Self { name, version }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

/// Plain data that may be sent to another node.
pub trait Wire: Serialize + DeserializeOwned + Send + 'static {
    /// What it is called, and in which version.
    const KIND: Kind;
}

impl Wire for ToAgent {
    const KIND: Kind = Kind::new("agent.to", 3);
}

/// Nothing: what a protocol answers that is only ever told.
impl Wire for () {
    const KIND: Kind = Kind::new("nothing", 1);
}

impl Wire for FromAgent {
    const KIND: Kind = Kind::new("agent.from", 3);
}

impl Wire for ToDesk {
    const KIND: Kind = Kind::new("desk.to", 1);
}

impl Wire for FromDesk {
    const KIND: Kind = Kind::new("desk.from", 1);
}

impl Wire for NodeBeat {
    const KIND: Kind = Kind::new("node.beat", 1);
}

/// Why a frame was not written or not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// It has more than [`FRAME_BYTES_MAX`] bytes.
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// It says something else than what was expected.
    UnknownKind {
        /// Its name, cut at 64 characters.
        name: String,
        /// The name that was expected.
        expected: &'static str,
    },
    /// It is of a version that this program does not read.
    UnknownVersion {
        /// What it says.
        kind: &'static str,
        /// In which version.
        version: u16,
        /// The only version that this program reads.
        expected: u16,
    },
    /// Something stands after its end.
    Trailing {
        /// How many bytes.
        bytes: usize,
    },
    /// It is not a frame, or was cut short.
    Junk(String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "a frame of {bytes} bytes is too long: at most {FRAME_BYTES_MAX} may be")
            }
            Self::UnknownKind { name, expected } => {
                write!(f, "a frame says {name:?} where {expected:?} was expected")
            }
            Self::UnknownVersion { kind, version, expected } => {
                let (age, which) = if version < expected {
                    ("older", "its sender")
                } else {
                    ("newer", "this node")
                };
                write!(
                    f,
                    "a frame says {kind} in version {version}, which is {age} than version \
                     {expected} that this program reads: frames are not translated between \
                     versions, so upgrade {which}"
                )
            }
            Self::Trailing { bytes } => write!(f, "{bytes} bytes stand after the end of a frame"),
            Self::Junk(why) => write!(f, "this is not a frame: {why}"),
        }
    }
}

impl std::error::Error for WireError {}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        let kind = match error {
            WireError::TooLong { .. } => ErrorKind::Invalid,
            WireError::UnknownKind { .. }
            | WireError::UnknownVersion { .. }
            | WireError::Trailing { .. }
            | WireError::Junk(_) => ErrorKind::Corrupt,
        };
        Self::new(kind, error.to_string())
    }
}

type Config = Configuration<LittleEndian, Varint, Limit<FRAME_BYTES_MAX>>;
type Head = Configuration<LittleEndian, Fixint, Limit<HEAD_BYTES_MAX>>;

/// No name is longer than this, and so no head.
const HEAD_BYTES_MAX: usize = 128;

const CONFIG: Config = bincode::config::standard().with_limit::<FRAME_BYTES_MAX>();
/// The head keeps its spelling whatever becomes of the bodies.
const HEAD: Head =
    bincode::config::standard().with_fixed_int_encoding().with_limit::<HEAD_BYTES_MAX>();

/// What most frames find room in: one that is begun with nothing is moved with each doubling.
const FRAME_BYTES_FIRST: usize = 512;

/// Writes a frame.
pub fn encode<W: Wire>(what: &W) -> Result<Bytes, WireError> {
    let junk = |error: EncodeError| WireError::Junk(error.to_string());
    let head = (W::KIND.name, W::KIND.version);
    let mut frame = Vec::with_capacity(FRAME_BYTES_FIRST);
    bincode::serde::encode_into_writer(head, Behind(&mut frame), HEAD).map_err(junk)?;
    bincode::serde::encode_into_writer(what, Behind(&mut frame), CONFIG).map_err(junk)?;
    check_length(frame.len())?;
    Ok(frame.into())
}

/// Reads a frame: all of it, and only what was expected.
pub fn decode<W: Wire>(frame: &[u8]) -> Result<W, WireError> {
    let junk = |error: bincode::error::DecodeError| WireError::Junk(error.to_string());
    check_length(frame.len())?;
    let ((name, version), body): ((&str, u16), usize) =
        bincode::serde::borrow_decode_from_slice(frame, HEAD).map_err(junk)?;
    if name != W::KIND.name {
        let name = name.chars().take(64).collect();
        return Err(WireError::UnknownKind { name, expected: W::KIND.name });
    }
    if version != W::KIND.version {
        let Kind { name: kind, version: expected } = W::KIND;
        return Err(WireError::UnknownVersion { kind, version, expected });
    }
    let body = frame.get(body..).unwrap_or_default();
    let (what, read) = bincode::serde::decode_from_slice(body, CONFIG).map_err(junk)?;
    match body.len() - read {
        0 => {}
        bytes => return Err(WireError::Trailing { bytes }),
    }
    // A number may be spelled longer than it need be; nobody who speaks this protocol does.
    let mut same = Same(body);
    let again = bincode::serde::encode_into_writer(&what, &mut same, CONFIG);
    if again.is_ok() && same.0.is_empty() {
        return Ok(what);
    }
    Err(WireError::Junk("it is spelled as no program spells it".to_owned()))
}

/// Writes behind what is there.
struct Behind<'a>(&'a mut Vec<u8>);

impl Writer for Behind<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Writes nothing, and compares with what there is.
struct Same<'a>(&'a [u8]);

impl Writer for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let rest = self.0.strip_prefix(bytes);
        self.0 = rest.ok_or(EncodeError::Other("it is spelled differently"))?;
        Ok(())
    }
}

const fn check_length(bytes: usize) -> Result<(), WireError> {
    if bytes > FRAME_BYTES_MAX { Err(WireError::TooLong { bytes }) } else { Ok(()) }
}
