//! What is known of an agent that works elsewhere: whether it is there, and what it holds.
//!
//! Time is an argument, what is to be done comes out as [`Effect`]s in their order.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use orkestra_runtime::{
    protocol::{
        agent::Availability,
        payload::Json,
        task::{Failure, FailureKind},
    },
    time::Moment,
};

use super::words::{Beat, Code, Key, Said, Say, Trouble};

/// How many attempts that have ended are remembered, so that whoever says it twice is told that it
/// was heard.
const ENDED_MAX: usize = 1_024;
/// How many sessions that others have replaced are remembered.
const REPLACED_MAX: usize = 64;

/// How an agent that works elsewhere is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How often it gives a sign of life.
    pub beat_every: Duration,
    /// After how long without one it is away: it is given nothing more.
    pub silence: Duration,
    /// After how long without one what it holds is lost, and given out again.
    pub lost_after: Duration,
    /// After how long without one it is forgotten, until it joins again.
    pub forget_after: Duration,
}

impl Default for Pace {
    /// Every second; away after three, lost after ten, forgotten after ten minutes.
    fn default() -> Self {
        Self {
            beat_every: Duration::from_secs(1),
            silence: Duration::from_secs(3),
            lost_after: Duration::from_secs(10),
            forget_after: Duration::from_mins(10),
        }
    }
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Send this to the agent.
    Send(Bytes),
    /// This attempt has ended.
    Settle(Key, Result<Json, Failure>),
    /// This attempt lives.
    Alive(Key),
    /// This attempt has come so far.
    Progress(Key, u8, String),
    /// This attempt keeps something.
    Keep(Key, String, String),
}

/// What is said of a word about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It counts, or did when it was said first.
    Ok,
    /// The attempt is another's, or nobody's: it changes nothing.
    Stale,
}

#[derive(Debug)]
struct Held {
    /// What the agent was sent, to be sent again.
    assign: Bytes,
    sent: Moment,
    /// Whether the session has shown that it knows of it.
    is_known: bool,
}

#[derive(Debug)]
pub(super) struct RemoteMachine {
    pace: Pace,
    session: Option<String>,
    /// When the session was heard of last; when it began to be waited for, before that.
    heard: Moment,
    held: BTreeMap<Key, Held>,
    ended: VecDeque<Key>,
    replaced: VecDeque<String>,
}

impl RemoteMachine {
    pub(super) fn new(now: Moment, pace: Pace) -> Self {
        let (held, ended, replaced) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        Self { pace, session: None, heard: now, held, ended, replaced }
    }

    /// A session begins, or goes on. What another session of the same agent knew of is lost with
    /// it; what that had not heard of yet is sent to this one.
    pub(super) fn join(
        &mut self,
        now: Moment,
        session: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Trouble> {
        self.refuse_replaced(session)?;
        let is_new = self.session.as_deref() != Some(session);
        if is_new && let Some(old) = self.session.replace(session.to_owned()) {
            remember(&mut self.replaced, old, REPLACED_MAX);
            let known = self.held.iter().filter(|(_, held)| held.is_known);
            let known: Vec<Key> = known.map(|(key, _)| key.clone()).collect();
            for key in known {
                self.lose(&key, "another session of the agent has begun", effects);
            }
        }
        self.heard = now;
        for held in self.held.values_mut().filter(|held| !held.is_known) {
            held.sent = now;
            effects.push(Effect::Send(held.assign.clone()));
        }
        Ok(())
    }

    /// A sign of life; answers what the agent should let go of.
    pub(super) fn beat(
        &mut self,
        now: Moment,
        beat: &Beat,
        effects: &mut Vec<Effect>,
    ) -> Result<Vec<Key>, Trouble> {
        self.check(&beat.session)?;
        self.heard = now;
        for (key, held) in &mut self.held {
            if beat.held.contains(key) {
                held.is_known = true;
                effects.push(Effect::Alive(key.clone()));
            } else if now.since(held.sent) * 2 >= self.pace.beat_every {
                // It was lost on the way, or the agent has forgotten it.
                held.sent = now;
                effects.push(Effect::Send(held.assign.clone()));
            }
        }
        let unknown = |key: &&Key| !self.held.contains_key(*key);
        Ok(beat.held.iter().filter(unknown).cloned().collect())
    }

    /// A word about an attempt.
    pub(super) fn say(
        &mut self,
        now: Moment,
        say: Say,
        effects: &mut Vec<Effect>,
    ) -> Result<Heard, Trouble> {
        self.check(&say.session)?;
        self.heard = now;
        let Say { key, said, .. } = say;
        let Some(held) = self.held.get_mut(&key) else {
            let was_heard = self.ended.contains(&key);
            return Ok(if was_heard { Heard::Ok } else { Heard::Stale });
        };
        held.is_known = true;
        match said {
            Said::Started => effects.push(Effect::Alive(key)),
            Said::Progress { percent, message } => {
                effects.push(Effect::Progress(key, percent, message));
            }
            Said::Kept { name, text } => effects.push(Effect::Keep(key, name, text)),
            Said::Completed { output } => self.settle(key, Ok(output), effects),
            Said::Failed { message, retryable } => {
                let failure = Failure::error(message);
                let failure = if retryable { failure } else { failure.for_good() };
                self.settle(key, Err(failure), effects);
            }
            Said::Declined { message } => {
                let failure = Failure::new(FailureKind::HandedBack, message);
                self.settle(key, Err(failure), effects);
            }
        }
        Ok(Heard::Ok)
    }

    /// An attempt is given to the agent.
    pub(super) fn begin(
        &mut self,
        now: Moment,
        (key, assign): (Key, Bytes),
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Send(assign.clone()));
        self.held.insert(key, Held { assign, sent: now, is_known: false });
    }

    /// An attempt should come to its end; the agent may still say how.
    pub(super) fn cancel(&self, key: &Key, reason: &str, effects: &mut Vec<Effect>) {
        if self.held.contains_key(key) {
            effects.push(Effect::Send(cancel(key, reason)));
        }
    }

    /// Nobody waits for an attempt any more.
    pub(super) fn forget(&mut self, key: &Key, effects: &mut Vec<Effect>) {
        if self.held.remove(key).is_some() {
            effects.push(Effect::Send(cancel(key, "nobody waits for it any more")));
        }
    }

    /// What time has made due.
    pub(super) fn tick(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if now.since(self.heard) < self.pace.lost_after {
            return;
        }
        let lost: Vec<Key> = self.held.keys().cloned().collect();
        for key in lost {
            self.lose(&key, "the agent gave no sign of life", effects);
        }
    }

    /// When it is to be looked at next.
    pub(super) fn wakeup(&self) -> Moment {
        let after =
            if self.held.is_empty() { self.pace.forget_after } else { self.pace.lost_after };
        self.heard + after
    }

    pub(super) fn availability(&self, now: Moment) -> Availability {
        let silence = now.since(self.heard);
        let reason = match &self.session {
            None => "it has not joined yet".to_owned(),
            Some(_) if silence >= self.pace.silence => {
                "away: it gave no sign of life for longer than it may".to_owned()
            }
            Some(_) => return Availability::Available,
        };
        Availability::Unavailable { reason }
    }

    /// Whether it can be forgotten as a whole.
    pub(super) fn is_gone(&self, now: Moment) -> bool {
        self.held.is_empty() && now.since(self.heard) >= self.pace.forget_after
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    fn lose(&mut self, key: &Key, why: &str, effects: &mut Vec<Effect>) {
        if self.held.remove(key).is_some() {
            let failure = Failure::new(FailureKind::Lost, why);
            effects.push(Effect::Settle(key.clone(), Err(failure)));
        }
    }

    fn settle(&mut self, key: Key, ended: Result<Json, Failure>, effects: &mut Vec<Effect>) {
        self.held.remove(&key);
        remember(&mut self.ended, key.clone(), ENDED_MAX);
        effects.push(Effect::Settle(key, ended));
    }

    fn check(&self, session: &str) -> Result<(), Trouble> {
        if self.session.as_deref() == Some(session) {
            return Ok(());
        }
        self.refuse_replaced(session)?;
        Err(Trouble::new(Code::UnknownSession, "this session has not joined here"))
    }

    fn refuse_replaced(&self, session: &str) -> Result<(), Trouble> {
        if self.replaced.iter().any(|old| old == session) {
            return Err(Trouble::new(Code::Replaced, "another session of this agent has joined"));
        }
        Ok(())
    }
}

fn remember<T: PartialEq>(list: &mut VecDeque<T>, one: T, max: usize) {
    if list.len() >= max {
        list.pop_front();
    }
    list.push_back(one);
}

fn cancel(key: &Key, reason: &str) -> Bytes {
    let word: BTreeMap<&str, serde_json::Value> =
        [("type", "cancel".into()), ("key", serde_json::json!(key)), ("reason", reason.into())]
            .into();
    super::words::written(&word).into()
}
