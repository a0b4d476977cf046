//! What is asked of councils, in words: the same for every way in.

use std::{collections::BTreeMap, fmt};

use orkestra_runtime::{
    id::AgentId,
    protocol::{council::ChecksSpec, payload::Json},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::settings;
use crate::committee::tally::Method;

/// How a council works where a request says nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CouncilConfig {
    /// How many rounds of critique and revision there are: 0 to 5.
    pub deliberation_rounds: u32,
    /// Whether there are any: false is as 0 rounds.
    pub enable_peer_review: bool,
    /// What people call the models behind its agents.
    pub model_profile: String,
    /// What else agents are told with every step.
    pub custom_params: BTreeMap<String, String>,
    /// What people call the kind of its agents.
    pub agent_type: String,
    /// Who criticises whom.
    pub exchange: Exchange,
    /// Who wins.
    pub selection: Selection,
    /// What is asked of every proposal.
    pub checks: ChecksSpec,
    /// How much each check weighs in the score.
    pub weights: CheckWeights,
    /// Who ranks proposals where a committee selects; nobody: those who deliberate.
    pub judges: Vec<AgentId>,
}

impl Default for CouncilConfig {
    fn default() -> Self {
        Self {
            deliberation_rounds: 1,
            enable_peer_review: true,
            model_profile: "default".to_owned(),
            custom_params: BTreeMap::new(),
            agent_type: String::new(),
            exchange: Exchange::default(),
            selection: Selection::default(),
            checks: ChecksSpec::default(),
            weights: CheckWeights::default(),
            judges: Vec::new(),
        }
    }
}

impl CouncilConfig {
    /// How many rounds there are where a request says nothing.
    pub(super) const fn rounds(&self) -> u32 {
        if self.enable_peer_review { self.deliberation_rounds } else { 0 }
    }
}

/// Who criticises whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// Each seat the next one's proposal.
    #[default]
    Ring,
    /// Each seat those of all others.
    All,
    /// Nobody: proposals stay as they were drafted.
    None,
}

/// Who wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The first by score.
    #[default]
    Score,
    /// Of the first `k` by score, the first that is well formed and works.
    Architect {
        /// How many are looked at; 0: three.
        #[serde(default)]
        k: u32,
    },
    /// Whom a committee chooses of those that passed all checks.
    Committee {
        /// How ballots are counted: by a method for rankings and one winner. Who judges does not
        /// rank its own proposal, so one that counts rankings of some is best.
        #[serde(default = "by_default")]
        method: Method,
    },
}

const fn by_default() -> Method {
    Method::SchulzeMargins
}

/// How much each check weighs in the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckWeights {
    /// What a proposal says.
    pub policy: u32,
    /// What form it has.
    pub lint: u32,
    /// Whether it works.
    pub dry_run: u32,
}

impl Default for CheckWeights {
    fn default() -> Self {
        Self { policy: 1, lint: 1, dry_run: 1 }
    }
}

impl CheckWeights {
    pub(super) const fn total(self) -> u32 {
        self.policy.saturating_add(self.lint).saturating_add(self.dry_run)
    }
}

/// A council that is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewCouncil {
    /// Whose it is; empty: the default namespace.
    pub namespace: String,
    /// What its agents are for: 1 to 64 letters, digits, `_` and `-`; `DEV` and `dev` are one role.
    pub role: String,
    /// How many seats it has; 0: three, or as many as agents are named.
    pub num_agents: u32,
    /// Which agents of the team take the seats, in turn; nobody: all that have the role's name or
    /// `council` among their capabilities.
    pub agents: Vec<AgentId>,
    /// How it works.
    pub config: CouncilConfig,
}

/// One more agent for a council, which is made if it is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Whose council.
    #[serde(default)]
    pub namespace: String,
    /// Of which role.
    pub role: String,
    /// Which agent.
    pub agent_id: AgentId,
    /// What it can do, as whoever registers it says.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Where it is reached, for people.
    #[serde(default)]
    pub endpoint: String,
    /// What else is known of it.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// What an agent can do, as whoever registers it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Kinds of tasks.
    pub supported_tasks: Vec<String>,
    /// What people call its model.
    pub model_profile: String,
    /// How many tasks it takes at once.
    pub max_concurrent_tasks: u32,
    /// Which languages it writes.
    pub languages: Vec<String>,
}

/// For what a deliberation was asked; they are counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// For all ranked proposals.
    #[default]
    Deliberate,
    /// For the one that wins.
    Orchestrate,
}

impl Kind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliberate => "deliberate",
            Self::Orchestrate => "orchestrate",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something for a council to think about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliberationRequest {
    /// What it is called: the same again is the same deliberation. Empty: a name is drawn, of 16
    /// hexadecimal digits. Else 1 to 100 letters, digits and `_ - .`.
    pub id: String,
    /// Whose council.
    pub namespace: String,
    /// Of which role.
    pub role: String,
    /// What is to be done.
    pub task: String,
    /// By what proposals are judged.
    pub rubric: String,
    /// What a proposal must meet.
    pub requirements: Vec<String>,
    /// What else agents are told.
    pub metadata: BTreeMap<String, String>,
    /// How often each step is tried; 0: ten times.
    pub max_iterations: u32,
    /// How long it may take; 0: five minutes.
    pub timeout_ms: u64,
    /// How many rounds of critique and revision; none: as the council is set.
    pub rounds: Option<u32>,
    /// How many seats deliberate; 0: three. More than there are: all there are.
    pub num_agents: u32,
    /// Who wins; none: as the council is set.
    pub selection: Option<Selection>,
    /// Who criticises whom; none: as the council is set.
    pub exchange: Option<Exchange>,
    /// What is asked of every proposal; none: as the council is set.
    pub checks: Option<ChecksSpec>,
    /// What shuffles are drawn from; none: it follows from the name.
    pub seed: Option<u64>,
    /// What whoever asks wants to find again.
    pub notes: Json,
    /// For what it is asked.
    pub kind: Kind,
}

/// A deliberation that goes on, or has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// What it is called.
    pub id: String,
    /// Whether it was there before.
    pub existed: bool,
    /// When it ends at the latest, in shard time.
    pub until: Wall,
}

/// A role as it is compared: without case. None if it is no name of one.
pub(super) fn role_key(role: &str) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let fits = (1..=settings::ROLE_BYTES_MAX).contains(&role.len()) && role.chars().all(is_token);
    fits.then(|| role.to_ascii_lowercase())
}

/// What a council of a role is called.
pub(super) fn council_id(key: &str) -> String {
    format!("council-{key}")
}
