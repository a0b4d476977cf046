//! From a row of the audit to a public event.

use orkestra_runtime::{
    Result,
    fabric::Headers,
    id::{Number, ShardId},
    protocol::payload::Payload,
    time::Wall,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    audit::AuditRow,
    public::{task_view::payload, told_namespace},
};

/// The longest value of a header that comes from users: longer ones are left out.
const HEADER_BYTES_MAX: usize = 256;

/// A public event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PublicEvent {
    pub(crate) number: Number,
    pub(crate) at: Wall,
    /// As it is audited.
    pub(crate) audited: &'static str,
    /// The last token of its subject.
    pub(crate) kind: String,
    /// As it is kept: the default one has an empty name.
    pub(crate) namespace: String,
    id: String,
    r#type: String,
    source: String,
    subject: Option<String>,
    pub(crate) data: Value,
}

/// As it is read again: a `CloudEvent` in structured mode.
#[derive(Serialize)]
struct Structured<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    namespace: &'a str,
    datacontenttype: &'static str,
    data: &'a Value,
}

impl PublicEvent {
    pub(super) fn of(shard: ShardId, row: &AuditRow, namespace: &str) -> Self {
        let subject = match (&row.run, &row.task_id, &row.agent_name) {
            (Some(run), Some(task), _) => Some(format!("{run}/{task}")),
            (Some(run), None, _) => Some(run.to_string()),
            (None, _, Some(agent)) => Some(agent.to_string()),
            (None, _, None) => None,
        };
        let data = json!({
            "run": row.run,
            "task": row.task_id,
            "agent": row.agent_name,
            "details": shown(row.details.clone()),
        });
        Self {
            number: row.number,
            at: row.timestamp,
            audited: row.event_type,
            kind: row.event_type.replace('_', "-"),
            namespace: namespace.to_owned(),
            id: format!("{shard}:{}", row.number),
            r#type: type_of(row.event_type),
            source: format!("/orkestra/shards/{shard}"),
            subject,
            data,
        }
    }

    /// What never changes, wherever it is read.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// As public events call it: `dev.orkestra.task.completed.v1`.
    pub(crate) fn kind_in_full(&self) -> &str {
        &self.r#type
    }

    /// What it is about: a run, a task in it, or an agent.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// What stands beside the body when it is told live: `CloudEvents` in binary mode.
    pub(super) fn headers(&self) -> Result<Headers> {
        let mut headers = Headers::new()
            .with("ce-specversion", "1.0")?
            .with("ce-id", &self.id)?
            .with("ce-source", &self.source)?
            .with("ce-type", &self.r#type)?
            .with("ce-time", &self.at.to_string())?
            .with("content-type", "application/json")?;
        let fits = |text: &str| text.len() <= HEADER_BYTES_MAX;
        if let Some(subject) = self.subject.as_deref().filter(|text| fits(text)) {
            headers = headers.with("ce-subject", subject)?;
        }
        let namespace = told_namespace(&self.namespace);
        // A namespace may be any text; one that fits no header stands in the subject still.
        Ok(headers.clone().with("ce-namespace", namespace).unwrap_or(headers))
    }

    /// As it is read again.
    pub(super) fn structured(&self) -> Value {
        json!(Structured {
            specversion: "1.0",
            id: &self.id,
            source: &self.source,
            r#type: &self.r#type,
            time: self.at.to_string(),
            subject: self.subject.as_deref(),
            namespace: told_namespace(&self.namespace),
            datacontenttype: "application/json",
            data: &self.data,
        })
    }
}

/// The type of a public event, from the type of a row: `dev.orkestra.task.completed.v1` of
/// `task_completed`.
pub(super) fn type_of(audited: &str) -> String {
    let (family, rest) = audited.split_once('_').unwrap_or(("scope", audited));
    format!("dev.orkestra.{family}.{rest}.v1")
}

/// Details as anybody may see them: JSON in place of what the journal keeps, and of what is
/// sensitive no more than its length.
fn shown(mut details: Value) -> Value {
    show(details.get_mut("output"));
    show(details.get_mut("said").and_then(|said| said.get_mut("answered")));
    details
}

fn show(at: Option<&mut Value>) {
    let Some(at) = at else { return };
    if let Ok(kept) = serde_json::from_value::<Payload>(at.take()) {
        *at = payload(&kept);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use orkestra_runtime::{
        fabric::BlobName,
        id::{RunId, TaskId},
        protocol::payload::Json,
    };

    use super::*;
    use crate::audit::TYPES;

    fn row(details: Value) -> AuditRow {
        AuditRow {
            event_id: "s3-7".into(),
            number: Number(7),
            timestamp: Wall::from_ms(1_000),
            event_type: "task_completed",
            run: RunId::new("r").ok(),
            task_id: TaskId::new("t").ok(),
            agent_name: None,
            details,
        }
    }

    #[test]
    fn every_type_of_the_audit_has_a_public_one_of_its_own() {
        let types: BTreeSet<String> = TYPES.into_iter().map(type_of).collect();
        assert_eq!(types.len(), TYPES.len());
        assert!(types.contains("dev.orkestra.task.completed.v1"));
        assert!(types.contains("dev.orkestra.scope.paused.v1"));
        assert!(types.contains("dev.orkestra.agent.breaker_opened.v1"));
    }

    #[test]
    fn an_event_is_told_in_two_modes_with_one_id() {
        let output = Payload::Inline(Json::parse(r#"{"sum":6}"#).unwrap());
        let event = PublicEvent::of(ShardId(3), &row(json!({ "output": output })), "");
        let headers = event.headers().unwrap();
        assert_eq!(headers.get("ce-id"), Some("3:7"));
        assert_eq!(headers.get("ce-type"), Some("dev.orkestra.task.completed.v1"));
        assert_eq!(headers.get("ce-subject"), Some("r/t"));
        assert_eq!(headers.get("ce-namespace"), Some("default"));
        let read = event.structured();
        assert_eq!(
            (&read["id"], &read["time"]),
            (&json!("3:7"), &json!("1970-01-01T00:00:01.000Z"))
        );
        assert_eq!(read["data"]["details"]["output"], json!({ "sum": 6 }));
        assert_eq!(event.kind, "task-completed");
    }

    #[test]
    fn what_is_sensitive_is_told_by_its_length_alone() {
        let name = BlobName::of(b"sealed");
        let sealed = Payload::Sensitive { name: name.clone(), bytes: 9 };
        let answered = json!({ "said": { "answered": sealed }, "output": sealed });
        let event = PublicEvent::of(ShardId(0), &row(answered), "x");
        let told = event.structured().to_string();
        assert!(!told.contains(&name.to_string()), "{told}");
        assert!(told.contains(r#""sensitive":true"#), "{told}");
    }
}
