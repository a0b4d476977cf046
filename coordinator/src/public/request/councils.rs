//! What can be asked of councils.

use orkestra_runtime::id::AgentId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Trouble, word};
use crate::{
    council::{DeliberationRequest, NewCouncil, Registration},
    door::{Code, Reason},
};

/// Something that is asked of councils.
#[derive(Clone, Debug)]
pub enum CouncilWord {
    /// Makes a council.
    Create(Box<NewCouncil>),
    /// Lists councils.
    List(ListCouncils),
    /// Ends one.
    Delete(DeleteCouncil),
    /// Gives an agent a seat.
    Register(Box<Registration>),
    /// Takes it away.
    Unregister(OfSeat),
    /// Gives a council something to think about.
    Deliberate(Box<DeliberationRequest>),
    /// Shows a deliberation.
    Get(OfDeliberation),
    /// Shows what happened in one.
    Minutes(OfDeliberation),
    /// Ends one without a winner.
    Cancel(CancelDeliberation),
}

/// Councils.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListCouncils {
    /// Whose.
    pub namespace: Option<String>,
    /// Only of this role.
    pub role: Option<String>,
}

/// A council that is to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteCouncil {
    /// Whose.
    pub namespace: Option<String>,
    /// Of which role.
    pub role: String,
    /// Whether what it deliberates about is cancelled; else it is refused while it does.
    #[serde(default)]
    pub force: bool,
}

/// One seat.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfSeat {
    /// Whose council.
    pub namespace: Option<String>,
    /// Of which role.
    pub role: String,
    /// Which seat.
    pub agent_id: AgentId,
}

/// One deliberation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfDeliberation {
    /// Whose.
    pub namespace: Option<String>,
    /// Which.
    pub id: String,
    /// How long to wait until it is over before it is shown, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
}

/// A deliberation that is to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelDeliberation {
    /// Whose.
    pub namespace: Option<String>,
    /// Which.
    pub id: String,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Reason,
    /// For whom it is asked, for the record.
    pub r#as: Option<AgentId>,
}

impl CouncilWord {
    /// Reads what was sent to a subject below `council.`; none if there is none such.
    pub(super) fn read(verb: &str, body: &[u8]) -> Result<Option<Self>, Trouble> {
        Ok(Some(match verb {
            "create" => Self::Create(Box::new(strict(body)?)),
            "list" => Self::List(word(body)?),
            "delete" => Self::Delete(word(body)?),
            "register" => Self::Register(Box::new(strict(body)?)),
            "unregister" => Self::Unregister(word(body)?),
            "deliberate" => Self::Deliberate(Box::new(strict(body)?)),
            "get" => Self::Get(word(body)?),
            "minutes" => Self::Minutes(word(body)?),
            "cancel" => Self::Cancel(word(body)?),
            _ => return Ok(None),
        }))
    }
}

/// Reads words that are stored as well, and so skip fields that they do not know: whoever asks is
/// told of one that was not read.
fn strict<T: DeserializeOwned + Serialize>(body: &[u8]) -> Result<T, Trouble> {
    let read: T = word(body)?;
    let given: Value = word(body)?;
    let kept = serde_json::to_value(&read)
        .map_err(|_| Trouble::new(Code::Fault, "cannot tell what was read"))?;
    match unread(&given, &kept) {
        Some(field) => Err(Trouble::new(Code::Invalid, format!("unknown field `{field}`"))),
        None => Ok(read),
    }
}

/// The first field that was given and is not among what was kept.
fn unread(given: &Value, kept: &Value) -> Option<String> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(key, value)| {
            let Some(kept) = kept.get(key) else { return Some(key.clone()) };
            unread(value, kept).map(|rest| format!("{key}.{rest}"))
        }),
        (Value::Array(given), Value::Array(kept)) => {
            given.iter().zip(kept).find_map(|(given, kept)| unread(given, kept))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(verb: &str, body: &str) -> String {
        match CouncilWord::read(verb, body.as_bytes()) {
            Ok(Some(word)) => format!("{word:?}"),
            Ok(None) => "nobody".to_owned(),
            Err(trouble) => trouble.message,
        }
    }

    #[test]
    fn what_is_misspelled_anywhere_is_told_by_its_place() {
        let council = r#"{"role": "DEV", "config": {"checks": {"lint": {"max_lines": 1}}}}"#;
        assert_eq!(told("create", council), "unknown field `config.checks.lint.max_lines`");
        let request =
            r#"{"role": "DEV", "task": "t", "checks": {"policy": {"forbidden": [{"txt": "x"}]}}}"#;
        assert_eq!(told("deliberate", request), "unknown field `checks.policy.forbidden.txt`");
        assert_eq!(told("dance", "{}"), "nobody");
        let fine =
            r#"{"role": "DEV", "selection": {"architect": {}}, "metadata": {"any": "thing"}}"#;
        assert!(
            told("deliberate", fine).starts_with("Deliberate("),
            "{}",
            told("deliberate", fine)
        );
    }
}
