//! What the planning side says: read strictly, refused where it cannot be read, never guessed.
//!
//! A body that is no JSON object, lacks what it must have, or has it in another form is refused with
//! a sentence that names the field. What is not known is left out of account: those who say it may be
//! newer.

use std::collections::BTreeMap;

use orkestra_runtime::Result;
use serde::{Deserialize, Serialize};

use super::words::{
    Constraints, ITERATIONS, RoleName, TIMEOUT_S, check_id, check_id_or_none, fingerprint, invalid,
    shown,
};
use crate::written::did_you_mean;

/// Where stories tell that they moved on.
pub const STORY_TRANSITIONED: &str = "planning.story.transitioned";
/// Where plans tell that they were approved.
pub const PLAN_APPROVED: &str = "planning.plan.approved";

/// The longest event: what is kept of one has to fit a register.
pub const EVENT_BYTES_MAX: usize = 48 * 1024;
/// The most roles of one plan.
pub const ROLES_MAX: usize = 32;
/// The most subtasks of one plan.
pub const SUBTASKS_MAX: usize = 256;
/// The longest text of a plan, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// What the planning side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanningEvent {
    /// A story moved on.
    Transitioned(StoryTransition),
    /// A plan was approved.
    Approved(PlanApproval),
}

/// A story moved from one state to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryTransition {
    /// Which time it was said; the same again is the same event.
    #[serde(default)]
    pub event_id: String,
    /// Which story, or case.
    #[serde(alias = "case_id")]
    pub story_id: String,
    /// Where it was.
    pub from_state: String,
    /// Where it is.
    pub to_state: String,
    /// When, in milliseconds since 1970; 0: not said.
    #[serde(default)]
    pub timestamp_ms: u64,
    /// Anything else.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A plan that was approved, with what there is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanApproval {
    /// Which time it was said; the same again is the same event.
    #[serde(default)]
    pub event_id: String,
    /// Which plan.
    pub plan_id: String,
    /// Of which case.
    #[serde(default)]
    pub case_id: String,
    /// Of which story.
    #[serde(default)]
    pub story_id: String,
    /// By whom it was approved.
    #[serde(default)]
    pub approved_by: String,
    /// When, in milliseconds since 1970; 0: not said.
    #[serde(default)]
    pub timestamp_ms: u64,
    /// Who takes part; nothing: those that the subtasks name.
    #[serde(default)]
    pub roles: Vec<RoleName>,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// What all of it is held to.
    #[serde(default)]
    pub constraints: Constraints,
    /// What there is to do, in order.
    #[serde(default, alias = "tasks")]
    pub subtasks: Vec<Subtask>,
    /// Anything else.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A piece of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtask {
    /// What the plan calls it; may be empty.
    #[serde(default)]
    pub id: String,
    /// Who does it.
    pub role: RoleName,
    /// What is to be done.
    pub description: String,
    /// How much it matters: 1 to 4.
    #[serde(default = "priority")]
    pub priority: u32,
    /// Which others of the plan must be done first, by their ids.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// What it is held to; what is left out is what the plan is held to.
    #[serde(default)]
    pub constraints: Option<Constraints>,
}

const fn priority() -> u32 {
    2
}

impl PlanningEvent {
    /// Reads what was said on a subject. The id of its message stands in for one that it lacks, and
    /// what it says stands in for both.
    pub fn read(subject: &str, id: Option<&str>, body: &[u8]) -> Result<Self> {
        let own_id = || match id.filter(|id| (1..=128).contains(&id.len())) {
            Some(id) => id.to_owned(),
            None => fingerprint([subject, &String::from_utf8_lossy(body)]),
        };
        let named = |given: &mut String| {
            if given.is_empty() {
                *given = own_id();
            }
        };
        match subject {
            STORY_TRANSITIONED => {
                let mut said: StoryTransition = read(subject, body)?;
                named(&mut said.event_id);
                said.check()?;
                Ok(Self::Transitioned(said))
            }
            PLAN_APPROVED => {
                let mut said: PlanApproval = read(subject, body)?;
                named(&mut said.event_id);
                if said.roles.is_empty() {
                    said.roles = said.subtasks.iter().map(|it| it.role.clone()).collect();
                }
                said.roles = once_each(said.roles);
                said.check()?;
                Ok(Self::Approved(said))
            }
            other => {
                let known = [STORY_TRANSITIONED, PLAN_APPROVED];
                let help = did_you_mean(other, known);
                let help = help.map(|help| format!("; {help}")).unwrap_or_default();
                Err(invalid(format!("there is no planning event {:?}{help}", shown(other))))
            }
        }
    }

    /// Which event this is.
    pub fn id(&self) -> &str {
        match self {
            Self::Transitioned(said) => &said.event_id,
            Self::Approved(said) => &said.event_id,
        }
    }
}

fn read<'a, T: Deserialize<'a>>(subject: &str, body: &'a [u8]) -> Result<T> {
    if body.len() > EVENT_BYTES_MAX {
        return Err(invalid(format!(
            "cannot read {subject}: it has {} bytes, and at most {EVENT_BYTES_MAX} are taken",
            body.len()
        )));
    }
    // A list would be read as the fields in their order: that would be guessing.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid(format!("cannot read {subject}: it is no JSON object")));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let at = error.path().to_string();
        let at = if at == "." { String::new() } else { format!(" at {at}") };
        invalid(format!("cannot read {subject}{at}: {}", error.into_inner()))
    })?;
    reader.end().map_err(|error| invalid(format!("cannot read {subject}: {error}")))?;
    Ok(value)
}

/// The same without those that were named before.
pub(crate) fn once_each(roles: Vec<RoleName>) -> Vec<RoleName> {
    let mut kept: Vec<RoleName> = Vec::new();
    for role in roles {
        if !kept.contains(&role) {
            kept.push(role);
        }
    }
    kept
}

fn check_text(what: &str, text: &str) -> Result<()> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(invalid(format!("{what} has {} bytes: write at most {TEXT_BYTES_MAX}", text.len())))
}

fn check_event_id(id: &str) -> Result<()> {
    let fits = (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        return Ok(());
    }
    Err(invalid("event_id cannot be used: write 1 to 128 printable ASCII characters, no spaces"))
}

impl StoryTransition {
    fn check(&self) -> Result<()> {
        check_event_id(&self.event_id)?;
        check_id("story_id", &self.story_id)?;
        check_id("from_state", &self.from_state)?;
        check_id("to_state", &self.to_state)
    }
}

impl PlanApproval {
    fn check(&self) -> Result<()> {
        check_event_id(&self.event_id)?;
        check_id("plan_id", &self.plan_id)?;
        check_id_or_none("case_id", &self.case_id)?;
        check_id_or_none("story_id", &self.story_id)?;
        check_text("approved_by", &self.approved_by)?;
        check_text("description", &self.description)?;
        self.constraints.check("constraints")?;
        if self.roles.is_empty() {
            return Err(invalid(format!(
                "the plan {} names no role: give roles, or subtasks with a role each",
                self.plan_id
            )));
        }
        if self.roles.len() > ROLES_MAX || self.subtasks.len() > SUBTASKS_MAX {
            return Err(invalid(format!(
                "the plan {} has {} roles and {} subtasks: at most {ROLES_MAX} and {SUBTASKS_MAX} \
                 are taken",
                self.plan_id,
                self.roles.len(),
                self.subtasks.len()
            )));
        }
        for (at, subtask) in self.subtasks.iter().enumerate() {
            subtask.check(at, self)?;
        }
        Ok(())
    }

    /// What was approved, whichever time it was said: the same plan has the same, and another has
    /// another.
    pub fn content_hash(&self) -> String {
        let bare = Self { event_id: String::new(), timestamp_ms: 0, ..self.clone() };
        // What has no map with other keys than texts can be written.
        let text = serde_json::to_string(&bare).unwrap_or_default();
        fingerprint([text.as_str()])
    }

    /// What a role has to do, in the order of the plan.
    pub fn of_role<'a>(&'a self, role: &'a RoleName) -> impl Iterator<Item = &'a Subtask> {
        self.subtasks.iter().filter(move |subtask| subtask.role == *role)
    }

    /// What a subtask is held to.
    pub fn constraints_of<'a>(&'a self, subtask: &'a Subtask) -> &'a Constraints {
        subtask.constraints.as_ref().unwrap_or(&self.constraints)
    }
}

impl Subtask {
    fn check(&self, at: usize, plan: &PlanApproval) -> Result<()> {
        let what = |field: &str| format!("subtasks[{at}].{field}");
        check_id_or_none(&what("id"), &self.id)?;
        check_text(&what("description"), &self.description)?;
        if self.description.trim().is_empty() {
            return Err(invalid(format!(
                "{} is empty: say what is to be done",
                what("description")
            )));
        }
        if !(1..=4).contains(&self.priority) {
            let found = self.priority;
            return Err(invalid(format!("{} is {found}: write 1 to 4", what("priority"))));
        }
        if !self.id.is_empty() && plan.subtasks[..at].iter().any(|other| other.id == self.id) {
            return Err(invalid(format!("{} {:?} is there twice", what("id"), self.id)));
        }
        if !plan.roles.contains(&self.role) {
            return Err(invalid(format!(
                "{} {} is none of the plan's roles: add it to roles",
                what("role"),
                self.role.as_str()
            )));
        }
        for on in &self.depends_on {
            if !plan.subtasks.iter().any(|other| !other.id.is_empty() && other.id == *on) {
                let on = shown(on);
                return Err(invalid(format!("{} names {on:?}, which is none", what("depends_on"))));
            }
        }
        self.constraints.as_ref().map_or(Ok(()), |it| it.check(&what("constraints")))
    }
}

impl Constraints {
    /// Refuses what is out of its bounds; the error says which field of `what`.
    pub fn check(&self, what: &str) -> Result<()> {
        check_text(&format!("{what}.rubric"), &self.rubric)?;
        let texts: usize = self.requirements.iter().map(String::len).sum();
        let more: usize = self.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if texts + more > TEXT_BYTES_MAX {
            return Err(invalid(format!(
                "{what} has {} bytes of requirements and metadata: write at most {TEXT_BYTES_MAX}",
                texts + more
            )));
        }
        if self.max_iterations > ITERATIONS.0 {
            let found = self.max_iterations;
            return Err(invalid(format!(
                "{what}.max_iterations is {found}: write at most {}",
                ITERATIONS.0
            )));
        }
        if self.timeout_seconds > TIMEOUT_S.0 {
            let found = self.timeout_seconds;
            return Err(invalid(format!(
                "{what}.timeout_seconds is {found}: write at most {}",
                TIMEOUT_S.0
            )));
        }
        Ok(())
    }
}
