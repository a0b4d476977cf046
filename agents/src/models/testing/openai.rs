//! `OpenAI` Chat Completions, from the server's side, as each of its speakers speaks it.

use serde_json::{Value, json};

use super::format::{Error, Format, Said, Trouble, Wrong, cut, data, demand, list, only, text};

/// How one of them differs.
#[derive(Debug)]
pub(super) struct OpenAi {
    path: &'static str,
    max_tokens: &'static str,
    /// Whether thoughts are counted beside what was completed.
    counts_thoughts_apart: bool,
    /// Whether an error stands at the top instead of within one.
    has_flat_errors: bool,
}

pub(super) const OPENAI: OpenAi = OpenAi {
    path: "/v1/chat/completions",
    max_tokens: "max_completion_tokens",
    counts_thoughts_apart: false,
    has_flat_errors: false,
};
pub(super) const GITHUB: OpenAi =
    OpenAi { path: "/inference/chat/completions", max_tokens: "max_tokens", ..OPENAI };
pub(super) const XAI: OpenAi =
    OpenAi { counts_thoughts_apart: true, has_flat_errors: true, ..OPENAI };
pub(super) const COMPATIBLE: OpenAi = OpenAi { max_tokens: "max_tokens", ..OPENAI };

impl Format for OpenAi {
    fn check(&self, path: &str, body: &Value) -> Result<(), Wrong> {
        demand(path == self.path, "Not Found")?;
        only(
            body,
            &[
                "model",
                "messages",
                "temperature",
                self.max_tokens,
                "tools",
                "response_format",
                "stream",
                "stream_options",
            ],
        )?;
        let messages = list(body, "/messages");
        demand(!messages.is_empty(), "messages: too short")?;
        let mut open: Vec<&str> = Vec::new();
        for message in messages {
            match text(message, "/role") {
                "tool" => {
                    let of = text(message, "/tool_call_id");
                    demand(open.contains(&of), "a tool message answers no call")?;
                    open.retain(|id| *id != of);
                }
                "system" | "user" | "assistant" => {
                    demand(open.is_empty(), "each tool call must be answered")?;
                    demand(message["content"].is_string(), "content: must be a string")?;
                }
                _ => return Err("role: unknown".into()),
            }
            for call in list(message, "/tool_calls") {
                demand(call["function"]["arguments"].is_string(), "arguments: must be a string")?;
                open.push(text(call, "/id"));
            }
        }
        for tool in list(body, "/tools") {
            demand(text(tool, "/type") == "function", "tools: type is required")?;
            demand(tool["function"]["parameters"].is_object(), "tools: parameters are required")?;
        }
        if body["response_format"].is_object() {
            let schema = &body["response_format"]["json_schema"]["schema"];
            demand(schema.is_object(), "response_format: schema is required")?;
        }
        Ok(())
    }

    fn is_streamed(&self, _: &str, body: &Value) -> bool {
        body["stream"] == json!(true)
    }

    fn whole(&self, said: &Said, body: &Value) -> Value {
        let mut message = json!({ "role": "assistant", "content": said.text, "refusal": null });
        if said.is_refused {
            message["refusal"] = said.text.as_str().into();
            message["content"] = Value::Null;
        }
        if !said.calls.is_empty() {
            message["tool_calls"] =
                said.calls.iter().enumerate().map(|(at, it)| call(at, it)).collect();
        }
        let choice = json!({ "index": 0, "message": message, "finish_reason": stop(said) });
        let mut whole = json!({ "id": "answer-1", "object": "chat.completion", "created": 1,
            "model": body["model"], "choices": [choice] });
        self.count(said, &mut whole);
        whole
    }

    fn pieces(&self, said: &Said, body: &Value) -> Vec<String> {
        let chunk = |delta: Value, stop: Value| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": stop });
            json!({ "id": "answer-1", "object": "chat.completion.chunk", "created": 1,
                "model": body["model"], "choices": [choice] })
        };
        let piece = |delta: Value| data(&chunk(delta, Value::Null));
        let mut pieces = vec![piece(json!({ "role": "assistant", "content": "" }))];
        let field = if said.is_refused { "refusal" } else { "content" };
        pieces.extend(cut(&said.text).into_iter().map(|part| piece(json!({ field: part }))));
        for (at, one) in said.calls.iter().enumerate() {
            let mut begin = call(at, one);
            begin["index"] = at.into();
            begin["function"]["arguments"] = "".into();
            pieces.push(piece(json!({ "tool_calls": [begin] })));
            pieces.extend(cut(&one.1.to_string()).into_iter().map(|part| {
                let more = json!({ "index": at, "function": { "arguments": part } });
                piece(json!({ "tool_calls": [more] }))
            }));
        }
        pieces.push(data(&chunk(json!({}), stop(said).into())));
        if body["stream_options"]["include_usage"] == json!(true) {
            let mut last = chunk(json!({}), Value::Null);
            last["choices"] = json!([]);
            self.count(said, &mut last);
            pieces.push(data(&last));
        }
        pieces.push("data: [DONE]\n\n".into());
        pieces
    }

    fn busy(&self) -> String {
        data(&self.error(503, "overloaded", "The server is busy", Vec::new()).body)
    }

    fn trouble(&self, trouble: &Trouble) -> Error {
        let (status, code, message) = match trouble {
            Trouble::RateLimited(_) => (429, "rate_limit_exceeded", "Rate limit reached"),
            Trouble::NoCredit => (429, "insufficient_quota", "You exceeded your current quota"),
            Trouble::Forbidden => (403, "unsupported_country", "Country not supported"),
            Trouble::Overloaded => (503, "overloaded", "The engine is currently overloaded"),
            Trouble::Broken => (500, "server_error", "The server had an error"),
            Trouble::TooLong if self.path == GITHUB.path => {
                (413, "tokens_limit_reached", "Request body too large for the model")
            }
            Trouble::TooLong if self.has_flat_errors => {
                (400, "invalid-argument", "This model's maximum prompt length is 131072")
            }
            Trouble::TooLong => {
                (400, "context_length_exceeded", "This model's maximum context length is 8192")
            }
            Trouble::NoSuchModel => (404, "model_not_found", "The model does not exist"),
            Trouble::Moved(to) => {
                return Error {
                    status: 308,
                    headers: vec![("location", to.clone())],
                    body: json!(""),
                };
            }
        };
        let headers = match trouble {
            Trouble::RateLimited(Some(after)) => vec![("retry-after", after.clone())],
            _ => Vec::new(),
        };
        self.error(status, code, message, headers)
    }

    fn wrong_key(&self, key: &str) -> Error {
        let said = format!("Incorrect API key provided: {key}.");
        // As one of them documents it: a wrong key is a wrong question.
        let status = if self.has_flat_errors { 400 } else { 401 };
        self.error(status, "invalid_api_key", &said, Vec::new())
    }

    fn wrong(&self, why: &str) -> Error {
        self.error(400, "invalid_request_error", why, Vec::new())
    }
}

impl OpenAi {
    fn error(
        &self,
        status: u16,
        code: &str,
        message: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Error {
        let body = if self.has_flat_errors {
            json!({ "code": code, "error": message })
        } else {
            json!({ "error": { "message": message, "type": "error", "param": null, "code": code } })
        };
        Error { status, headers, body }
    }

    fn count(&self, said: &Said, whole: &mut Value) {
        let Some(usage) = said.usage else { return };
        let prompt = usage.input + usage.cached_input;
        let apart = if self.counts_thoughts_apart { said.thought } else { 0 };
        whole["usage"] = json!({
            "prompt_tokens": prompt,
            "completion_tokens": usage.output - apart,
            "total_tokens": prompt + usage.output,
            "prompt_tokens_details": { "cached_tokens": usage.cached_input },
            "completion_tokens_details": { "reasoning_tokens": said.thought },
        });
    }
}

fn call(at: usize, (name, arguments): &(String, Value)) -> Value {
    let function = json!({ "name": name, "arguments": arguments.to_string() });
    json!({ "id": format!("call_{at}"), "type": "function", "function": function })
}

fn stop(said: &Said) -> &'static str {
    match said {
        Said { is_cut: true, .. } => "length",
        Said { calls, .. } if !calls.is_empty() => "tool_calls",
        Said { .. } => "stop",
    }
}
