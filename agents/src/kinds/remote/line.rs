//! The line to one agent that works elsewhere: what its worker and whoever serves it share.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use orkestra_runtime::{
    limits::NAME_BYTES_MAX,
    protocol::{
        agent::Availability,
        payload::Json,
        task::{Failure, FailureKind},
    },
    time::{Clock, Moment},
};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, oneshot};

use super::{
    machine::{Effect, Heard, Pace, RemoteMachine},
    say::Say,
    words::{Assign, Beat, Code, Join, Key, Trouble, WORD_BYTES_MAX, written},
};
use crate::{agent::Work, context::Context, kinds::tokens::Tokens};

/// How many words may wait to be sent to one agent; the eldest go first, and a sign of life from
/// the agent mends what is missing.
const OUT_MAX: usize = 4_096;

/// One attempt, seen from here.
struct Attempt {
    context: Context,
    ended: Option<oneshot::Sender<Result<Json, Failure>>>,
}

struct Inner {
    machine: RemoteMachine,
    attempts: BTreeMap<Key, Attempt>,
    out: VecDeque<Bytes>,
    kept: VecDeque<(Context, String, String)>,
    refused: u64,
}

/// The line to one agent. Cheap to clone; clones are the same line.
#[derive(Clone)]
pub struct Line {
    inner: Arc<Mutex<Inner>>,
    /// Something waits to be sent, or the time of the next look has changed.
    news: Arc<Notify>,
    clock: Arc<dyn Clock>,
    pace: Pace,
}

impl Line {
    /// A line on which nobody has been heard yet.
    pub fn new(pace: Pace, clock: Arc<dyn Clock>) -> Self {
        let machine = RemoteMachine::new(clock.now().moment, pace);
        let (attempts, out, kept) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        let inner = Inner { machine, attempts, out, kept, refused: 0 };
        Self { inner: Arc::new(Mutex::new(inner)), news: Arc::default(), clock, pace }
    }

    /// How the agent is waited for.
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What a panic left half-done is mended by the next sign of life.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Steps the machine and does what follows from it, and wakes whoever serves the line.
    fn step<T>(&self, step: impl FnOnce(&mut RemoteMachine, Moment, &mut Vec<Effect>) -> T) -> T {
        let answer = self.step_quietly(step);
        self.news.notify_one();
        answer
    }

    fn step_quietly<T>(
        &self,
        step: impl FnOnce(&mut RemoteMachine, Moment, &mut Vec<Effect>) -> T,
    ) -> T {
        let (now, mut effects) = (self.clock.now().moment, Vec::new());
        let mut inner = self.inner();
        let answer = step(&mut inner.machine, now, &mut effects);
        for effect in effects {
            inner.carry_out(effect);
        }
        answer
    }

    /// Whether the agent can be given something now.
    pub fn availability(&self) -> Availability {
        let now = self.clock.now().moment;
        self.inner().machine.availability(now)
    }

    /// How many attempts it holds, and how many of its words were refused.
    pub fn counts(&self) -> (usize, u64) {
        let inner = self.inner();
        (inner.machine.held(), inner.refused)
    }

    /// A session of the agent begins, or goes on.
    pub fn join(&self, join: &Join) -> Result<(), Trouble> {
        let joined = self.step(|machine, now, effects| machine.join(now, &join.session, effects));
        joined.inspect_err(|_| self.inner().refused += 1)
    }

    /// Answers a sign of life, whatever was sent as one.
    pub(super) fn beat(&self, body: &[u8]) -> Result<Vec<u8>, Trouble> {
        #[derive(Serialize)]
        struct Beaten {
            ok: bool,
            drop: Vec<Key>,
        }
        let beaten = Beat::read(body)
            .and_then(|beat| self.step(|machine, now, effects| machine.beat(now, &beat, effects)));
        beaten
            .map(|drop| written(&Beaten { ok: true, drop }))
            .inspect_err(|_| self.inner().refused += 1)
    }

    /// Answers a word about an attempt, whatever was sent as one.
    pub(super) async fn say(&self, body: &[u8]) -> Result<Vec<u8>, Trouble> {
        #[derive(Serialize)]
        struct Told {
            ok: bool,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            stale: bool,
        }
        let heard = Say::read(body)
            .and_then(|say| self.step(|machine, now, effects| machine.say(now, say, effects)));
        let heard = heard.inspect_err(|_| self.inner().refused += 1)?;
        self.keep().await?;
        let stale = heard == Heard::Stale;
        Ok(written(&Told { ok: !stale, stale }))
    }

    /// Keeps what attempts want kept, before they are told so.
    async fn keep(&self) -> Result<(), Trouble> {
        loop {
            let Some((context, name, text)) = self.inner().kept.pop_front() else { return Ok(()) };
            let kept = context.artifact(name, text.into_bytes()).await;
            kept.map_err(|failure| Trouble::new(Code::Unavailable, failure.message))?;
        }
    }

    /// Does what time has made due; answers when to look again, or none once the agent is gone.
    pub(super) fn tick(&self) -> Option<Moment> {
        self.step_quietly(|machine, now, effects| {
            machine.tick(now, effects);
            (!machine.is_gone(now)).then(|| machine.wakeup())
        })
    }

    /// What is to be sent to the agent.
    pub(super) fn outgoing(&self) -> Vec<Bytes> {
        self.inner().out.drain(..).collect()
    }

    /// Waits until there is something new.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now().moment
    }

    /// Gives an attempt to the agent and waits for what it says of it.
    pub(super) async fn work(&self, work: Work, context: Context) -> Result<Json, Failure> {
        if let Availability::Unavailable { reason } = self.availability() {
            return Err(Failure::new(FailureKind::Unavailable, reason));
        }
        let (task, attempt) = context.key();
        let key = Key::of(task, attempt);
        let assign = assignment(&key, &work, &context)?;
        let (ended, mut outcome) = oneshot::channel();
        let held = Attempt { context: context.clone(), ended: Some(ended) };
        self.inner().attempts.insert(key.clone(), held);
        let _leave = Leave { line: self.clone(), key: key.clone() };
        self.step(|machine, now, effects| machine.begin(now, (key.clone(), assign), effects));
        let outcome = tokio::select! {
            outcome = &mut outcome => outcome,
            () = context.cancelled() => {
                self.step(|machine, _, effects| machine.cancel(&key, "it was cancelled", effects));
                outcome.await
            }
        };
        outcome.unwrap_or_else(|_| Err(Failure::new(FailureKind::Lost, "its line was closed")))
    }
}

impl Inner {
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send(word) => {
                if self.out.len() >= OUT_MAX {
                    self.out.pop_front();
                }
                self.out.push_back(word);
            }
            Effect::Settle(key, outcome) => {
                let ended = self.attempts.get_mut(&key).and_then(|attempt| attempt.ended.take());
                if let Some(ended) = ended {
                    // The attempt may have been dropped meanwhile.
                    let _ = ended.send(outcome);
                }
            }
            Effect::Alive(key) => {
                if let Some(attempt) = self.attempts.get(&key) {
                    attempt.context.heartbeat();
                }
            }
            Effect::Progress(key, percent, message) => {
                if let Some(attempt) = self.attempts.get(&key) {
                    attempt.context.progress(percent, shortened(message));
                }
            }
            Effect::Keep(key, name, text) => {
                if let Some(attempt) = self.attempts.get(&key) {
                    self.kept.push_back((attempt.context.clone(), name, text));
                }
            }
        }
    }
}

/// One line for people, however long it was.
fn shortened(message: String) -> String {
    if message.len() <= 8 * NAME_BYTES_MAX {
        return message;
    }
    message.chars().take(2 * NAME_BYTES_MAX).collect()
}

/// Tells the agent that nobody waits for an attempt any more, however that came.
struct Leave {
    line: Line,
    key: Key,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.line.inner().attempts.remove(&self.key);
        self.line.step(|machine, _, effects| machine.forget(&self.key, effects));
    }
}

fn assignment(key: &Key, work: &Work, context: &Context) -> Result<Bytes, Failure> {
    let unwritable = |error: serde_json::Error| {
        Failure::error(format!("cannot write the assignment: {error}")).for_good()
    };
    let input: &RawValue = serde_json::from_str(work.input.as_str()).map_err(unwritable)?;
    let assign = Assign {
        r#type: "assign",
        key,
        run: work.run.as_str(),
        task: work.id.as_str(),
        attempt: work.attempt.0,
        title: &work.title,
        instructions: &work.instructions,
        input,
        results: &work.results,
        effect_key: context.effect_key(),
        locks: Tokens(context.locks()),
        timeout_ms: work.timeout_ms,
    };
    let bytes = serde_json::to_vec(&assign).map_err(unwritable)?;
    if bytes.len() > WORD_BYTES_MAX {
        let why = format!(
            "the task with what it is given has {} bytes, and at most {WORD_BYTES_MAX} travel to \
             an agent: keep its input elsewhere, and say where",
            bytes.len()
        );
        return Err(Failure::error(why).for_good());
    }
    Ok(bytes.into())
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("pace", &self.pace).finish_non_exhaustive()
    }
}
