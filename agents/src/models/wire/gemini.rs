//! Gemini: `POST /v1beta/models/{model}:generateContent`, and `:streamGenerateContent?alt=sse`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{
        assembly::{Assembly, Hear},
        error::{ModelError, Sort, said},
        prices::Structured,
        sse::Event,
        words::{ChatRequest, Message, Piece, Stop, Usage},
    },
    Asked, Heard, Reader, Refusal, Wire,
    read::{self, count, list, text},
};

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gemini;

impl Wire for Gemini {
    fn path(&self, asked: &Asked<'_>) -> String {
        let how =
            if asked.is_streamed { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1beta/models/{}:{how}", asked.model)
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn key(&self, key: &str) -> (&'static str, String) {
        // Not in the address, which is written down in many places.
        ("x-goog-api-key", key.to_owned())
    }

    fn body(&self, asked: &Asked<'_>) -> Value {
        let request = asked.request;
        let mut body = json!({ "contents": contents(&request.messages) });
        if let Some(system) = &request.system {
            body["systemInstruction"] = json!({ "parts": [{ "text": system }] });
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                let (name, description) = (&tool.name, &tool.description);
                json!({ "name": name, "description": description, "parametersJsonSchema": tool.parameters })
            });
            body["tools"] = json!([{ "functionDeclarations": tools.collect::<Vec<_>>() }]);
        }
        let settings = settings(request, asked);
        if settings.as_object().is_some_and(|settings| !settings.is_empty()) {
            body["generationConfig"] = settings;
        }
        body
    }

    fn is_told_in_words(&self, asked: &Asked<'_>) -> bool {
        // Tools and a schema do not go together in every version.
        asked.traits.structured == Structured::Prompt || !asked.request.tools.is_empty()
    }

    fn read(&self, whole: &Value, _: &Asked<'_>) -> Result<Assembly, ModelError> {
        let mut reading = Reading::default();
        reading.part(whole, &mut None)?;
        Ok(reading.assembly)
    }

    fn reader(&self, _: &Asked<'_>) -> Box<dyn Reader> {
        Box::<Reading>::default()
    }

    fn refusal(&self, status: u16, body: &Value) -> Refusal {
        let what = said(text(body, "/error/message"));
        let details = list(body, "/error/details");
        let reason = |word: &str| details.iter().any(|detail| text(detail, "/reason") == word);
        let sort = match text(body, "/error/status") {
            "UNAUTHENTICATED" | "PERMISSION_DENIED" => Sort::NoAccess,
            // A wrong key is called a wrong argument.
            "INVALID_ARGUMENT" if reason("API_KEY_INVALID") => Sort::NoAccess,
            "INVALID_ARGUMENT" if read::says_too_long(&what) => Sort::TooLong,
            "RESOURCE_EXHAUSTED" => Sort::Retry { after: details.iter().find_map(retry_after) },
            "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "ABORTED" => {
                Sort::Retry { after: None }
            }
            _ => read::by_status(status),
        };
        Refusal { sort, said: what }
    }
}

/// `"36s"` or `"36.5s"`, of a `google.rpc.RetryInfo`.
fn retry_after(detail: &Value) -> Option<Duration> {
    let said = text(detail, "/retryDelay").strip_suffix('s')?;
    Duration::try_from_secs_f64(said.parse().ok()?).ok()
}

fn settings(request: &ChatRequest, asked: &Asked<'_>) -> Value {
    let mut settings = json!({});
    if let Some(temperature) = request.temperature.filter(|_| asked.traits.takes_temperature) {
        settings["temperature"] = json!(temperature);
    }
    if let Some(most) = request.max_tokens {
        settings["maxOutputTokens"] = json!(most);
    }
    if let Some(answer) = &request.answer
        && !Gemini.is_told_in_words(asked)
    {
        settings["responseMimeType"] = json!("application/json");
        settings["responseJsonSchema"] = answer.schema.clone();
    }
    settings
}

/// Turns of one side that follow each other become one, as results of calls must.
fn contents(said: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in said {
        let (role, parts) = match message {
            Message::User { text } => ("user", vec![json!({ "text": text })]),
            Message::Assistant { text, calls } => {
                let text = (!text.is_empty()).then(|| json!({ "text": text }));
                let calls = calls.iter().map(|call| {
                    let function = json!({ "name": call.name, "args": call.arguments });
                    let mut part = json!({ "functionCall": function });
                    if let Some(signature) = &call.signature {
                        part["thoughtSignature"] = json!(signature);
                    }
                    part
                });
                ("model", text.into_iter().chain(calls).collect())
            }
            Message::Tool { name, content, is_error, .. } => {
                // Matched to their calls by name and order; the field must hold an object.
                let field = if *is_error { "error" } else { "result" };
                let response = json!({ "name": name, "response": { field: content } });
                ("user", vec![json!({ "functionResponse": response })])
            }
        };
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(parts),
            Some(_) | None => turns.push((role, parts)),
        }
    }
    turns.into_iter().map(|(role, parts)| json!({ "role": role, "parts": parts })).collect()
}

#[derive(Default)]
struct Reading {
    assembly: Assembly,
}

impl Reading {
    /// An answer, or a part of one: both look the same.
    fn part(&mut self, part: &Value, hear: &mut Option<Hear<'_>>) -> Result<(), ModelError> {
        let assembly = &mut self.assembly;
        assembly.id = assembly.id.take().or_else(|| read::word(part, "/responseId"));
        assembly.model = assembly.model.take().or_else(|| read::word(part, "/modelVersion"));
        if let Some(usage) = part.get("usageMetadata").filter(|usage| usage.is_object()) {
            let prompt = count(usage, "/promptTokenCount")
                .saturating_add(count(usage, "/toolUsePromptTokenCount"));
            let cached_input = count(usage, "/cachedContentTokenCount").min(prompt);
            let written = count(usage, "/candidatesTokenCount");
            let output = written.saturating_add(count(usage, "/thoughtsTokenCount"));
            assembly.usage = Some(Usage { input: prompt - cached_input, cached_input, output });
        }
        if let Some(why) = read::word(part, "/promptFeedback/blockReason") {
            assembly.refused = Some(format!("the provider does not take this question: {why}"));
        }
        let Some(candidate) = list(part, "/candidates").first() else { return Ok(()) };
        for piece in list(candidate, "/content/parts") {
            // Thoughts are not the answer.
            if piece.get("thought") == Some(&Value::Bool(true)) {
                continue;
            }
            self.assembly.text(text(piece, "/text"), hear)?;
            if let Some(asked) = piece.get("functionCall") {
                let call = self.assembly.call(self.assembly.calls())?;
                text(asked, "/id").clone_into(&mut call.id);
                text(asked, "/name").clone_into(&mut call.name);
                call.signature =
                    piece.get("thoughtSignature").and_then(Value::as_str).map(str::to_owned);
                let arguments = asked.get("args").map(Value::to_string).unwrap_or_default();
                call.push(&arguments)?;
                if let Some(hear) = hear {
                    hear(Piece::Calling(text(asked, "/name")));
                }
            }
        }
        self.stop(text(candidate, "/finishReason"))
    }

    fn stop(&mut self, reason: &str) -> Result<(), ModelError> {
        self.assembly.stop = match reason {
            "" | "FINISH_REASON_UNSPECIFIED" => return Ok(()),
            "MAX_TOKENS" => Some(Stop::MaxTokens),
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" => {
                self.assembly.refused =
                    Some(format!("the provider keeps the answer back: {reason}"));
                return Ok(());
            }
            "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" => {
                let why =
                    format!("the model asked for a call in a way that nobody can read: {reason}");
                return Err(ModelError::spoiled(why).having_spent(self.assembly.spent()));
            }
            _ => Some(Stop::Done),
        };
        Ok(())
    }
}

impl Reader for Reading {
    fn event(&mut self, event: &Event, hear: &mut Option<Hear<'_>>) -> Result<Heard, ModelError> {
        let data = read::data(event)?;
        if data.get("error").is_some() {
            return Err(read::broken_off(Gemini.refusal(500, &data)));
        }
        self.part(&data, hear)?;
        // There is no last word: the stream simply ends.
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
    fn how_long_to_wait_is_read_from_the_details() {
        let body = |delay: &str| {
            json!({ "error": { "status": "RESOURCE_EXHAUSTED", "message": "m",
            "details": [{ "@type": "x" }, { "retryDelay": delay }] } })
        };
        let after = |delay| Gemini.refusal(429, &body(delay)).sort;
        let seconds = |s| Sort::Retry { after: Some(Duration::from_secs_f64(s)) };
        assert_eq!(after("36s"), seconds(36.0));
        assert_eq!(after("0.5s"), seconds(0.5));
        for odd in ["", "-1s", "s", "1e99s", "36"] {
            assert_eq!(after(odd), Sort::Retry { after: None }, "{odd}");
        }
    }

    #[test]
    fn a_wrong_key_is_no_wrong_question() {
        let body = json!({ "error": { "status": "INVALID_ARGUMENT", "message": "API key not valid.",
            "details": [{ "reason": "API_KEY_INVALID" }] } });
        assert_eq!(Gemini.refusal(400, &body).sort, Sort::NoAccess);
    }
}
