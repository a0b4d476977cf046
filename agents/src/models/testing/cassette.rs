//! Cassettes: what was asked of a real model and what it answered, to be played again.
//!
//! A cassette is a text file, a line of JSON for each call. Keys are never part of a question; any
//! secret that was named is cut out of questions and answers alike, before they are written. A replay
//! is strict: a question that is not on the cassette, or no longer, is an error that shows where it
//! differs from the one that is most like it.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use futures::future::BoxFuture;
use orkestra_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::{
    models::{Answer, ChatRequest, Hear, Model, ModelError, Piece, Sort},
    redaction::Redaction,
    secret::Secret,
};

/// The version of cassettes that is written and read.
const VERSION: u32 = 1;

/// One call on a cassette.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Played {
    v: u32,
    model: String,
    provider: String,
    request: ChatRequest,
    answer: Result<Answer, ModelError>,
}

/// A model whose calls are written to a cassette.
pub struct Recorder<M> {
    model: M,
    file: Mutex<File>,
    redaction: Redaction,
}

impl<M> std::fmt::Debug for Recorder<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl<M: Model> Recorder<M> {
    /// Writes the calls of a model to a new file; one that exists is not written over. The model's
    /// own key and these secrets are cut out.
    pub fn to(path: &Path, model: M, secrets: &[Secret]) -> Result<Self> {
        let file = File::create_new(path).map_err(|error| {
            let why = format!("cannot begin the cassette {}", path.display());
            Error::new(ErrorKind::Io, why).because(error)
        })?;
        let mut redaction = Redaction::default();
        for secret in model.secret()?.iter().chain(secrets) {
            redaction.add_secret(secret);
        }
        Ok(Self { model, file: Mutex::new(file), redaction })
    }

    fn write(&self, request: &ChatRequest, answer: &Result<Answer, ModelError>) -> Result<()> {
        let played = Played {
            v: VERSION,
            model: self.model.name().to_owned(),
            provider: self.model.provider().to_owned(),
            request: request.clone(),
            answer: answer.clone(),
        };
        let mut line = self.redaction.clean(&line(&played)?).into_owned();
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(line.as_bytes()).and_then(|()| file.flush());
        written.map_err(|error| Error::new(ErrorKind::Io, "cannot write a cassette").because(error))
    }
}

impl<M: Model> Model for Recorder<M> {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn secret(&self) -> Result<Option<Secret>> {
        self.model.secret()
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        hear: Option<Hear<'a>>,
    ) -> BoxFuture<'a, Result<Answer, ModelError>> {
        Box::pin(async move {
            let answer = self.model.chat(request, hear).await;
            self.write(request, &answer)
                .map_err(|error| ModelError::new(Sort::FixTheRequest, error.to_string()))?;
            answer
        })
    }
}

/// A model that answers from a cassette, and asks nobody.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    model: String,
    provider: String,
    left: Mutex<Vec<Played>>,
    redaction: Redactor,
}

/// Shown to nobody.
struct Redactor(Redaction);

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Replay {
    /// Reads a cassette. With the secrets that were cut out of it, questions that hold them are
    /// found.
    pub fn of(path: &Path, secrets: &[Secret]) -> Result<Self> {
        let place = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let why = format!("cannot read the cassette {place}");
            Error::new(ErrorKind::Io, why).because(error)
        })?;
        let mut left = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let played: Played = serde_json::from_str(line).map_err(|error| {
                let why = format!("cannot read line {} of the cassette {place}", number + 1);
                Error::new(ErrorKind::Corrupt, why).because(error)
            })?;
            if played.v > VERSION {
                let why = format!("the cassette {place} has version {}", played.v);
                return Err(Error::new(ErrorKind::TooNew, why));
            }
            left.push(played);
        }
        let named = left.first().map(|first| (first.model.clone(), first.provider.clone()));
        let Some((model, provider)) = named else {
            return Err(Error::new(ErrorKind::Invalid, format!("the cassette {place} is empty")));
        };
        let mut redaction = Redaction::default();
        for secret in secrets {
            redaction.add_secret(secret);
        }
        let (path, redaction) = (path.to_owned(), Redactor(redaction));
        Ok(Self { path, model, provider, left: Mutex::new(left), redaction })
    }

    /// How many calls were not played yet.
    pub fn left(&self) -> usize {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn play(&self, request: &ChatRequest) -> Result<Answer, ModelError> {
        let odd = |error: String| ModelError::new(Sort::FixTheRequest, error);
        let asked = line(request).map_err(|error| odd(error.to_string()))?;
        let asked = self.redaction.0.clean(&asked);
        // Through text both times, so that both were cut alike.
        let asked: ChatRequest =
            serde_json::from_str(&asked).map_err(|error| odd(error.to_string()))?;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = left.iter().position(|played| played.request == asked) {
            return left.remove(at).answer;
        }
        let place = self.path.display();
        let near = left.iter().map(|played| difference(&played.request, &asked));
        let near = near.min_by_key(|(much, _)| *much);
        let told = near.map_or_else(
            || "all of its calls were played already".to_owned(),
            |(_, told)| format!("from the one most like it this differs:\n{told}"),
        );
        Err(odd(format!("the cassette {place} has no such question; {told}")))
    }
}

impl Model for Replay {
    fn name(&self) -> &str {
        &self.model
    }

    fn provider(&self) -> &str {
        &self.provider
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        hear: Option<Hear<'a>>,
    ) -> BoxFuture<'a, Result<Answer, ModelError>> {
        let answer = self.play(request);
        if let (Ok(answer), Some(hear)) = (&answer, hear) {
            hear(Piece::Text(&answer.text));
        }
        Box::pin(std::future::ready(answer))
    }
}

fn line<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Invalid, "cannot write a call as JSON").because(error)
    })
}

/// The lines that one question has and the other has not, and how much that is: in lines, and in
/// bytes that are not the same from either end.
fn difference(kept: &ChatRequest, asked: &ChatRequest) -> ((usize, usize), String) {
    let pretty = |request| serde_json::to_string_pretty(request).unwrap_or_default();
    let (kept, asked) = (pretty(kept), pretty(asked));
    let gone = kept.lines().filter(|line| !asked.lines().any(|other| other == *line));
    let new = asked.lines().filter(|line| !kept.lines().any(|other| other == *line));
    let told: Vec<String> = gone
        .map(|line| format!("- {}", line.trim()))
        .chain(new.map(|line| format!("+ {}", line.trim())))
        .collect();
    let (a, b) = (kept.as_bytes(), asked.as_bytes());
    let before = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let after = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let other = a.len().max(b.len()).saturating_sub(before + after);
    ((told.len(), other), told.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::testing::{ScriptedModel, Turn};

    async fn recorded(path: &Path, secrets: &[Secret]) {
        let again = Sort::Retry { after: Some(std::time::Duration::from_millis(1_500)) };
        let turns = [Turn::text("the word is canary"), Turn::text("two"), Turn::fails(again)];
        let recorder = Recorder::to(path, ScriptedModel::new(turns), secrets).unwrap();
        for question in ["my canary sings", "what is 1 + 1?", "and now?"] {
            let _ = recorder.chat(&ChatRequest::asking(question), None).await;
        }
    }

    #[tokio::test]
    async fn what_was_recorded_is_played_again_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.jsonl");
        recorded(&path, &[]).await;
        let replay = Replay::of(&path, &[]).unwrap();
        let error = replay.chat(&ChatRequest::asking("and now?"), None).await.unwrap_err();
        assert!(error.is_retryable() && error.message == "it was told to fail", "{error:?}");
        let answer = replay.chat(&ChatRequest::asking("what is 1 + 1?"), None).await.unwrap();
        assert_eq!((answer.text.as_str(), replay.left()), ("two", 1));
        assert_eq!(replay.name(), "scripted");
    }

    #[tokio::test]
    async fn a_question_that_is_not_on_it_is_an_error_that_shows_the_difference() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.jsonl");
        recorded(&path, &[]).await;
        let replay = Replay::of(&path, &[]).unwrap();
        let error = replay.chat(&ChatRequest::asking("what is 1 + 2?"), None).await.unwrap_err();
        let expected = ["- \"text\": \"what is 1 + 1?\"", "+ \"text\": \"what is 1 + 2?\""];
        assert!(expected.iter().all(|line| error.message.contains(line)), "{error}");
        replay.chat(&ChatRequest::asking("what is 1 + 1?"), None).await.unwrap();
        // Each call was made once, and is played once.
        let error = replay.chat(&ChatRequest::asking("what is 1 + 1?"), None).await.unwrap_err();
        assert_eq!(error.sort, Sort::FixTheRequest);
    }

    #[tokio::test]
    async fn secrets_are_cut_out_and_the_questions_are_found_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.jsonl");
        let secrets = [Secret::new("canary")];
        recorded(&path, &secrets).await;
        assert!(!std::fs::read_to_string(&path).unwrap().contains("canary"));
        let replay = Replay::of(&path, &secrets).unwrap();
        let answer = replay.chat(&ChatRequest::asking("my canary sings"), None).await.unwrap();
        assert_eq!(answer.text, "the word is [secret]");
    }

    #[tokio::test]
    async fn a_cassette_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.jsonl");
        recorded(&path, &[]).await;
        let error = Recorder::to(&path, ScriptedModel::default(), &[]).unwrap_err();
        assert!(error.to_string().contains("calls.jsonl"), "{error}");
        std::fs::write(&path, "").unwrap();
        assert!(Replay::of(&path, &[]).unwrap_err().to_string().contains("is empty"));
    }
}
