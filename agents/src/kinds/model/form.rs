//! What an answer must look like, and whether it does.

use jsonschema::Validator;
use orkestra_runtime::protocol::payload::Json;
use serde_json::Value;

use crate::models::AnswerSchema;

/// The largest schema, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// How many of the things that are wrong with an answer the model is told.
const TOLD_MAX: usize = 5;
/// How much of each.
const TOLD_BYTES_MAX: usize = 300;

/// A schema that is ready to check answers. References to elsewhere are not followed.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) schema: AnswerSchema,
    validator: Validator,
}

impl Form {
    /// Reads a schema; the error says what is wrong with it.
    pub(super) fn of(schema: AnswerSchema) -> Result<Self, String> {
        let bytes = schema.schema.to_string().len();
        if bytes > SCHEMA_BYTES_MAX {
            return Err(format!(
                "the schema has {bytes} bytes, at most {SCHEMA_BYTES_MAX} are read"
            ));
        }
        let validator = jsonschema::validator_for(&schema.schema).map_err(|error| {
            cut(&format!("the schema of the answer is no JSON Schema: {error}"))
        })?;
        Ok(Self { schema, validator })
    }

    /// The answer, if a text is one that fits; otherwise what is wrong with it.
    pub(super) fn read(&self, text: &str) -> Result<Json, String> {
        let text = unfenced(text);
        // What is kept has narrower bounds than what can be read.
        let json = Json::parse(text).map_err(|error| cut(&error.to_string()))?;
        let value: Value = json.read().map_err(|error| cut(&error.to_string()))?;
        let wrong: Vec<String> = self
            .validator
            .iter_errors(&value)
            .take(TOLD_MAX)
            .map(|error| cut(&format!("at {:?}: {error}", error.instance_path().to_string())))
            .collect();
        if wrong.is_empty() { Ok(json) } else { Err(wrong.join("; ")) }
    }
}

/// Without the fence that many put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let Some(inner) = inner else { return text };
    inner.strip_prefix("json").unwrap_or(inner).trim()
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(TOLD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(schema: Value) -> Result<Form, String> {
        Form::of(AnswerSchema { name: "answer".into(), schema })
    }

    #[test]
    fn an_answer_fits_or_is_told_what_is_wrong() {
        let form = form(json!({ "type": "object", "required": ["score"],
            "properties": { "score": { "type": "integer", "minimum": 0, "maximum": 100 } } }))
        .unwrap();
        assert_eq!(form.read(" {\"score\": 7}\n").unwrap().as_str(), "{\"score\": 7}");
        assert_eq!(form.read("```json\n{\"score\":7}\n```").unwrap().as_str(), "{\"score\":7}");
        let wrong = form.read("{\"score\": 101}").unwrap_err();
        assert!(wrong.contains("/score") && wrong.contains("100"), "{wrong}");
        let wrong = form.read("{}").unwrap_err();
        assert!(wrong.contains("score"), "{wrong}");
        assert!(form.read("fine!").unwrap_err().contains("not JSON"));
        let long = form.read(&format!("{{\"score\":{:?}}}", "x".repeat(9_000))).unwrap_err();
        assert!(long.len() <= TOLD_BYTES_MAX + 3, "{long}");
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        assert!(form(json!({ "type": "thing" })).unwrap_err().contains("no JSON Schema"));
        let large = form(json!({ "description": "x".repeat(SCHEMA_BYTES_MAX) })).unwrap_err();
        assert!(large.contains("bytes"), "{large}");
    }

    #[test]
    fn a_schema_elsewhere_is_not_fetched() {
        assert!(form(json!({ "$ref": "http://127.0.0.1:1/schema.json" })).is_err());
        assert!(form(json!({ "$ref": "file:///etc/hostname" })).is_err());
    }
}
