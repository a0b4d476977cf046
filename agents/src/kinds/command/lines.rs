//! The protocol `json-lines`; see the module above for its words.

use std::borrow::Cow;

use orkestra_runtime::{
    id::TaskId,
    protocol::{
        payload::Json,
        task::{Failure, FailureKind},
        understanding::{Understanding, confidence_milli},
    },
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::value::RawValue;

use super::{
    capture::{Heard, Listener},
    exit,
    process::{self, Confidences},
    spec::CommandSpec,
};
use crate::{agent::Work, context::Context, kinds::tokens::Tokens};

/// How much of a bad line is shown.
const SHOWN_CHARS_MAX: usize = 200;

#[derive(Serialize)]
struct AssignmentLine<'a> {
    r#type: &'static str,
    v: u32,
    run: &'a str,
    task: &'a str,
    attempt: u32,
    title: &'a str,
    instructions: &'a str,
    input: &'a RawValue,
    #[serde(serialize_with = "as_map")]
    results: &'a [(TaskId, Json)],
    effect_key: &'a str,
    #[serde(skip_serializing_if = "Tokens::is_empty")]
    locks: Tokens<'a>,
    folder: &'a str,
}

fn as_map<S: Serializer>(results: &&[(TaskId, Json)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(results.len()))?;
    for (task, json) in *results {
        let raw: &RawValue =
            serde_json::from_str(json.as_str()).map_err(serde::ser::Error::custom)?;
        map.serialize_entry(task.as_str(), raw)?;
    }
    map.end()
}

fn assignment_line(work: &Work, context: &Context) -> Result<Vec<u8>, Failure> {
    let unwritable = |error: &dyn std::fmt::Display| {
        Failure::error(format!("cannot write the assignment as a line: {error}"))
    };
    let folder = context.folder().map_err(|error| unwritable(&error))?;
    // JSON may be written over several lines; here it is one.
    let input: serde_json::Value =
        serde_json::from_str(work.input.as_str()).map_err(|error| unwritable(&error))?;
    let input = serde_json::value::to_raw_value(&input).map_err(|error| unwritable(&error))?;
    let line = AssignmentLine {
        r#type: "assignment",
        v: 1,
        run: work.run.as_str(),
        task: work.id.as_str(),
        attempt: work.attempt.0,
        title: &work.title,
        instructions: &work.instructions,
        input: &input,
        results: &work.results,
        effect_key: context.effect_key(),
        locks: Tokens(context.locks()),
        folder: &folder.to_string_lossy(),
    };
    let mut bytes = serde_json::to_vec(&line).map_err(|error| unwritable(&error))?;
    // Results may hold line breaks between their tokens; inside texts JSON spells them `\n`.
    for byte in &mut bytes {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    percent: Option<f64>,
    message: Option<String>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    retryable: Option<bool>,
    understanding: Option<Told>,
}

/// An understanding, as a program spells it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    role: String,
    current_understanding: String,
    pending_decisions: Vec<String>,
    concerns: Vec<String>,
    suggestions: Vec<String>,
    confidence: Option<f64>,
}

impl From<Told> for Understanding {
    fn from(told: Told) -> Self {
        let Told { role, current_understanding, pending_decisions, .. } = told;
        let Told { concerns, suggestions, confidence, .. } = told;
        let confidence_milli =
            confidence.map_or_else(confidence_milli, |it| whole(it * 1_000.0, 1_000));
        Self {
            role,
            current_understanding,
            pending_decisions,
            concerns,
            suggestions,
            confidence_milli,
        }
    }
}

/// A whole number from 0 to a limit: fractions and sizes beyond are the program's.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn whole(number: f64, max: u16) -> u16 {
    number.clamp(0.0, f64::from(max)).round() as u16
}

struct Lines<'a> {
    context: &'a Context,
    confidences: &'a Confidences,
    line_bytes_max: usize,
    unfinished: Vec<u8>,
    last_word: Option<Result<Json, Failure>>,
}

impl Listener for Lines<'_> {
    fn hear(&mut self, mut chunk: &[u8]) -> Result<Heard, Failure> {
        while let Some(at) = chunk.iter().position(|byte| *byte == b'\n') {
            self.unfinished.extend_from_slice(&chunk[..at]);
            chunk = &chunk[at + 1..];
            let line = std::mem::take(&mut self.unfinished);
            self.line(&line)?;
        }
        self.unfinished.extend_from_slice(chunk);
        if self.unfinished.len() > self.line_bytes_max {
            return Err(self.too_long());
        }
        Ok(if self.last_word.is_some() { Heard::LastWord } else { Heard::More })
    }
}

impl Lines<'_> {
    fn too_long(&self) -> Failure {
        let why = format!("it wrote a line of more than {} bytes", self.line_bytes_max);
        Failure::new(FailureKind::BadOutput, why)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        if line.len() > self.line_bytes_max {
            return Err(self.too_long());
        }
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        let redaction = &self.confidences.redaction;
        if text.is_empty() {
            return Ok(());
        }
        let bad = |why: &str| {
            if self.confidences.hides_lines {
                let why = format!("{why} (not shown, since the output is sensitive)");
                return Failure::new(FailureKind::BadOutput, why);
            }
            let text = redaction.clean(text);
            let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            let cut = if shown.len() < text.len() { "…" } else { "" };
            Failure::new(FailureKind::BadOutput, format!("{why}: {shown}{cut}"))
        };
        if self.last_word.is_some() {
            return Err(bad("it wrote a line after its last one"));
        }
        let said: Said<'_> =
            serde_json::from_str(text).map_err(|_| bad("this line is not of the protocol"))?;
        match &*said.r#type {
            "progress" => {
                let percent = whole(said.percent.unwrap_or(0.0).floor(), 100);
                let percent = u8::try_from(percent).unwrap_or(100);
                let message = said.message.unwrap_or_default();
                self.context.progress(percent, redaction.clean(&message));
            }
            "heartbeat" => self.context.heartbeat(),
            "understanding" => {
                let told = said.understanding.ok_or_else(|| bad("it holds no understanding"))?;
                self.context.heartbeat();
                let told = redaction.clean_understanding(told.into());
                self.context.understand(told).map_err(|why| bad(&why.message))?;
            }
            "completed" => {
                let output = said.output.map_or("null", RawValue::get);
                let output = Json::parse(output).map_err(|_| bad("its output is not JSON"))?;
                self.last_word = Some(self.confidences.of_output.clean_json(output));
            }
            "failed" => {
                let message = said.message.unwrap_or_default();
                let failure = Failure::error(redaction.clean(&message));
                let again = said.retryable.unwrap_or(true);
                self.last_word = Some(Err(if again { failure } else { failure.for_good() }));
            }
            _ => return Err(bad("this line has a type that the protocol does not know")),
        }
        Ok(())
    }
}

/// Hears all of it, to its end.
#[cfg(feature = "testing")]
pub(super) fn hear(
    context: &Context,
    confidences: &Confidences,
    line_bytes_max: usize,
    chunks: &[&[u8]],
) -> Result<Option<Result<Json, Failure>>, Failure> {
    let (unfinished, last_word) = (Vec::new(), None);
    let mut lines = Lines { context, confidences, line_bytes_max, unfinished, last_word };
    for chunk in chunks {
        lines.hear(chunk)?;
    }
    let rest = std::mem::take(&mut lines.unfinished);
    lines.line(&rest)?;
    Ok(lines.last_word)
}

/// One attempt.
pub(super) async fn work(
    spec: &CommandSpec,
    work: Work,
    context: &Context,
) -> Result<Json, Failure> {
    let input = assignment_line(&work, context)?;
    drop(work);
    let confidences = Confidences::of(spec, context)?;
    let mut lines = Lines {
        context,
        confidences: &confidences,
        line_bytes_max: spec.limits.line_bytes_max,
        unfinished: Vec::new(),
        last_word: None,
    };
    let mut ended = process::converse(spec, context, &confidences, &input, &mut lines).await?;
    let rest = std::mem::take(&mut lines.unfinished);
    if ended.fault.is_none() {
        // A last line may lack its line break.
        ended.fault = lines.line(&rest).err();
    }
    match lines.last_word {
        Some(last_word) if ended.fault.is_none() => last_word,
        Some(_) | None => {
            let stderr = ended.stderr.clone();
            Err(ended.failure(spec.program(), || {
                let why = "it ended without saying whether it completed or failed".to_owned();
                Failure::new(FailureKind::BadOutput, exit::with_stderr(why, &stderr))
            }))
        }
    }
}
