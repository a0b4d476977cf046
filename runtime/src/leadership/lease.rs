//! What stands in the register of a shard's leader.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use crate::fabric::Revision;
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::Value,
    id::{Epoch, Incarnation, NodeId},
};

/// The longest lease that is believed: whoever claims more is taken over after so long.
pub const LEASE_MS_MAX: u64 = 60_000;

/// The version that this program writes.
const VERSION: u16 = 1;

/// Who holds a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The node.
    pub node: NodeId,
    /// Which life of it: another life of the same node holds nothing of this one's.
    pub boot: Incarnation,
    /// Which write of that life it is: each has a number of its own.
    pub turn: u64,
    /// The reign that it began last, as far as it knew: a hint for people.
    pub epoch: Epoch,
    /// For how long it holds it without a renewal.
    pub lease_ms: u64,
}

/// What a register says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Somebody holds it.
    Held(Held),
    /// It was given back.
    Vacant {
        /// Who should take it next.
        heir: Option<NodeId>,
    },
    /// It was written by a newer program, or by none of ours: held by somebody, for as long as can be.
    Unreadable,
}

/// A register as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its revision.
    pub revision: Revision,
    /// What it says.
    pub standing: Standing,
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<NodeId>,
    #[serde(default)]
    boot: Incarnation,
    #[serde(default)]
    turn: u64,
    #[serde(default)]
    epoch: Epoch,
    #[serde(default)]
    lease_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heir: Option<NodeId>,
}

impl Standing {
    /// As it is stored. An error means that it says nothing that can be written.
    pub fn to_bytes(&self) -> Result<Bytes> {
        let fault = || Error::new(ErrorKind::Fault, "cannot write who leads a shard");
        let (node, boot, turn, epoch, lease_ms, heir) = match self {
            Self::Held(Held { node, boot, turn, epoch, lease_ms }) => {
                (Some(node.clone()), *boot, *turn, *epoch, *lease_ms, None)
            }
            Self::Vacant { heir } => (None, Incarnation(0), 0, Epoch(0), 0, heir.clone()),
            Self::Unreadable => return Err(fault()),
        };
        let written = Written { v: VERSION, node, boot, turn, epoch, lease_ms, heir };
        serde_json::to_vec(&written).map(Bytes::from).map_err(|error| fault().because(error))
    }

    /// Reads what is stored. What cannot be read is [`Standing::Unreadable`].
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Ok(written) = serde_json::from_slice::<Written>(bytes) else { return Self::Unreadable };
        let Written { v, node, boot, turn, epoch, lease_ms, heir } = written;
        match node {
            _ if v > VERSION => Self::Unreadable,
            Some(node) => Self::Held(Held { node, boot, turn, epoch, lease_ms }),
            None => Self::Vacant { heir },
        }
    }

    /// Who holds it, if that can be told.
    pub const fn holder(&self) -> Option<&Held> {
        match self {
            Self::Held(held) => Some(held),
            Self::Vacant { .. } | Self::Unreadable => None,
        }
    }
}

impl From<&Value> for Seen {
    fn from(value: &Value) -> Self {
        Self { revision: value.revision, standing: Standing::from_bytes(&value.bytes) }
    }
}
