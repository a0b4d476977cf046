//! Agents that are models.
//!
//! An attempt is a conversation: what the agent is to be as system prompt, then the task's title and
//! instructions, its input and the results of what it depends on, marked as material. The answer is
//! the output:
//!
//! - text becomes `{"text", "model", "provider", "stop", "calls", "usage", "cost"}`;
//! - where the answer must look like something, it is that JSON and nothing else. A schema is the
//!   agent's own, or the field `answer_schema` of the task's input. An answer that does not fit is
//!   shown to the model with what is wrong, once; the second that does not fit is a failure
//!   `bad_output`.
//!
//! `usage` and `cost` count every call of the attempt; `null` means unknown, and is never a guess.
//! Each call is told to the ledgers of the [`ModelSpec`], also those that failed.
//!
//! | what | what becomes of it |
//! |---|---|
//! | its key is missing | `unavailable`, with the reason: never chosen |
//! | its key is refused | the attempt fails as `unavailable`, and so is the agent for a while, or until the key changes |
//! | too many calls, a server's fault, the network | asked again, after what the provider asks for or a random wait; a long wait ends the attempt |
//! | cancelled, timed out | the call is dropped, its connection closed |
//! | the model refuses, the task is too long, the question is wrong | a failure that no attempt mends |
//!
//! Each piece of an answer is a sign of life.

mod conversation;
mod form;
mod spec;
#[cfg(test)]
mod tests;
mod trying;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use orkestra_runtime::{
    Result,
    protocol::{
        agent::Availability,
        payload::Json,
        task::{Failure, FailureKind},
    },
    time::Moment,
};
use serde_json::json;

pub use conversation::SCHEMA_FIELD;
pub use form::SCHEMA_BYTES_MAX;
pub use spec::{ModelSpec, SYSTEM_BYTES_MAX};

use crate::{
    agent::{Agent, Work},
    context::Context,
    models::{Answer, Message, ModelError, Sort, Stop},
    secret::Secret,
};
use conversation::Told;
use trying::{Account, Attempt};

/// How long an agent whose key was refused is not chosen, unless its key changes.
pub const BARRED_FOR: Duration = Duration::from_mins(1);

/// An agent that is a model. See the module for what becomes of its answers.
#[derive(Debug)]
pub struct ModelAgent {
    spec: ModelSpec,
    barred: Mutex<Option<Barred>>,
}

/// Why a key does not open anything.
#[derive(Debug)]
struct Barred {
    key: u64,
    until: Moment,
    reason: String,
}

impl ModelAgent {
    /// Checks and keeps a spec; an error of kind `Invalid` says what is wrong with it.
    pub fn new(spec: ModelSpec) -> Result<Self> {
        spec.check()?;
        Ok(Self { spec, barred: Mutex::default() })
    }

    /// Remembers that the key was refused.
    fn bar(&self, error: &ModelError) {
        if error.sort != Sort::NoAccess {
            return;
        }
        let until = self.spec.clock.now().moment + BARRED_FOR;
        let key = self.spec.model.secret().map_or(0, |key| mark(key.as_ref()));
        let barred = Barred { key, until, reason: error.message.clone() };
        *self.barred.lock().unwrap_or_else(PoisonError::into_inner) = Some(barred);
    }

    async fn answer(&self, work: &Work, context: &Context) -> Result<Json, Failure> {
        let told = conversation::tell(work, &self.spec.system, self.spec.schema.as_ref());
        let Told { mut request, form } = told.map_err(|why| Failure::error(why).for_good())?;
        request.temperature = self.spec.temperature;
        request.max_tokens = self.spec.max_tokens;
        let mut attempt = Attempt::new(&self.spec, work, context);
        let Some(form) = form else {
            let answer = self.ask(&mut attempt, &request).await?;
            return self.output(&answer, attempt.account());
        };
        let first = self.ask(&mut attempt, &request).await?;
        let wrong = match whole(&first).and_then(|text| form.read(text)) {
            Ok(json) => return Ok(json),
            Err(wrong) => wrong,
        };
        if first.text.is_empty() {
            return Err(unfit("the model answered nothing"));
        }
        request.messages.push(Message::Assistant { text: first.text, calls: Vec::new() });
        let again = format!(
            "This is not as it must be: {wrong}. Answer again, with JSON alone that fits the schema."
        );
        request.messages.push(Message::User { text: again });
        let second = self.ask(&mut attempt, &request).await?;
        whole(&second).and_then(|text| form.read(text)).map_err(|wrong| {
            unfit(&format!("the model's answer does not fit, nor did the one before: {wrong}"))
        })
    }

    async fn ask(
        &self,
        attempt: &mut Attempt<'_>,
        request: &crate::models::ChatRequest,
    ) -> Result<Answer, Failure> {
        attempt.ask(request).await.map_err(|error| {
            self.bar(&error);
            error.into()
        })
    }

    fn output(&self, answer: &Answer, account: &Account) -> Result<Json, Failure> {
        if answer.text.is_empty() {
            return Err(unfit("the model answered nothing"));
        }
        let output = json!({
            "text": answer.text,
            "model": answer.model.as_deref().unwrap_or_else(|| self.spec.model.name()),
            "provider": self.spec.model.provider(),
            "stop": answer.stop.as_str(),
            "calls": account.calls,
            "usage": account.usage,
            "cost": account.cost.as_ref().map(ToString::to_string),
        });
        Ok(Json::of(&output)?)
    }
}

/// The text of an answer that was not cut.
fn whole(answer: &Answer) -> Result<&str, String> {
    match answer.stop {
        Stop::Done => Ok(&answer.text),
        Stop::MaxTokens => Err("it is cut: it must be shorter".into()),
        Stop::ToolCalls => Err("it asks for calls, and there is nothing to call".into()),
    }
}

fn unfit(why: &str) -> Failure {
    Failure::new(FailureKind::BadOutput, why)
}

/// Tells one key from another without keeping it.
fn mark(key: Option<&Secret>) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.map(Secret::reveal).hash(&mut hasher);
    hasher.finish()
}

impl Agent for ModelAgent {
    async fn work(&self, work: Work, context: Context) -> Result<Json, Failure> {
        let key = self.spec.model.secret();
        let unavailable = |error: orkestra_runtime::Error| {
            Failure::new(FailureKind::Unavailable, error.to_string())
        };
        if let Some(key) = key.map_err(unavailable)? {
            // Whatever comes back, the key does not go on.
            context.hide(&key);
        }
        let answer = Box::pin(self.answer(&work, &context));
        tokio::select! {
            answer = answer => answer,
            () = context.cancelled() => Err(Failure::error("the model was no longer waited for")),
        }
    }

    fn availability(&self) -> Availability {
        let available = self.spec.model.availability();
        if available != Availability::Available {
            return available;
        }
        let now = self.spec.clock.now().moment;
        let key = self.spec.model.secret().map_or(0, |key| mark(key.as_ref()));
        let barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
        match barred.as_ref().filter(|barred| barred.until > now && barred.key == key) {
            Some(barred) => Availability::Unavailable { reason: barred.reason.clone() },
            None => Availability::Available,
        }
    }
}
