//! A model that says what it was told to say, for tests of what is built on models.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;

use crate::models::{
    Answer, ChatRequest, Hear, Model, ModelError, Piece, Sort, Stop, ToolCall, Usage,
};

/// What it does when it is asked.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Answers.
    Says(Answer),
    /// Answers after this long.
    SaysAfter(Duration, Answer),
    /// Fails.
    Fails(ModelError),
    /// Never answers.
    Hangs,
}

impl Turn {
    /// A text; each word counts as a token.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Says(answer(text.into(), Vec::new()))
    }

    /// A call.
    pub fn call(name: impl Into<String>, arguments: serde_json::Value) -> Self {
        let call = ToolCall { id: "call-0".into(), name: name.into(), arguments, signature: None };
        Self::Says(answer(String::new(), vec![call]))
    }

    /// A failure of this sort.
    pub fn fails(sort: Sort) -> Self {
        Self::Fails(ModelError::new(sort, "it was told to fail"))
    }
}

fn answer(text: String, calls: Vec<ToolCall>) -> Answer {
    let output = text.split_whitespace().count() as u64;
    let usage = Some(Usage { input: 10, cached_input: 0, output });
    let stop = if calls.is_empty() { Stop::Done } else { Stop::ToolCalls };
    Answer { text, calls, stop, usage, model: Some("scripted".into()), id: None }
}

/// A model that says what it was told to say, in that order, and then fails as one that is asked too
/// often. It remembers what it was asked.
#[derive(Debug, Default)]
pub struct ScriptedModel {
    turns: Mutex<VecDeque<Turn>>,
    asked: Mutex<Vec<ChatRequest>>,
    going: AtomicUsize,
    going_most: AtomicUsize,
}

impl ScriptedModel {
    /// A model with these turns.
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self { turns: Mutex::new(turns.into_iter().collect()), ..Self::default() }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<ChatRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls are going on.
    pub fn going(&self) -> usize {
        self.going.load(Ordering::SeqCst)
    }

    /// How many calls went on at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.going_most.load(Ordering::SeqCst)
    }
}

struct Going<'a>(&'a AtomicUsize);

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Model for ScriptedModel {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn provider(&self) -> &'static str {
        "testing"
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        hear: Option<Hear<'a>>,
    ) -> BoxFuture<'a, Result<Answer, ModelError>> {
        Box::pin(async move {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
            let next = self.turns.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let now = self.going.fetch_add(1, Ordering::SeqCst) + 1;
            self.going_most.fetch_max(now, Ordering::SeqCst);
            let _going = Going(&self.going);
            let answer = match next {
                Some(Turn::Says(answer)) => answer,
                Some(Turn::SaysAfter(pause, answer)) => {
                    tokio::time::sleep(pause).await;
                    answer
                }
                Some(Turn::Fails(error)) => return Err(error),
                Some(Turn::Hangs) => std::future::pending().await,
                None => {
                    let why =
                        "the scripted model was asked more often than it was told what to say";
                    return Err(ModelError::new(Sort::FixTheRequest, why));
                }
            };
            if let Some(hear) = hear {
                for word in answer.text.split_inclusive(' ') {
                    hear(Piece::Text(word));
                }
            }
            Ok(answer)
        })
    }
}
