//! What a node can be asked about itself, in JSON, and what it answers.

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{AgentId, Epoch, NodeId, ShardId},
    presence::Member,
    protocol::node::NodeBeat,
    time::Wall,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{door::Code, scenario::AgentConfig};

/// The version of these words.
const VERSION: u32 = 1;

/// What a node can be asked. A field that is not known is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum NodeAsk {
    /// What it is, whom it knows and what it leads; answered by [`NodeView`].
    Status {},
    /// The last lines of its supervision log; answered by a list of [`super::NodeRecord`].
    Supervision {
        /// How many; it answers with fewer where they are too many for one answer.
        last: usize,
    },
    /// To lead nothing more, and take no more work. It holds in its next lives as well, until it is
    /// asked to work again.
    Drain {},
    /// To lead and work again.
    Undrain {},
    /// To say who shall lead a shard while it is there; only coordinators do that.
    Move {
        /// Which shard.
        shard: ShardId,
        /// Who; without a name nobody in particular any more.
        to: Option<NodeId>,
    },
    /// To have the cluster host agents; only coordinators do that.
    Offer {
        /// Which.
        agents: Vec<AgentConfig>,
        /// Whether those of another configuration are replaced.
        replace: bool,
    },
    /// To have the cluster host an agent no more; only coordinators do that.
    Withdraw {
        /// Which.
        agent: AgentId,
    },
}

impl NodeAsk {
    /// Whether all nodes may be asked this at once.
    pub(super) const fn is_for_all(&self) -> bool {
        match self {
            Self::Status {} | Self::Supervision { .. } => true,
            Self::Drain {}
            | Self::Undrain {}
            | Self::Move { .. }
            | Self::Offer { .. }
            | Self::Withdraw { .. } => false,
        }
    }
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAnswer {
    /// The version of these words.
    pub v: u32,
    /// Which node answers.
    pub node: NodeId,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Why nothing came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The same, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl NodeAnswer {
    pub(super) fn of(node: &NodeId, came: Result<Value>) -> Self {
        let node = node.clone();
        match came {
            Ok(answer) => Self { v: VERSION, node, answer: Some(answer), code: None, error: None },
            Err(error) => {
                let code = Some(Code::from(error.kind()));
                Self { v: VERSION, node, answer: None, code, error: Some(error.to_string()) }
            }
        }
    }

    /// What was asked for, or why nothing came of it.
    pub fn read<T: DeserializeOwned>(self) -> Result<T> {
        if let Some(error) = self.error {
            let kind = self.code.unwrap_or(Code::Unknown).kind();
            return Err(Error::new(kind, format!("node {} answers: {error}", self.node)));
        }
        serde_json::from_value(self.answer.unwrap_or_default()).map_err(|error| {
            let message = format!("cannot read what node {} answers: is it newer?", self.node);
            Error::new(ErrorKind::Unavailable, message).because(error)
        })
    }
}

/// A node, as it tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Itself.
    pub me: MemberView,
    /// Its process.
    pub pid: u32,
    /// What survives which failure, as far as it can tell.
    pub durability: String,
    /// How many frames and words it refused: junk, and what came from lives that are over.
    pub refused: u64,
    /// All nodes that it knows, itself among them.
    pub members: Vec<MemberView>,
    /// Every shard; empty on a node that leads none because it is no coordinator.
    pub shards: Vec<ShardView>,
}

/// A node, as another knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its name.
    pub node: NodeId,
    /// `up`, `draining`, `down` or `left`.
    pub state: String,
    /// What it does.
    pub roles: String,
    /// Which life of it.
    pub life: u64,
    /// Since when it runs.
    pub since: Wall,
    /// How many attempts its agents work on.
    pub running: u32,
    /// How many they can.
    pub capacity: u32,
    /// How many shards it leads.
    pub leads: u16,
    /// Which program it runs.
    pub version: String,
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        let NodeBeat { node, boot, since, running, capacity, led, version, .. } = &member.beat;
        Self {
            node: node.clone(),
            state: member.word().to_owned(),
            roles: member.roles().to_owned(),
            life: boot.0,
            since: *since,
            running: *running,
            capacity: *capacity,
            leads: *led,
            version: version.clone(),
        }
    }
}

/// A shard, as a coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardView {
    /// Which.
    pub shard: ShardId,
    /// Who leads it; none while nobody does.
    pub leader: Option<NodeId>,
    /// Which reign, as far as its register tells.
    pub epoch: Option<Epoch>,
    /// Whether the node that answers leads it.
    pub led_here: bool,
    /// Who shall lead it by order of a person.
    #[serde(default)]
    pub pinned_to: Option<NodeId>,
}
