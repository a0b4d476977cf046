//! `OpenAI` Chat Completions: `POST /chat/completions`, as its many speakers speak it.

use serde_json::{Value, json};

use super::{
    super::{
        assembly::{Assembly, Hear},
        error::{ModelError, Sort, said},
        prices::Structured,
        provider::{Dialect, MaxTokens},
        sse::Event,
        words::{Message, Piece, Stop, ToolCall, Usage},
    },
    Asked, Heard, Reader, Refusal, Wire,
    read::{self, count, list, text},
};

/// The format, with the small differences of one speaker.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenAi {
    pub(super) dialect: &'static Dialect,
}

impl Wire for OpenAi {
    fn path(&self, _: &Asked<'_>) -> String {
        "/chat/completions".into()
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        self.dialect.headers
    }

    fn key(&self, key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
    }

    fn body(&self, asked: &Asked<'_>) -> Value {
        let request = asked.request;
        let system = request.system.iter().map(|text| json!({ "role": "system", "content": text }));
        let messages: Vec<Value> = system.chain(request.messages.iter().map(message)).collect();
        let mut body = json!({ "model": asked.model, "messages": messages });
        if let Some(temperature) = request.temperature.filter(|_| asked.traits.takes_temperature) {
            body["temperature"] = json!(temperature);
        }
        if let Some(most) = request.max_tokens {
            let name = match self.dialect.max_tokens {
                MaxTokens::Completion => "max_completion_tokens",
                MaxTokens::Plain => "max_tokens",
            };
            body[name] = json!(most);
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                let (name, description) = (&tool.name, &tool.description);
                let parameters = &tool.parameters;
                let function =
                    json!({ "name": name, "description": description, "parameters": parameters });
                json!({ "type": "function", "function": function })
            });
            body["tools"] = tools.collect();
        }
        if let Some(answer) = &request.answer
            && asked.traits.structured != Structured::Prompt
        {
            // Strict is refused for schemas that leave anything open.
            let strict = is_closed(&answer.schema);
            let schema = json!({ "name": answer.name, "schema": answer.schema, "strict": strict });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        if asked.is_streamed {
            body["stream"] = json!(true);
            body["stream_options"] = json!({ "include_usage": true });
        }
        body
    }

    fn read(&self, whole: &Value, _: &Asked<'_>) -> Result<Assembly, ModelError> {
        let mut reading = Reading::default();
        reading.around(whole);
        if let Some(choice) = list(whole, "/choices").first() {
            let message = choice.get("message").unwrap_or(&Value::Null);
            reading.part(message, &mut None)?;
            reading.stop(text(choice, "/finish_reason"));
        }
        Ok(reading.assembly)
    }

    fn reader(&self, _: &Asked<'_>) -> Box<dyn Reader> {
        Box::<Reading>::default()
    }

    fn refusal(&self, status: u16, body: &Value) -> Refusal {
        refusal(status, body)
    }
}

/// What an error means. Most speakers nest it, some do not, and codes may be numbers.
fn refusal(status: u16, body: &Value) -> Refusal {
    let nested = ["/error/message", "/message", "/error", "/detail"];
    let what = nested.iter().map(|at| text(body, at)).find(|text| !text.is_empty());
    let what = said(what.unwrap_or_default());
    let codes = ["/error/code", "/error/type", "/code", "/type"].map(|at| text(body, at));
    let is = |words: &[&str]| codes.iter().any(|code| words.contains(code));
    let sort =
        if is(&["context_length_exceeded", "tokens_limit_reached", "exceed_context_size_error"]) {
            Sort::TooLong
        } else if is(&["content_filter", "content_policy_violation"]) {
            Sort::Refused
        } else if is(&["insufficient_quota", "billing_hard_limit_reached", "invalid_api_key"]) {
            // Waiting brings no credit.
            Sort::NoAccess
        } else if matches!(status, 400 | 413 | 422) && read::says_too_long(&what) {
            Sort::TooLong
        } else if status == 400 && what.contains("Incorrect API key") {
            Sort::NoAccess
        } else {
            read::by_status(status)
        };
    Refusal { sort, said: what }
}

fn message(message: &Message) -> Value {
    match message {
        Message::User { text } => json!({ "role": "user", "content": text }),
        Message::Assistant { text, calls } => {
            let mut turn = json!({ "role": "assistant", "content": text });
            if !calls.is_empty() {
                turn["tool_calls"] = calls.iter().map(call).collect();
            }
            turn
        }
        Message::Tool { call, content, .. } => {
            json!({ "role": "tool", "tool_call_id": call, "content": content })
        }
    }
}

fn call(call: &ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments.to_string() });
    json!({ "id": call.id, "type": "function", "function": function })
}

/// Whether each object of a schema names all that it may hold, and demands it.
fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(entries) => {
            let is_closed_here =
                entries.get("properties").and_then(Value::as_object).is_none_or(|all| {
                    let required = list(schema, "/required");
                    let has = |name: &String| required.iter().any(|it| it.as_str() == Some(name));
                    schema.get("additionalProperties") == Some(&json!(false)) && all.keys().all(has)
                });
            let is_open_object =
                schema.get("type") == Some(&json!("object")) && !entries.contains_key("properties");
            is_closed_here && !is_open_object && entries.values().all(is_closed)
        }
        Value::Array(items) => items.iter().all(is_closed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[derive(Default)]
struct Reading {
    assembly: Assembly,
    refused: String,
}

impl Reading {
    /// What stands beside the choices.
    fn around(&mut self, body: &Value) {
        self.assembly.id = self.assembly.id.take().or_else(|| read::word(body, "/id"));
        self.assembly.model = self.assembly.model.take().or_else(|| read::word(body, "/model"));
        if let Some(usage) = body.get("usage").filter(|usage| usage.is_object()) {
            let prompt = count(usage, "/prompt_tokens");
            let cached = count(usage, "/prompt_tokens_details/cached_tokens").min(prompt);
            // Some count thoughts as completion, some only in the total.
            let thought_too = count(usage, "/total_tokens").saturating_sub(prompt);
            let output = count(usage, "/completion_tokens").max(thought_too);
            self.assembly.usage =
                Some(Usage { input: prompt - cached, cached_input: cached, output });
        }
    }

    /// A message, or a part of one.
    fn part(&mut self, part: &Value, hear: &mut Option<Hear<'_>>) -> Result<(), ModelError> {
        self.assembly.text(text(part, "/content"), hear)?;
        self.refused.push_str(&said(text(part, "/refusal")));
        for (at, part) in list(part, "/tool_calls").iter().enumerate() {
            // A whole message numbers its calls by their place.
            let number = part.get("index").and_then(Value::as_u64).unwrap_or(at as u64);
            let call = self.assembly.call(number)?;
            let (id, name) = (text(part, "/id"), text(part, "/function/name"));
            if call.id.is_empty() {
                id.clone_into(&mut call.id);
            }
            if call.name.is_empty() && !name.is_empty() {
                name.clone_into(&mut call.name);
                if let Some(hear) = hear {
                    hear(Piece::Calling(name));
                }
            }
            match part.pointer("/function/arguments") {
                Some(Value::String(arguments)) => call.push(arguments)?,
                // Some speakers give an object instead of its text.
                Some(whole @ Value::Object(_)) => call.push(&whole.to_string())?,
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    fn stop(&mut self, reason: &str) {
        self.assembly.stop = match reason {
            "" => return,
            "length" => Some(Stop::MaxTokens),
            "tool_calls" | "function_call" => Some(Stop::ToolCalls),
            "content_filter" => {
                self.assembly.refused = Some("the provider's filter keeps the answer back".into());
                return;
            }
            _ => Some(Stop::Done),
        };
        if !self.refused.is_empty() {
            let why = said(&std::mem::take(&mut self.refused));
            self.assembly.refused = Some(format!("the model refused to answer this: {why}"));
        }
    }
}

impl Reader for Reading {
    fn event(&mut self, event: &Event, hear: &mut Option<Hear<'_>>) -> Result<Heard, ModelError> {
        if event.data.trim() == "[DONE]" {
            return Ok(Heard::Whole);
        }
        let data = read::data(event)?;
        if data.get("error").is_some_and(|error| !error.is_null()) {
            return Err(read::broken_off(refusal(500, &data)));
        }
        self.around(&data);
        if let Some(choice) = list(&data, "/choices").first() {
            self.part(choice.get("delta").unwrap_or(&Value::Null), hear)?;
            self.stop(text(choice, "/finish_reason"));
        }
        Ok(Heard::More)
    }

    fn assembly(self: Box<Self>) -> Assembly {
        self.assembly
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_schema_that_leaves_nothing_open_is_asked_for_strictly() {
        let closed = json!({ "type": "object", "properties": { "a": { "type": "string" } },
            "required": ["a"], "additionalProperties": false });
        assert!(is_closed(&closed));
        for (open, how) in [("required", json!([])), ("additionalProperties", json!(true))] {
            let mut schema = closed.clone();
            schema[open] = how;
            assert!(!is_closed(&schema), "{schema}");
            assert!(!is_closed(&json!({ "type": "array", "items": schema })));
        }
        assert!(!is_closed(&json!({ "type": "object" })));
    }

    #[test]
    fn each_way_to_say_an_error_is_understood() {
        let sorted = |status, body| refusal(status, &body).sort;
        let again = Sort::Retry { after: None };
        assert_eq!(sorted(429, json!({ "error": { "code": "rate_limit_exceeded" } })), again);
        assert_eq!(
            sorted(429, json!({ "error": { "code": "insufficient_quota" } })),
            Sort::NoAccess
        );
        assert_eq!(
            sorted(413, json!({ "error": { "code": "tokens_limit_reached" } })),
            Sort::TooLong
        );
        let numbered = json!({ "error": { "code": 400, "type": "exceed_context_size_error" } });
        assert_eq!(sorted(400, numbered), Sort::TooLong);
        let said =
            json!({ "object": "error", "message": "This model's maximum context length is 8" });
        assert_eq!(sorted(400, said), Sort::TooLong);
        let flat = json!({ "code": "x", "error": "Incorrect API key provided" });
        assert_eq!(sorted(400, flat), Sort::NoAccess);
        assert_eq!(sorted(503, Value::Null), again);
    }
}
