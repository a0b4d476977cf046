//! Hears public requests, several at once, and answers each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Error, ErrorKind, Result, duty,
    fabric::{Message, Messages, Pattern, listen},
    supervise::{ChildSpec, Started, Starting},
};

use super::{
    Parts, QUEUE,
    answer::{Trouble, send},
    desk::Desk,
    events::Reader,
    request::{Ask, SUBJECTS},
};
use crate::door::Code;

/// On which subjects requests come.
const HEARD: [&str; 8] =
    ["task.*", "run.*", "agent.*", "lock.*", "vote.*", "council.*", "node.list", "evt.read"];
/// How many requests may wait, of one kind.
const WAITING_MAX: usize = 4_096;
/// How many are carried out at once; one more is told so.
const AT_WORK_MAX: usize = 256;
/// How long one may take: longer than what it asks of a shard.
const WITHIN: Duration = Duration::from_secs(45);
/// The header that carries an idempotency key.
const KEY_HEADER: &str = "Nats-Msg-Id";

/// How much was asked and answered on each of [`SUBJECTS`], for whoever looks on. What is asked on
/// any other subject counts for none.
#[derive(Debug)]
pub(super) struct Figures(pub(super) [Figure; SUBJECTS.len()]);

impl Default for Figures {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Figure::default()))
    }
}

/// How much was asked and answered on one subject.
#[derive(Debug, Default)]
pub(super) struct Figure {
    pub(super) asked: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) worked_ns: AtomicU64,
}

impl Figures {
    fn count(&self, subject: &str, is_refused: bool, worked: Duration) {
        let at = SUBJECTS.iter().position(|known| *known == subject);
        let Some(figure) = at.and_then(|index| self.0.get(index)) else { return };
        figure.asked.fetch_add(1, Ordering::Relaxed);
        figure.refused.fetch_add(u64::from(is_refused), Ordering::Relaxed);
        let worked = u64::try_from(worked.as_nanos()).unwrap_or(u64::MAX);
        figure.worked_ns.fetch_add(worked, Ordering::Relaxed);
    }
}

/// Whoever answers public requests, as a child.
pub(super) fn child(parts: &Parts, figures: &Arc<Figures>) -> ChildSpec {
    let (messages, clock) = (Arc::clone(&parts.messages), Arc::clone(&parts.clock));
    let (shards, figures) = (Arc::clone(&parts.shards), Arc::clone(figures));
    ChildSpec::worker("public", move |starting: Starting| {
        let (messages, clock) = (Arc::clone(&messages), Arc::clone(&clock));
        let (shards, figures) = (Arc::clone(&shards), Arc::clone(&figures));
        async move {
            let reader = Reader::new(Arc::clone(&shards));
            let desk = Desk { shards, clock: Arc::clone(&clock), reader };
            let duty = hear(messages, desk, figures);
            let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

async fn hear(messages: Arc<dyn Messages>, desk: Desk, figures: Arc<Figures>) -> Result<()> {
    let mut heard = Vec::new();
    for pattern in HEARD {
        heard.push(listen(&messages, &Pattern::new(pattern)?, Some(QUEUE), WAITING_MAX).await?);
    }
    let mut heard = futures::stream::select_all(heard);
    let mut at_work = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(()) = at_work.next() => {}
            message = heard.next() => match message {
                Some(Ok(message)) if at_work.len() >= AT_WORK_MAX => busy(message, &figures),
                Some(Ok(message)) => at_work.push(answer(message, &desk, &figures)),
                // Whoever is not answered asks again.
                Some(Err(error)) if error.kind() == ErrorKind::Full => {}
                Some(Err(error)) => return Err(error),
                None => return Err(Error::new(ErrorKind::Unavailable, "the fabric is closed")),
            },
        }
    }
}

fn busy(message: Message, figures: &Figures) {
    figures.count(message.subject.as_str(), true, Duration::ZERO);
    if let Some(reply) = message.reply {
        let why = format!("{AT_WORK_MAX} requests are under way at this node");
        send(reply, Err(Trouble::new(Code::Busy, why)));
    }
}

async fn answer(message: Message, desk: &Desk, figures: &Figures) {
    let begun = desk.clock.now().moment;
    // Without anybody who waits for the answer it is a request all the same.
    let Message { subject, headers, body, reply } = message;
    let answered = match Ask::read(subject.as_str(), &body) {
        Ok(ask) => {
            let carried_out = desk.carry_out(ask, headers.get(KEY_HEADER));
            tokio::time::timeout(WITHIN, carried_out).await.unwrap_or_else(|_| {
                Err(Trouble::new(Code::Unavailable, format!("no answer within {WITHIN:?}")))
            })
        }
        Err(trouble) => Err(trouble),
    };
    let worked = desk.clock.now().moment.since(begun);
    figures.count(subject.as_str(), answered.is_err(), worked);
    if let Some(reply) = reply {
        send(reply, answered);
    }
}
