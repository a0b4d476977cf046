//! A planning event as somebody calls with it: a few fields, and the rest as metadata. Pure.
//!
//! | `event_type` | is |
//! |---|---|
//! | `planning.story.transitioned`, `story.transitioned`, `STORY_TRANSITIONED` | `case_id`, or `story_id` in the metadata, went from `from_state` to `to_state` |
//! | `planning.plan.approved`, `plan.approved`, `PLAN_APPROVED` | `plan_id` was approved: `plan` in the metadata is its JSON, as NATS has it; or `roles`, with commas between, and `description` |

use std::collections::BTreeMap;

use orkestra_runtime::Result;
use serde_json::{Map, Value, json};

use super::{
    event::{PLAN_APPROVED, PlanningEvent, STORY_TRANSITIONED},
    words::{invalid, shown},
};
use crate::written::did_you_mean;

/// What somebody calls with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// What happened.
    pub event_type: String,
    /// To which case.
    pub case_id: String,
    /// To which plan.
    pub plan_id: String,
    /// Where it was.
    pub from_state: String,
    /// Where it is.
    pub to_state: String,
    /// When, in milliseconds since 1970; 0: not said.
    pub timestamp_ms: u64,
    /// The rest.
    pub metadata: BTreeMap<String, String>,
}

impl Call {
    /// The event, read as strictly as one that came over NATS.
    pub fn event(&self) -> Result<PlanningEvent> {
        let (subject, body) = match subject_of(&self.event_type)? {
            STORY_TRANSITIONED => (STORY_TRANSITIONED, self.transition()),
            approved => (approved, self.approval()?),
        };
        let body = Value::Object(body).to_string();
        let id = self.metadata.get("event_id").map(String::as_str);
        PlanningEvent::read(subject, id, body.as_bytes())
    }

    fn transition(&self) -> Map<String, Value> {
        let story = self.metadata.get("story_id").filter(|_| self.case_id.is_empty());
        let mut body = Map::new();
        let mut set = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
        set("story_id", json!(story.unwrap_or(&self.case_id)));
        set("from_state", json!(self.from_state));
        set("to_state", json!(self.to_state));
        set("timestamp_ms", json!(self.timestamp_ms));
        set("metadata", json!(self.rest(&["event_id", "story_id"])));
        body
    }

    fn approval(&self) -> Result<Map<String, Value>> {
        let mut body = match self.metadata.get("plan") {
            None => Map::new(),
            Some(text) => match serde_json::from_str(text) {
                Ok(Value::Object(plan)) => plan,
                Ok(_) => return Err(invalid("metadata.plan is no JSON object")),
                Err(error) => return Err(invalid(format!("metadata.plan is no JSON: {error}"))),
            },
        };
        for (key, said) in [("plan_id", &self.plan_id), ("case_id", &self.case_id)] {
            let written = body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            if !said.is_empty() && !written.is_empty() && *said != written {
                return Err(invalid(format!(
                    "{key} is {:?}, and {:?} in metadata.plan: leave one of them out",
                    shown(said),
                    shown(&written)
                )));
            }
            if !said.is_empty() {
                body.insert(key.to_owned(), json!(said));
            }
        }
        let mut unless_there = |key: &str, value: Value| {
            body.entry(key.to_owned()).or_insert(value);
        };
        if let Some(roles) = self.metadata.get("roles") {
            let named = roles.split(',').map(str::trim).filter(|role| !role.is_empty());
            unless_there("roles", json!(named.collect::<Vec<_>>()));
        }
        for key in ["description", "story_id", "approved_by"] {
            if let Some(said) = self.metadata.get(key) {
                unless_there(key, json!(said));
            }
        }
        if self.timestamp_ms > 0 {
            unless_there("timestamp_ms", json!(self.timestamp_ms));
        }
        let taken = ["event_id", "plan", "roles", "description", "story_id", "approved_by"];
        unless_there("metadata", json!(self.rest(&taken)));
        Ok(body)
    }

    /// The metadata without what was taken from it.
    fn rest(&self, taken: &[&str]) -> BTreeMap<&String, &String> {
        self.metadata.iter().filter(|(key, _)| !taken.contains(&key.as_str())).collect()
    }
}

fn subject_of(event_type: &str) -> Result<&'static str> {
    let plain = event_type.to_ascii_lowercase().replace('_', ".");
    let plain = plain.strip_prefix("planning.").unwrap_or(&plain);
    match plain {
        "story.transitioned" => Ok(STORY_TRANSITIONED),
        "plan.approved" => Ok(PLAN_APPROVED),
        other => {
            let help = did_you_mean(other, ["story.transitioned", "plan.approved"]);
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            let shown = shown(event_type);
            Err(invalid(format!("there is no planning event of the type {shown:?}{help}")))
        }
    }
}
