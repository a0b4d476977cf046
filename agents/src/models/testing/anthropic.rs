//! Anthropic Messages, from the server's side.

use serde_json::{Value, json};

use super::format::{Error, Format, Said, Trouble, Wrong, cut, demand, list, only, text};

#[derive(Debug)]
pub(super) struct Anthropic;

impl Format for Anthropic {
    fn check(&self, path: &str, body: &Value) -> Result<(), Wrong> {
        demand(path == "/v1/messages", "Not Found")?;
        only(
            body,
            &[
                "model",
                "max_tokens",
                "messages",
                "system",
                "temperature",
                "tools",
                "tool_choice",
                "output_config",
                "stream",
            ],
        )?;
        demand(body["max_tokens"].as_u64() > Some(0), "max_tokens: Field required")?;
        let temperature = body["temperature"].as_f64().unwrap_or(0.0);
        demand((0.0..=1.0).contains(&temperature), "temperature: range: 0..1")?;
        let messages = list(body, "/messages");
        demand(!messages.is_empty(), "messages: at least one message is required")?;
        for (at, message) in messages.iter().enumerate() {
            let expected = if at % 2 == 0 { "user" } else { "assistant" };
            demand(text(message, "/role") == expected, "messages: roles must alternate")?;
            for block in list(message, "/content") {
                let is_empty = text(block, "/type") == "text" && text(block, "/text").is_empty();
                demand(!is_empty, "messages: text content blocks must be non-empty")?;
                if text(block, "/type") == "tool_result" {
                    let asked = list(&messages[at - 1], "/content").iter();
                    let mut ids = asked.map(|block| text(block, "/id"));
                    let of = text(block, "/tool_use_id");
                    demand(ids.any(|id| id == of), "unexpected tool_use_id in tool_result")?;
                }
            }
        }
        for tool in list(body, "/tools") {
            demand(tool["input_schema"].is_object(), "tools: input_schema: Field required")?;
        }
        Ok(())
    }

    fn is_streamed(&self, _: &str, body: &Value) -> bool {
        body["stream"] == json!(true)
    }

    fn whole(&self, said: &Said, body: &Value) -> Value {
        let mut message = begun(said, body);
        message["content"] = blocks(said, body).into();
        message["stop_reason"] = stop(said, body).into();
        if let Some(usage) = said.usage {
            message["usage"]["output_tokens"] = usage.output.into();
        }
        message
    }

    fn pieces(&self, said: &Said, body: &Value) -> Vec<String> {
        let mut pieces = vec![
            event("message_start", json!({ "message": begun(said, body) })),
            event("ping", json!({})),
        ];
        for (at, block) in blocks(said, body).into_iter().enumerate() {
            let (begin, deltas) = if text(&block, "/type") == "tool_use" {
                let delta = |part| json!({ "type": "input_json_delta", "partial_json": part });
                let parts = cut(&block["input"].to_string());
                let mut begin = block.clone();
                begin["input"] = json!({});
                (begin, parts.into_iter().map(delta).collect::<Vec<_>>())
            } else {
                let delta = |part| json!({ "type": "text_delta", "text": part });
                let parts = cut(text(&block, "/text")).into_iter().map(delta);
                (json!({ "type": "text", "text": "" }), parts.collect())
            };
            pieces
                .push(event("content_block_start", json!({ "index": at, "content_block": begin })));
            let deltas = deltas.into_iter();
            pieces.extend(
                deltas.map(|delta| {
                    event("content_block_delta", json!({ "index": at, "delta": delta }))
                }),
            );
            pieces.push(event("content_block_stop", json!({ "index": at })));
        }
        let delta = json!({ "stop_reason": stop(said, body), "stop_sequence": null });
        let mut last = json!({ "delta": delta });
        if let Some(usage) = said.usage {
            last["usage"] = json!({ "output_tokens": usage.output });
        }
        pieces.extend([event("message_delta", last), event("message_stop", json!({}))]);
        pieces
    }

    fn busy(&self) -> String {
        let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
        event("error", json!({ "error": error }))
    }

    fn trouble(&self, trouble: &Trouble) -> Error {
        let (status, kind, message) = match trouble {
            Trouble::RateLimited(_) => {
                (429, "rate_limit_error", "This would exceed your rate limit")
            }
            Trouble::NoCredit => {
                (400, "invalid_request_error", "Your credit balance is too low to access this")
            }
            Trouble::Forbidden => (403, "permission_error", "Your key may not use this resource"),
            Trouble::Overloaded => (529, "overloaded_error", "Overloaded"),
            Trouble::Broken => (500, "api_error", "Internal server error"),
            Trouble::TooLong => {
                (400, "invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum")
            }
            Trouble::NoSuchModel => (404, "not_found_error", "model: no-such-model"),
            Trouble::Moved(to) => {
                return Error {
                    status: 307,
                    headers: vec![("location", to.clone())],
                    body: json!(""),
                };
            }
        };
        let headers = match trouble {
            Trouble::RateLimited(Some(after)) => vec![("retry-after", after.clone())],
            _ => Vec::new(),
        };
        error(status, kind, message, headers)
    }

    fn wrong_key(&self, key: &str) -> Error {
        error(401, "authentication_error", &format!("invalid x-api-key {key}"), Vec::new())
    }

    fn wrong(&self, why: &str) -> Error {
        error(400, "invalid_request_error", why, Vec::new())
    }
}

fn error(status: u16, kind: &str, message: &str, headers: Vec<(&'static str, String)>) -> Error {
    let error = json!({ "type": kind, "message": message });
    Error {
        status,
        headers,
        body: json!({ "type": "error", "error": error, "request_id": "req_1" }),
    }
}

fn event(name: &str, mut data: Value) -> String {
    data["type"] = name.into();
    format!("event: {name}\ndata: {data}\n\n")
}

fn begun(said: &Said, body: &Value) -> Value {
    let mut message = json!({
        "id": "answer-1", "type": "message", "role": "assistant", "model": body["model"],
        "content": [], "stop_reason": null, "stop_sequence": null,
    });
    if let Some(usage) = said.usage {
        message["usage"] = json!({ "input_tokens": usage.input, "output_tokens": 1,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": usage.cached_input });
    }
    message
}

/// The tool that must be used, if one must: then the text is what it is called with.
fn forced(body: &Value) -> Option<&str> {
    let is_forced = text(body, "/tool_choice/type") == "tool";
    Some(text(body, "/tool_choice/name")).filter(|_| is_forced)
}

fn blocks(said: &Said, body: &Value) -> Vec<Value> {
    let mut blocks = Vec::new();
    if let Some(tool) = forced(body).filter(|_| !said.text.is_empty()) {
        let input: Value =
            serde_json::from_str(&said.text).unwrap_or_else(|_| json!({ "said": said.text }));
        blocks.push(json!({ "type": "tool_use", "id": "toolu_0", "name": tool, "input": input }));
    } else if !said.text.is_empty() {
        blocks.push(json!({ "type": "text", "text": said.text }));
    }
    for (at, (name, input)) in said.calls.iter().enumerate() {
        let id = format!("toolu_{}", at + 1);
        blocks.push(json!({ "type": "tool_use", "id": id, "name": name, "input": input }));
    }
    blocks
}

fn stop(said: &Said, body: &Value) -> &'static str {
    match said {
        Said { is_refused: true, .. } => "refusal",
        Said { is_cut: true, .. } => "max_tokens",
        Said { calls, .. } if !calls.is_empty() || forced(body).is_some() => "tool_use",
        Said { .. } => "end_turn",
    }
}
