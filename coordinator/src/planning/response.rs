//! What agents elsewhere answer to a job: read strictly.

use orkestra_runtime::{Result, protocol::payload::Json};
use serde::{Deserialize, Serialize};

use super::words::{check_id_or_none, invalid, shown};

/// Where agents answer that they are done.
pub const COMPLETED: &str = "agent.response.completed";
/// Where they answer that they could not do it.
pub const FAILED: &str = "agent.response.failed";
/// Where they say how far they are.
pub const PROGRESS: &str = "agent.response.progress";

/// The longest answer, in bytes: it has to fit a register.
pub const ANSWER_BYTES_MAX: usize = 48 * 1024;
/// The most agents that one job waits for.
pub const AGENTS_MAX: u32 = 16;
/// The longest id of a job or an agent.
const ID_BYTES_MAX: usize = 128;

/// An answer to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// To which job.
    pub task_id: String,
    /// Whose.
    pub agent_id: String,
    /// What came of it: any JSON.
    pub said: Said,
    /// For how many agents the job is, if whoever answers knows.
    pub num_agents: Option<u32>,
    /// What role it is; may be empty.
    pub role: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A result.
    Completed(Json),
    /// A reason.
    Failed(String),
}

#[derive(Deserialize)]
struct Written {
    task_id: String,
    agent_id: String,
    #[serde(default)]
    num_agents: Option<u32>,
    #[serde(default)]
    role: String,
    #[serde(default)]
    result: Option<serde_json::Value>,
    #[serde(default)]
    proposal: Option<serde_json::Value>,
    #[serde(default)]
    error: Option<String>,
}

impl Response {
    /// Reads an answer; none if it only says how far somebody is.
    pub fn read(subject: &str, body: &[u8]) -> Result<Option<Self>> {
        if body.len() > ANSWER_BYTES_MAX {
            return Err(invalid(format!(
                "cannot read {subject}: it has {} bytes, and at most {ANSWER_BYTES_MAX} are taken",
                body.len()
            )));
        }
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(invalid(format!("cannot read {subject}: it is no JSON object")));
        }
        let written: Written = serde_json::from_slice(body)
            .map_err(|error| invalid(format!("cannot read {subject}: {error}")))?;
        check_name("task_id", &written.task_id)?;
        check_name("agent_id", &written.agent_id)?;
        check_id_or_none("role", &written.role)?;
        if let Some(found) = written.num_agents.filter(|n| !(1..=AGENTS_MAX).contains(n)) {
            return Err(invalid(format!("num_agents is {found}: write 1 to {AGENTS_MAX}")));
        }
        let said = match subject {
            COMPLETED => {
                let result = written.result.or(written.proposal).ok_or_else(|| {
                    invalid(format!("cannot read {subject}: it has no result, and no proposal"))
                })?;
                Said::Completed(Json::of(&result)?)
            }
            FAILED => Said::Failed(written.error.unwrap_or_else(|| "no reason was given".into())),
            PROGRESS => return Ok(None),
            other => {
                return Err(invalid(format!(
                    "there is no answer {:?}: agents answer on {COMPLETED}, {FAILED} and {PROGRESS}",
                    shown(other)
                )));
            }
        };
        let Written { task_id, agent_id, num_agents, role, .. } = written;
        Ok(Some(Self { task_id, agent_id, said, num_agents, role }))
    }
}

fn check_name(what: &str, text: &str) -> Result<()> {
    let fits =
        (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        return Ok(());
    }
    Err(invalid(format!(
        "{what} cannot be used: write 1 to {ID_BYTES_MAX} printable ASCII characters, no spaces"
    )))
}

// What all of them answer has to fit one message.
const _: () = assert!(AGENTS_MAX as usize * ANSWER_BYTES_MAX <= 800 * 1024);
