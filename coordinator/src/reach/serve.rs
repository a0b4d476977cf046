//! Answers other nodes while this node leads a shard.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Message, Messages, Pattern, listen},
    id::{RunId, ShardId},
    names, wire,
};

use super::{
    LISTEN, TRIP,
    message::{Asked, Back, ShardAnswer, ShardAsk, Told},
    parts::{ANSWER_BYTES_MAX, Parts},
    shard::Here,
};
use crate::{
    client::{Following, Tasks},
    refused::Refused,
    shard::{
        actor::{Read, ShardError},
        machine::{Answer, Query},
    },
    task::{Answer as TaskAnswer, Query as TaskQuery, RunSummary},
};

/// How many questions are under way at once; one more is refused as full.
const ASKED_MAX: usize = 8_192;
/// How many questions may wait to be looked at.
const WAITING_MAX: usize = 16_384;
/// How many follow runs at once.
const FOLLOWING_MAX: usize = 1_024;
/// How long nobody may ask for the next endings before they are remembered no more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);
/// How often the end of a run is looked for, at first and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// Answers what other nodes ask of one shard.
pub(crate) struct Server {
    shard: ShardId,
    here: Here,
    tasks: Tasks,
    messages: Arc<dyn Messages>,
    following: Mutex<HashMap<u64, Kept>>,
    parts: Parts,
    junk: Refused,
}

/// Endings that are remembered for somebody.
struct Kept {
    /// None while somebody waits for the next ones.
    following: Option<Following>,
    asked: tokio::time::Instant,
}

impl Server {
    /// A server of a shard that this node may lead. `junk` counts what could not be read.
    pub(crate) fn new(
        shard: ShardId,
        (here, tasks): (Here, Tasks),
        messages: Arc<dyn Messages>,
        junk: Refused,
    ) -> Self {
        Self {
            shard,
            here,
            tasks,
            messages,
            following: Mutex::default(),
            parts: Parts::default(),
            junk,
        }
    }

    /// Answers while this node leads, and listens to nobody while it does not: then whoever asks is
    /// told at once that nobody is there. Ends when the shard is closed.
    pub(crate) async fn serve(self: Arc<Self>) -> Result<()> {
        let mut door = self.here.reigns();
        let pattern = Pattern::new(names::shard_ask(self.shard)?.as_str())?;
        loop {
            if !door.until_open_is(true).await {
                return Ok(());
            }
            let questions = listen(&self.messages, &pattern, None, WAITING_MAX).await?;
            let mut over = door.clone();
            let reign_over = async move { !over.until_open_is(false).await };
            let is_closed = tokio::select! {
                biased;
                closed = reign_over => closed,
                () = Arc::clone(&self).answer(questions) => false,
            };
            self.kept().clear();
            self.parts.clear();
            if is_closed {
                return Ok(());
            }
        }
    }

    async fn answer(self: Arc<Self>, questions: orkestra_runtime::fabric::Subscription) {
        let mut questions = questions.fuse();
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
                question = questions.next() => match question {
                    Some(Ok(message)) if under_way.len() < ASKED_MAX => {
                        under_way.push(Arc::clone(&self).one(message));
                    }
                    Some(Ok(message)) => self.reply(message, &Err(ShardError::Full)),
                    // Some were lost: their askers see no answer.
                    Some(Err(error)) => {
                        tracing::warn!(shard = self.shard.0, %error, "questions were lost");
                    }
                    None => return,
                },
            }
        }
    }

    async fn one(self: Arc<Self>, message: Message) {
        let (asked, within) = match read(&message.body) {
            Ok(read) => read,
            // Whoever sent it hears nothing: it may be an answer to somebody else's reply subject.
            Err(error) => {
                self.junk.one("a question to a shard", &error);
                return;
            }
        };
        let back = match asked {
            Asked::Query(query) => self.query(query, within).await,
            asked => {
                // Apart, since it is large: thousands of questions are under way at once.
                let done = Box::pin(tokio::time::timeout(within, self.carry_out(asked)));
                done.await.unwrap_or(Err(ShardError::NoAnswer))
            }
        };
        self.reply(message, &back);
    }

    /// What is; the way of most questions, and so the shortest.
    async fn query(&self, query: Query, within: Duration) -> Back {
        let answer = self.here.begin_query(query)?;
        let read = tokio::time::timeout(within, answer).await;
        let Ok(Ok(read)) = read else { return Err(ShardError::NoAnswer) };
        read.map(|Read { answer, settled }| Told::Answer(answer, settled))
    }

    async fn carry_out(&self, asked: Asked) -> Back {
        match asked {
            Asked::Command(command, pool) => {
                let done = super::shard::commanded(&self.here, command, (pool, TRIP));
                done.await.map(Told::Reply)
            }
            Asked::Tell(command, pool) => {
                self.here.tell(command, pool, TRIP).await.map(|()| Told::Taken)
            }
            Asked::Query(query) => self.query(query, TRIP).await,
            Asked::Await(run) => await_run(&self.here, &run, TRIP).await.map(Told::Ended),
            Asked::Follow(run, token) => self.follow(&run, token).await,
            Asked::Next(token) => self.next(token).await,
            Asked::Unfollow(token) => {
                let kept = self.kept().remove(&token).and_then(|kept| kept.following);
                if let Some(following) = kept {
                    following.stop().await;
                }
                Ok(Told::Taken)
            }
            Asked::Part(token, from) => {
                let part = self.parts.fetch(token, from, super::now());
                Ok(part.map_or(Told::Unknown, Told::Part))
            }
        }
    }

    fn reply(&self, message: Message, back: &Back) {
        let Some(port) = message.reply else { return };
        let answer = ShardAnswer { body: written(back) };
        port.answer(wire::encode(&answer).unwrap_or_else(|_| {
            let body = written(&self.kept_for(back, answer.body));
            wire::encode(&ShardAnswer { body }).unwrap_or_default()
        }));
    }

    /// What is answered in the place of an answer that does not fit a frame.
    fn kept_for(&self, back: &Back, body: Vec<u8>) -> Back {
        let bytes = body.len();
        if matches!(back, Ok(Told::Answer(..))) && bytes <= ANSWER_BYTES_MAX {
            let token = super::nobodys_token().map_err(|_| ShardError::NoAnswer)?;
            self.parts.keep(token, body, super::now());
            return Ok(Told::Kept { token, bytes: bytes as u64 });
        }
        let why =
            format!("the answer has {bytes} bytes and is too long: ask for less, with a limit");
        let fault = crate::shard::StepFault::Fault(why);
        Err(ShardError::Refused(crate::shard::sequencer::Refusal::Step(fault)))
    }

    async fn follow(&self, run: &RunId, token: u64) -> Back {
        let now = super::now();
        {
            let mut kept = self.kept();
            kept.retain(|_, kept| now.duration_since(kept.asked) < FORGOTTEN_AFTER);
            if kept.len() >= FOLLOWING_MAX {
                return Err(ShardError::Full);
            }
        }
        let following = self.tasks.follow_here(run).await.map_err(|_| ShardError::NoAnswer)?;
        let kept = Kept { following: Some(following), asked: now };
        self.kept().insert(token, kept);
        Ok(Told::Taken)
    }

    async fn next(&self, token: u64) -> Back {
        let followed = self.kept().get_mut(&token).and_then(|kept| kept.following.take());
        let Some(mut following) = followed else { return Ok(Told::Unknown) };
        // Shorter than the asker waits, so that nothing is on its way to one who has given up.
        let next = tokio::time::timeout(LISTEN, following.next()).await;
        let ended = match next {
            Ok(None) => {
                self.kept().remove(&token);
                return Ok(Told::Unknown);
            }
            Ok(Some(ended)) => ended,
            Err(_) => Vec::new(),
        };
        if let Some(kept) = self.kept().get_mut(&token) {
            *kept = Kept { following: Some(following), asked: super::now() };
        }
        Ok(Told::Endings(ended))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Kept>> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the end of a run within this process, for at most `within`.
pub(super) async fn await_run(
    here: &Here,
    run: &RunId,
    within: Duration,
) -> Result<RunSummary, ShardError> {
    let until = super::now() + within;
    let mut wait = LOOK.0;
    loop {
        let left = until.saturating_duration_since(super::now());
        if left.is_zero() || !here.is_open() {
            return Err(ShardError::NoAnswer);
        }
        let query = Query::Task(TaskQuery::Run(run.clone()));
        if let Answer::Task(TaskAnswer::Run(found)) = here.query(query, left).await?.answer {
            match found {
                Some(view) if view.summary.ended.is_some() => return Ok(view.summary),
                Some(_) => {}
                None => return Err(ShardError::NoAnswer),
            }
        }
        tokio::time::sleep(wait.min(left)).await;
        wait = LOOK.1.min(wait * 2);
    }
}

fn read(frame: &[u8]) -> Result<(Asked, Duration)> {
    let ShardAsk { within_ms, body } = wire::decode(frame)?;
    let asked = rmp_serde::from_slice(&body).map_err(|error| {
        let message = "a question to a shard is of a kind that this node does not know";
        Error::new(ErrorKind::Corrupt, message).because(error)
    })?;
    Ok((asked, Duration::from_millis(u64::from(within_ms)).min(TRIP)))
}

/// What is answered, as it is written; nothing when it cannot be, which nobody can read.
fn written(back: &Back) -> Vec<u8> {
    rmp_serde::to_vec_named(back).unwrap_or_default()
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("shard", &self.shard).finish_non_exhaustive()
    }
}
