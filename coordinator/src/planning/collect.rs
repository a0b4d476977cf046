//! A job that was given out, and when it is over. Pure: no clock, no chance.
//!
//! | what happens | what becomes of the job |
//! |---|---|
//! | an agent answers a second time | its first answer counts |
//! | as many have answered as are expected | completed; failed when every one of them failed |
//! | its time is over | timed out, with what there is, be it nothing |
//! | its deliberation ended | ended as that did |
//! | an answer comes after that | it is late, and changes nothing |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    response::{Response, Said},
    words::RoleName,
};

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Ended {
    /// At least one result, and nobody is waited for.
    Completed,
    /// Every agent failed, or it could not be begun.
    Failed,
    /// Somebody was still waited for.
    Timeout,
}

impl Ended {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Timeout => "TIMEOUT",
        }
    }
}

/// Who does a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doer {
    /// The council of its role, by this deliberation.
    Council {
        /// Which.
        deliberation: String,
    },
    /// Agents elsewhere, so many.
    Agents {
        /// How many answers are waited for.
        expected: u32,
    },
}

/// The end of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEnd {
    /// How.
    pub how: Ended,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whose result is the best, where somebody judged.
    #[serde(default)]
    pub winner_id: String,
    /// Why it failed, or what was wrong; may be empty.
    #[serde(default)]
    pub error: String,
    /// Whose answers count: what comes later is not told.
    #[serde(default)]
    pub heard: Vec<String>,
}

/// A job as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The version of this record.
    pub v: u32,
    /// Whose it is.
    pub namespace: String,
    /// What it is called.
    pub id: String,
    /// Of which plan; may be empty.
    #[serde(default)]
    pub plan_id: String,
    /// Of which case; may be empty.
    #[serde(default)]
    pub case_id: String,
    /// For which role; may be empty.
    #[serde(default)]
    pub role: String,
    /// Who does it.
    pub doer: Doer,
    /// When it was given out, in milliseconds since 1970.
    pub opened_ms: u64,
    /// Until when it is waited for.
    pub until_ms: u64,
    /// How it ended, if it has.
    #[serde(default)]
    pub end: Option<JobEnd>,
    /// Whether its end was told.
    #[serde(default)]
    pub told: bool,
}

/// The version of the records that this program writes.
pub const RECORD_VERSION: u32 = 1;

/// The answers to a job, by agent.
pub type Answers = BTreeMap<String, Said>;

/// What an answer counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is the first of its agent.
    First,
    /// Its agent has answered before.
    Twice,
    /// Its job has ended.
    Late,
}

impl Job {
    /// What an answer counts for, beside those that are there.
    pub fn counts(&self, response: &Response, there: &Answers) -> Counted {
        if self.end.is_some() {
            Counted::Late
        } else if there.contains_key(&response.agent_id) {
            Counted::Twice
        } else {
            Counted::First
        }
    }

    /// How it ends now, if it does: by its answers, or by its time.
    pub fn ends(&self, there: &Answers, now_ms: u64) -> Option<JobEnd> {
        if self.end.is_some() {
            return None;
        }
        let end = |how, error: String| {
            let heard = there.keys().cloned().collect();
            Some(JobEnd { how, at_ms: now_ms, winner_id: String::new(), error, heard })
        };
        let is_over = now_ms >= self.until_ms;
        match self.doer {
            Doer::Agents { expected } => {
                let waited_for = u64::from(expected);
                let came = there.len() as u64;
                let failed = there.values().filter(|said| matches!(said, Said::Failed(_))).count();
                if came >= waited_for && failed == there.len() {
                    end(Ended::Failed, format!("every agent failed: {}", reasons(there)))
                } else if came >= waited_for {
                    end(Ended::Completed, String::new())
                } else if is_over {
                    end(Ended::Timeout, format!("{came} of {expected} agents answered in time"))
                } else {
                    None
                }
            }
            // A council keeps its own time; what is long past it will not be told any more.
            Doer::Council { .. } if is_over => {
                end(Ended::Timeout, "the deliberation did not end in its time".to_owned())
            }
            Doer::Council { .. } => None,
        }
    }
}

fn reasons(there: &Answers) -> String {
    let failed = there.iter().filter_map(|(agent, said)| match said {
        Said::Failed(why) => {
            Some(format!("{agent}: {}", why.chars().take(200).collect::<String>()))
        }
        Said::Completed(_) => None,
    });
    failed.collect::<Vec<_>>().join("; ")
}

/// The name of the job of a role of a plan.
pub fn job_of(plan_id: &str, role: &RoleName) -> String {
    format!("{plan_id}-{}", role.lower())
}
