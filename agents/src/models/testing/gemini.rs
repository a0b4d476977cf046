//! Gemini, from the server's side.

use serde_json::{Value, json};

use super::format::{Error, Format, Said, Trouble, Wrong, cut, data, demand, list, only, text};

#[derive(Debug)]
pub(super) struct Gemini;

const STREAM: &str = ":streamGenerateContent?alt=sse";

impl Format for Gemini {
    fn check(&self, path: &str, body: &Value) -> Result<(), Wrong> {
        let is_known = path.ends_with(":generateContent") || path.ends_with(STREAM);
        demand(path.starts_with("/v1beta/models/") && is_known, "Not Found")?;
        only(body, &["contents", "systemInstruction", "tools", "generationConfig"])?;
        let contents = list(body, "/contents");
        demand(!contents.is_empty(), "contents is not specified")?;
        let mut asked: Vec<&str> = Vec::new();
        for (at, content) in contents.iter().enumerate() {
            let expected = if at % 2 == 0 { "user" } else { "model" };
            demand(text(content, "/role") == expected, "Please ensure that turns alternate")?;
            for part in list(content, "/parts") {
                if let Some(call) = part.get("functionCall") {
                    demand(call["args"].is_object(), "args: must be an object")?;
                    demand(
                        text(part, "/thoughtSignature") == SIGNATURE,
                        "Function call is missing a thought_signature",
                    )?;
                    asked.push(text(call, "/name"));
                }
                if let Some(answer) = part.get("functionResponse") {
                    demand(answer["response"].is_object(), "response: must be an object")?;
                    let name = text(answer, "/name");
                    demand(asked.contains(&name), "a function response answers no call")?;
                }
            }
        }
        if let Some(settings) = body.get("generationConfig") {
            only(
                settings,
                &["temperature", "maxOutputTokens", "responseMimeType", "responseJsonSchema"],
            )?;
            let is_json = text(settings, "/responseMimeType") == "application/json";
            let has_schema = settings.get("responseJsonSchema").is_some();
            demand(is_json || !has_schema, "a schema needs the type application/json")?;
        }
        Ok(())
    }

    fn is_streamed(&self, path: &str, _: &Value) -> bool {
        path.ends_with(STREAM)
    }

    fn whole(&self, said: &Said, _: &Value) -> Value {
        let mut parts: Vec<Value> = Vec::new();
        if said.thought > 0 {
            parts.push(json!({ "text": "thinking about it", "thought": true }));
        }
        if !said.text.is_empty() && !said.is_refused {
            parts.push(json!({ "text": said.text }));
        }
        parts.extend(said.calls.iter().map(call));
        part(said, &parts, true)
    }

    fn pieces(&self, said: &Said, _: &Value) -> Vec<String> {
        let mut pieces = Vec::new();
        let words = if said.is_refused { Vec::new() } else { cut(&said.text) };
        for word in words {
            pieces.push(data(&part(said, &[json!({ "text": word })], false)));
        }
        let calls: Vec<Value> = said.calls.iter().map(call).collect();
        pieces.push(data(&part(said, &calls, true)));
        pieces
    }

    fn busy(&self) -> String {
        data(&error(503, "UNAVAILABLE", "The model is overloaded.", &[]).body)
    }

    fn trouble(&self, trouble: &Trouble) -> Error {
        let (status, word, message) = match trouble {
            Trouble::RateLimited(_) => (429, "RESOURCE_EXHAUSTED", "You exceeded your quota."),
            Trouble::NoCredit => (403, "PERMISSION_DENIED", "Billing is disabled."),
            Trouble::Forbidden => (403, "PERMISSION_DENIED", "The caller lacks permission"),
            Trouble::Overloaded => (503, "UNAVAILABLE", "The model is overloaded."),
            Trouble::Broken => (500, "INTERNAL", "An internal error has occurred."),
            Trouble::TooLong => (
                400,
                "INVALID_ARGUMENT",
                "The input token count (1048577) exceeds the maximum number of tokens allowed",
            ),
            Trouble::NoSuchModel => (404, "NOT_FOUND", "models/no-such-model is not found"),
            Trouble::Moved(to) => {
                return Error {
                    status: 302,
                    headers: vec![("location", to.clone())],
                    body: json!(""),
                };
            }
        };
        let details = match trouble {
            // It says so in the body, and in whole seconds only.
            Trouble::RateLimited(Some(after)) if after.parse::<u64>().is_ok() => {
                let kind = "type.googleapis.com/google.rpc.RetryInfo";
                vec![json!({ "@type": kind, "retryDelay": format!("{after}s") })]
            }
            _ => Vec::new(),
        };
        let mut error = error(status, word, message, &details);
        if let Trouble::RateLimited(Some(after)) = trouble
            && after.parse::<u64>().is_err()
        {
            error.headers.push(("retry-after", after.clone()));
        }
        error
    }

    fn wrong_key(&self, key: &str) -> Error {
        let said = format!("API key {key} not valid. Please pass a valid API key.");
        let kind = "type.googleapis.com/google.rpc.ErrorInfo";
        let details = vec![json!({ "@type": kind, "reason": "API_KEY_INVALID" })];
        error(400, "INVALID_ARGUMENT", &said, &details)
    }

    fn wrong(&self, why: &str) -> Error {
        error(400, "INVALID_ARGUMENT", why, &[])
    }
}

/// What must come back with a call.
const SIGNATURE: &str = "signed-by-the-server";

fn error(status: u16, word: &str, message: &str, details: &[Value]) -> Error {
    let error = json!({ "code": status, "message": message, "status": word, "details": details });
    Error { status, headers: Vec::new(), body: json!({ "error": error }) }
}

fn call((name, arguments): &(String, Value)) -> Value {
    let function = json!({ "name": name, "args": arguments });
    json!({ "functionCall": function, "thoughtSignature": SIGNATURE })
}

fn part(said: &Said, parts: &[Value], is_last: bool) -> Value {
    let mut candidate = json!({ "content": { "role": "model", "parts": parts }, "index": 0 });
    if is_last {
        candidate["finishReason"] = match said {
            Said { is_refused: true, .. } => "SAFETY".into(),
            Said { is_cut: true, .. } => "MAX_TOKENS".into(),
            Said { .. } => "STOP".into(),
        };
    }
    let mut part =
        json!({ "candidates": [candidate], "modelVersion": "the-model", "responseId": "answer-1" });
    if let Some(usage) = said.usage {
        let prompt = usage.input + usage.cached_input;
        part["usageMetadata"] = json!({
            "promptTokenCount": prompt,
            "cachedContentTokenCount": usage.cached_input,
            "candidatesTokenCount": usage.output - said.thought,
            "thoughtsTokenCount": said.thought,
            "totalTokenCount": prompt + usage.output,
        });
    }
    part
}
