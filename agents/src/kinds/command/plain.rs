//! The protocol `plain`: any program, judged by its exit code.

use std::collections::BTreeSet;

use orkestra_runtime::protocol::{
    council::content_of,
    payload::Json,
    task::{Failure, FailureKind},
};
use serde::Serialize;

use super::{
    capture::{Heard, Listener},
    exit,
    process::{self, Confidences},
    spec::{CommandSpec, PlainInput, PlainOutput},
};
use crate::{agent::Work, context::Context};

/// How an end is judged.
pub(super) struct Judge<'a> {
    pub(super) input: PlainInput,
    pub(super) output: PlainOutput,
    pub(super) success_codes: &'a BTreeSet<i32>,
}

#[derive(Serialize)]
struct TextOutput<'a> {
    exit_code: i32,
    stdout: &'a str,
    stderr: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    exit_code: i32,
    output: &'a str,
}

/// Keeps everything; how much that may be is seen to elsewhere. Each chunk is a sign of life.
struct Everything<'a> {
    context: &'a Context,
    bytes: Vec<u8>,
}

impl Listener for Everything<'_> {
    fn hear(&mut self, chunk: &[u8]) -> Result<Heard, Failure> {
        self.bytes.extend_from_slice(chunk);
        self.context.heartbeat();
        Ok(Heard::More)
    }
}

/// One attempt.
pub(super) async fn work(
    spec: &CommandSpec,
    judge: Judge<'_>,
    work: Work,
    context: &Context,
) -> Result<Json, Failure> {
    let input = match judge.input {
        PlainInput::Json => format!("{}\n", work.input.as_str()),
        PlainInput::Nothing => String::new(),
        PlainInput::Result => text_of_result(&work)?,
    };
    drop(work);
    let confidences = Confidences::of(spec, context)?;
    let mut everything = Everything { context, bytes: Vec::new() };
    let ended =
        process::converse(spec, context, &confidences, input.as_bytes(), &mut everything).await?;
    if let Some(fault) = ended.fault {
        return Err(fault);
    }
    let Some(status) = ended.status else {
        return Err(Failure::error("it is not known how the program ended"));
    };
    let is_answer =
        |code: &i32| judge.output == PlainOutput::Answer || judge.success_codes.contains(code);
    let Some(exit_code) = status.code().filter(is_answer) else {
        return Err(exit::failure(spec.program(), status, &ended.stderr));
    };
    let text = String::from_utf8_lossy(&everything.bytes);
    let unreadable = |error: &dyn std::fmt::Display| {
        let why = format!("its standard output is not JSON: {error}");
        Failure::new(FailureKind::BadOutput, exit::with_stderr(why, &ended.stderr))
    };
    match judge.output {
        PlainOutput::Text => {
            let stdout = confidences.of_output.clean(&text);
            Json::of(&TextOutput { exit_code, stdout: &stdout, stderr: &ended.stderr })
                .map_err(|error| unreadable(&error))
        }
        PlainOutput::Json => {
            let json = Json::parse(text.trim()).map_err(|error| unreadable(&error))?;
            confidences.of_output.clean_json(json)
        }
        PlainOutput::Answer => {
            let mut output = confidences.of_output.clean(&text).into_owned();
            if !output.is_empty() && !output.ends_with('\n') && !ended.stderr.is_empty() {
                output.push('\n');
            }
            output.push_str(&ended.stderr);
            Json::of(&Answer { exit_code, output: &output }).map_err(|error| unreadable(&error))
        }
    }
}

/// The text of the last task that this one depends on.
fn text_of_result(work: &Work) -> Result<String, Failure> {
    let Some((_, output)) = work.results.last() else {
        let why = "it reads the result of another task, and its task depends on none";
        return Err(Failure::error(why).for_good());
    };
    Ok(content_of(output).unwrap_or_else(|| format!("{}\n", output.as_str())))
}
