//! One prompt: read, done as a task, and answered in parts.

use std::time::Duration;

use orkestra_runtime::{
    fabric::{Headers, Reply, Subject},
    id::{AgentId, TaskId},
    protocol::payload::Json,
};
use serde_json::{Map, Value, json, value::RawValue};

use super::super::{
    answer::{SERVICE_ERROR, SERVICE_ERROR_CODE, Trouble, name_of},
    submit::{ONLY_TASK, Submission, TaskWord},
};
use crate::{
    client::Tasks,
    door::Code,
    task::{Answer, Query, view::TaskView},
};

/// The largest prompt, with everything around it.
pub(super) const PROMPT_BYTES_MAX: usize = 256 * 1024;
/// How many bytes of an answer one part carries at most.
const PART_BYTES_MAX: usize = 128 * 1024;
/// How often whoever waits is told that work goes on: less than half of what callers wait for.
const ACK_EVERY: Duration = Duration::from_secs(20);
/// How much of a prompt is the title of its task, in characters.
const TITLE_CHARS: usize = 80;

/// Why there is no answer, or no more of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// One of those that the protocol knows.
    number: u16,
    /// What programs look at.
    name: String,
    message: String,
}

impl Fault {
    fn invalid(message: impl Into<String>) -> Self {
        Self { number: 400, name: "invalid".to_owned(), message: message.into() }
    }

    /// Nobody of that name is there.
    pub(super) fn nobody(subject: &Subject) -> Self {
        let message = format!("no agent that is there listens to {}", subject.as_str());
        Self { number: 404, name: "not_found".to_owned(), message }
    }

    /// Too much is under way.
    pub(super) fn busy(max: usize) -> Self {
        let message = format!("{max} prompts are answered at this node: ask again later");
        Self { number: 429, name: "busy".to_owned(), message }
    }

    /// Tells whoever asked; the end of the stream is still to come.
    pub(super) fn told(&self, reply: &Reply) {
        let Self { number, name, message } = self;
        let body = json!({ "error": name, "message": message }).to_string();
        let headers = Headers::new()
            .with(SERVICE_ERROR, name)
            .and_then(|headers| headers.with(SERVICE_ERROR_CODE, &number.to_string()));
        // These are names and numbers of ours, which fit.
        reply.part(headers.unwrap_or_default(), body.into_bytes().into());
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        let number = match trouble.code {
            Code::Unreadable | Code::TooLong | Code::Invalid => 400,
            Code::Forbidden => 403,
            Code::NotFound | Code::UnknownCommand => 404,
            Code::Conflict => 409,
            Code::Busy | Code::Full => 429,
            Code::Unavailable
            | Code::UnknownVersion
            | Code::Corrupt
            | Code::Io
            | Code::Fault
            | Code::Unknown => 500,
        };
        let name = name_of(trouble.code).to_lowercase();
        Self { number, name, message: format!("{}: {}", trouble.message, trouble.advice) }
    }
}

impl From<orkestra_runtime::Error> for Fault {
    fn from(error: orkestra_runtime::Error) -> Self {
        Trouble::from(error).into()
    }
}

/// Has an agent answer a prompt, and sends the answer in parts. The end of the stream is the
/// caller's to send.
pub(super) async fn answer(
    tasks: &Tasks,
    agent: &AgentId,
    (body, key): (&[u8], Option<&str>),
    reply: &Reply,
) -> Result<(), Fault> {
    let prompt = read(body)?;
    part(reply, "status", "ack");
    let task = TaskId::new(ONLY_TASK)?;
    let submitted = submission(agent, &prompt)?.carry_out(tasks, key).await?;
    let mut ended = std::pin::pin!(tasks.wait(&submitted.run));
    loop {
        tokio::select! {
            ended = &mut ended => break drop(ended?),
            () = tokio::time::sleep(ACK_EVERY) => part(reply, "status", "ack"),
        }
    }
    let Answer::Task(Some(view)) =
        tasks.query(Query::Task(submitted.run.clone(), task.clone())).await?
    else {
        let message = format!("run {} is over and forgotten", submitted.run);
        return Err(Fault { number: 404, name: "not_found".to_owned(), message });
    };
    match tasks.output(&submitted.run, &task).await? {
        Some(output) => {
            parts(&text(&output)).for_each(|text| part(reply, "response", text));
            Ok(())
        }
        None => Err(failed(&view)),
    }
}

/// What is asked: text, or an object with a `prompt`.
fn read(body: &[u8]) -> Result<String, Fault> {
    if body.len() > PROMPT_BYTES_MAX {
        let (bytes, most) = (body.len(), PROMPT_BYTES_MAX);
        return Err(Fault::invalid(format!("{bytes} bytes are more than {most}: ask for less")));
    }
    let begins = body.iter().find(|byte| !matches!(byte, b'\t' | b'\n' | b'\r' | b' '));
    let prompt = if begins == Some(&b'{') {
        let fields: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Fault::invalid(format!("the envelope is not JSON: {error}")))?;
        match fields.get("attachments") {
            None | Some(Value::Null) => {}
            Some(Value::Array(none)) if none.is_empty() => {}
            Some(_) => {
                return Err(Fault::invalid("this agent takes no attachments (attachments_ok)"));
            }
        }
        let prompt = fields.get("prompt").and_then(Value::as_str).map(str::to_owned);
        prompt.ok_or_else(|| Fault::invalid("the envelope has no text `prompt`"))?
    } else {
        let text = std::str::from_utf8(body);
        text.map_err(|_| Fault::invalid("the prompt is not UTF-8"))?.to_owned()
    };
    if prompt.trim().is_empty() {
        return Err(Fault::invalid("the prompt is empty"));
    }
    Ok(prompt)
}

/// The prompt as a task that only this agent may do.
fn submission(agent: &AgentId, prompt: &str) -> Result<Submission, Fault> {
    let input = json!({ "prompt": prompt }).to_string();
    let input = RawValue::from_string(input)
        .map_err(|error| Fault::invalid(format!("the prompt cannot be kept: {error}")))?;
    let line = prompt.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let task = TaskWord {
        title: line.trim().chars().take(TITLE_CHARS).collect(),
        instructions: prompt.to_owned(),
        agents: vec![agent.clone()],
        input: Some(input),
        ..TaskWord::default()
    };
    Ok(Submission { task: Some(task), ..Submission::default() })
}

/// What an agent answered, as text: a text as it is, anything else as JSON.
fn text(output: &Json) -> String {
    serde_json::from_str::<String>(output.as_str()).unwrap_or_else(|_| output.as_str().to_owned())
}

fn failed(view: &TaskView) -> Fault {
    let why = view.last_failure.as_ref().map(ToString::to_string);
    let why = why.or_else(|| view.reason.clone()).unwrap_or_default();
    let message = format!("task {} of run {} {}: {why}", view.id, view.run, view.state);
    Fault { number: 500, name: view.state.to_string(), message }
}

fn part(reply: &Reply, kind: &str, data: &str) {
    let part = json!({ "type": kind, "data": data }).to_string();
    reply.part(Headers::default(), part.into_bytes().into());
}

/// A text in pieces that fit a message each, none of which cuts a character.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= PART_BYTES_MAX {
            return Some(text);
        }
        let (first, others) = text.split_at(text.floor_char_boundary(PART_BYTES_MAX));
        rest = Some(others);
        Some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_a_text_or_an_object_with_one() {
        assert_eq!(read(b"list files").unwrap(), "list files");
        assert_eq!(read(b" [1, 2]").unwrap(), " [1, 2]", "only an object is an envelope");
        assert_eq!(read(b" \n{\"prompt\":\"x\",\"of\":1,\"attachments\":[]}").unwrap(), "x");
        let refused = [
            &b""[..],
            b" \n",
            b"{",
            b"{}",
            b"{\"prompt\":1}",
            b"{\"prompt\":\"\"}",
            b"\xff",
            b"{\"prompt\":\"x\",\"attachments\":[{\"filename\":\"a\",\"content\":\"\"}]}",
        ];
        for body in refused {
            assert_eq!(read(body).unwrap_err().number, 400, "{body:?}");
        }
        let large = vec![b'x'; PROMPT_BYTES_MAX + 1];
        assert_eq!(read(&large).unwrap_err().number, 400);
    }

    #[test]
    fn a_long_answer_is_cut_between_characters_and_is_the_same_again() {
        let long = "ä€𝄞x".repeat(PART_BYTES_MAX / 4);
        assert!(parts(&long).count() > 2);
        assert!(parts(&long).all(|part| part.len() <= PART_BYTES_MAX));
        assert_eq!(parts(&long).collect::<String>(), long);
        assert_eq!(parts("").collect::<Vec<_>>(), [""]);
    }
}
