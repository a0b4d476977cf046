//! Anthropic Messages, version 2023-06-01: `POST /v1/messages`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{
        assembly::{Assembly, Hear},
        error::{ModelError, Sort, said},
        prices::Structured,
        sse::Event,
        words::{AnswerSchema, Message, Piece, Stop, Usage},
    },
    Asked, Heard, Reader, Refusal, Wire,
    read::{self, count, list, text},
};

/// What must be said; the format has no other way to leave the length open.
const MAX_TOKENS: u32 = 4_000;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anthropic;

impl Wire for Anthropic {
    fn path(&self, _: &Asked<'_>) -> String {
        "/v1/messages".into()
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn key(&self, key: &str) -> (&'static str, String) {
        ("x-api-key", key.to_owned())
    }

    fn body(&self, asked: &Asked<'_>) -> Value {
        let request = asked.request;
        let mut body = json!({
            "model": asked.model,
            "max_tokens": request.max_tokens.unwrap_or(MAX_TOKENS),
            "messages": messages(&request.messages),
        });
        if let Some(system) = &request.system {
            body["system"] = json!(system);
        }
        if let Some(temperature) = request.temperature.filter(|_| asked.traits.takes_temperature) {
            // Others go up to 2.
            body["temperature"] = json!(temperature.min(1.0));
        }
        let mut tools: Vec<Value> = request.tools.iter().map(|tool| {
            json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters })
        }).collect();
        match (&request.answer, as_tool(asked)) {
            (Some(answer), Some(_)) => {
                let told = "Give the answer by calling this, once, when it is complete.";
                let schema = &answer.schema;
                tools.push(
                    json!({ "name": answer.name, "description": told, "input_schema": schema }),
                );
                body["tool_choice"] = if request.tools.is_empty() {
                    json!({ "type": "tool", "name": answer.name })
                } else {
                    json!({ "type": "any" })
                };
            }
            (Some(answer), None) if asked.traits.structured == Structured::Native => {
                let format = json!({ "type": "json_schema", "schema": answer.schema });
                body["output_config"] = json!({ "format": format });
            }
            (_, _) => {}
        }
        if !tools.is_empty() {
            body["tools"] = json!(tools);
        }
        if asked.is_streamed {
            body["stream"] = json!(true);
        }
        body
    }

    fn read(&self, whole: &Value, asked: &Asked<'_>) -> Result<Assembly, ModelError> {
        let mut reading = Reading::new(asked);
        reading.begin(whole);
        for (number, block) in list(whole, "/content").iter().enumerate() {
            let number = number as u64;
            reading.block(number, block, &mut None)?;
            if text(block, "/type") == "tool_use" {
                let input = block.get("input").map(Value::to_string).unwrap_or_default();
                reading.input(number, &input, &mut None)?;
            }
        }
        reading.stop(text(whole, "/stop_reason"));
        Ok(reading.assembly)
    }

    fn reader(&self, asked: &Asked<'_>) -> Box<dyn Reader> {
        Box::new(Reading::new(asked))
    }

    fn refusal(&self, status: u16, body: &Value) -> Refusal {
        let what = said(text(body, "/error/message"));
        let sort = match text(body, "/error/type") {
            "authentication_error" | "permission_error" | "billing_error" => Sort::NoAccess,
            "request_too_large" => Sort::TooLong,
            "rate_limit_error" | "api_error" | "overloaded_error" | "timeout_error" => {
                Sort::Retry { after: None }
            }
            _ if read::says_too_long(&what) => Sort::TooLong,
            // An account without credit answers with 400.
            _ if what.contains("credit balance is too low") => Sort::NoAccess,
            _ => read::by_status(status),
        };
        Refusal { sort, said: what }
    }
}

/// The schema that is asked for by a tool, for models that know no other way.
fn as_tool<'a>(asked: &Asked<'a>) -> Option<&'a AnswerSchema> {
    asked.request.answer.as_ref().filter(|_| asked.traits.structured == Structured::Tool)
}

/// Turns of one side that follow each other become one, as results of calls must.
fn messages(said: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in said {
        let (role, blocks) = match message {
            Message::User { text } => ("user", vec![json!({ "type": "text", "text": text })]),
            Message::Assistant { text, calls } => {
                let text = (!text.is_empty()).then(|| json!({ "type": "text", "text": text }));
                let calls = calls.iter().map(|call| {
                    let (id, name, input) = (&call.id, &call.name, &call.arguments);
                    json!({ "type": "tool_use", "id": id, "name": name, "input": input })
                });
                ("assistant", text.into_iter().chain(calls).collect())
            }
            Message::Tool { call, content, is_error, .. } => {
                let mut block =
                    json!({ "type": "tool_result", "tool_use_id": call, "content": content });
                if *is_error {
                    block["is_error"] = json!(true);
                }
                ("user", vec![block])
            }
        };
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            Some(_) | None => turns.push((role, blocks)),
        }
    }
    turns.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect()
}

struct Reading {
    assembly: Assembly,
    /// The tool whose arguments are the answer.
    answer: Option<String>,
    /// The blocks that call it.
    answers: BTreeSet<u64>,
    is_whole: bool,
}

impl Reading {
    fn new(asked: &Asked<'_>) -> Self {
        let answer = as_tool(asked).map(|answer| answer.name.clone());
        Self { assembly: Assembly::default(), answer, answers: BTreeSet::new(), is_whole: false }
    }

    fn begin(&mut self, message: &Value) {
        self.assembly.id = read::word(message, "/id");
        self.assembly.model = read::word(message, "/model");
        self.usage(message);
    }

    /// Counts are of the whole answer so far; later ones may leave out what has not changed.
    fn usage(&mut self, of: &Value) {
        let Some(usage) = of.get("usage").filter(|usage| usage.is_object()) else { return };
        let said = |name: &str| usage.get(name).and_then(Value::as_u64);
        let mut known = self.assembly.usage.unwrap_or_default();
        if let Some(input) = said("input_tokens") {
            // What is put into a cache is read as well; nobody here asks for that.
            known.input = input.saturating_add(count(usage, "/cache_creation_input_tokens"));
        }
        known.cached_input = said("cache_read_input_tokens").unwrap_or(known.cached_input);
        known.output = said("output_tokens").unwrap_or(known.output);
        self.assembly.usage = Some(Usage { ..known });
    }

    /// A block begins, or is there.
    fn block(
        &mut self,
        number: u64,
        block: &Value,
        hear: &mut Option<Hear<'_>>,
    ) -> Result<(), ModelError> {
        match text(block, "/type") {
            // Beside an answer that comes by a tool, words are only words.
            "text" if self.answer.is_some() => Ok(()),
            "text" => self.assembly.text(text(block, "/text"), hear),
            "tool_use" => {
                let name = text(block, "/name");
                if self.answer.as_deref() == Some(name) {
                    self.answers.insert(number);
                    return Ok(());
                }
                let call = self.assembly.call(number)?;
                text(block, "/id").clone_into(&mut call.id);
                name.clone_into(&mut call.name);
                if let Some(hear) = hear {
                    hear(Piece::Calling(name));
                }
                Ok(())
            }
            // Thoughts, and what later versions add.
            _ => Ok(()),
        }
    }

    /// More of what a tool is called with.
    fn input(
        &mut self,
        number: u64,
        part: &str,
        hear: &mut Option<Hear<'_>>,
    ) -> Result<(), ModelError> {
        if self.answers.contains(&number) {
            self.assembly.text(part, hear)
        } else {
            self.assembly.call(number)?.push(part)
        }
    }

    fn stop(&mut self, reason: &str) {
        self.assembly.stop = match reason {
            "" => return,
            "max_tokens" | "model_context_window_exceeded" => Some(Stop::MaxTokens),
            "tool_use" if self.assembly.calls() > 0 => Some(Stop::ToolCalls),
            "refusal" => {
                self.assembly.refused = Some("the model refused to answer this".into());
                return;
            }
            _ => Some(Stop::Done),
        };
    }
}

impl Reader for Reading {
    fn event(&mut self, event: &Event, hear: &mut Option<Hear<'_>>) -> Result<Heard, ModelError> {
        let data = read::data(event)?;
        let number = count(&data, "/index");
        match text(&data, "/type") {
            "message_start" => self.begin(data.get("message").unwrap_or(&Value::Null)),
            "content_block_start" => {
                self.block(number, data.get("content_block").unwrap_or(&Value::Null), hear)?;
            }
            "content_block_delta" => match text(&data, "/delta/type") {
                "text_delta" if self.answer.is_some() => {}
                "text_delta" => self.assembly.text(text(&data, "/delta/text"), hear)?,
                "input_json_delta" => {
                    let part = text(&data, "/delta/partial_json");
                    self.input(number, part, hear)?;
                }
                _ => {}
            },
            "message_delta" => {
                self.usage(&data);
                self.stop(text(&data, "/delta/stop_reason"));
            }
            "message_stop" => {
                self.is_whole = true;
                return Ok(Heard::Whole);
            }
            "error" => return Err(read::broken_off(Anthropic.refusal(500, &data))),
            _ => {}
        }
        Ok(Heard::More)
    }

    fn assembly(mut self: Box<Self>) -> Assembly {
        if !self.is_whole {
            self.assembly.stop = None;
        }
        self.assembly
    }
}
