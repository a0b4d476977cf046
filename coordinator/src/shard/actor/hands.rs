//! How a sequencer touches the world.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use orkestra_runtime::{
    fabric::{AppendError, Sequence},
    journal::Journal,
    machine::ReplyTo,
    shell::{Hands, Outbox},
    time::Moment,
};
use tokio::sync::{Semaphore, oneshot, watch};

use super::handle::{Read, ShardError};
use crate::shard::{
    ceiling::Ceiling,
    mind::Mind,
    pool::Pool,
    sequencer::{Effect, EffectOf, Event, EventOf, Reason, Refusal, Sequencer},
    step::StepFault,
};

/// How often ports whose askers have gone are looked for: once in so many new ones.
const SWEEP_EVERY: usize = 4_096;

/// How the effects of a mind are carried out. Never waits: what takes time is handed on.
pub trait ShardHands<M: Mind>: Send + 'static {
    /// What a command is answered.
    type Reply: Send + 'static;

    /// Carries one effect out; everything that it depends on is durable. An effect that is an
    /// answer goes to its port.
    fn carry_out(&mut self, effect: M::Effect, ports: &mut Ports<Self::Reply>);

    /// The journal has become full, or has room again.
    fn parked(&mut self, is_parked: bool) {
        let _ = is_parked;
    }
}

/// Who waits for an answer to a command.
pub struct Ports<R> {
    open: HashMap<ReplyTo, oneshot::Sender<Result<R, ShardError>>>,
    kept: usize,
}

impl<R> Ports<R> {
    fn new() -> Self {
        Self { open: HashMap::new(), kept: 0 }
    }

    /// Answers whoever waits under a token. Says whether somebody did.
    pub fn answer(&mut self, to: ReplyTo, reply: R) -> bool {
        self.open.remove(&to).is_some_and(|port| port.send(Ok(reply)).is_ok())
    }

    /// Whether somebody waits under a token still.
    pub fn is_open(&self, to: ReplyTo) -> bool {
        self.open.get(&to).is_some_and(|port| !port.is_closed())
    }

    fn keep(&mut self, to: ReplyTo, port: oneshot::Sender<Result<R, ShardError>>) {
        self.open.insert(to, port);
        self.kept += 1;
        if self.kept.is_multiple_of(SWEEP_EVERY) {
            self.open.retain(|_, port| !port.is_closed());
        }
    }
}

impl<R> fmt::Debug for Ports<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// Who waits for an answer to a query.
pub(super) type Reader<A> = oneshot::Sender<Result<Read<A>, ShardError>>;

/// What is sent to a sequencer's actor.
pub(super) enum Mail<M: Mind, R> {
    Command {
        command: M::Command,
        port: Option<(ReplyTo, oneshot::Sender<Result<R, ShardError>>)>,
        pool: Pool,
    },
    Query {
        query: M::Query,
        to: ReplyTo,
        port: Reader<M::Answer>,
    },
    Lease(Moment),
    Ceiling(Option<Ceiling>),
    Close,
}

/// How a reign came to its end.
#[derive(Debug)]
pub(super) enum Ending {
    Restart(Reason),
    Closed,
    /// Another node leads, or is to.
    Deposed,
}

/// Permits of all pools.
#[derive(Clone, Debug)]
pub(super) struct Permits([Arc<Semaphore>; Pool::ALL.len()]);

impl Permits {
    pub(super) fn new() -> Self {
        Self(Pool::ALL.map(|pool| Arc::new(Semaphore::new(pool.permits()))))
    }

    pub(super) const fn of(&self, pool: Pool) -> &Arc<Semaphore> {
        let [outside, outcomes, control, queries] = &self.0;
        match pool {
            Pool::Outside => outside,
            Pool::Outcomes => outcomes,
            Pool::Control => control,
            Pool::Queries => queries,
        }
    }
}

/// How much of the journal is durable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Its last record.
    pub(super) end: Sequence,
    /// How many bytes of records this reign has written.
    pub(super) bytes: u64,
}

/// Carries mail to a sequencer and its effects to the journal, to askers and to a mind's hands.
pub(super) struct SequencerHands<M: Mind, H: ShardHands<M>> {
    pub(super) journal: Journal,
    pub(super) append_within: Duration,
    pub(super) hands: H,
    pub(super) ports: Ports<H::Reply>,
    pub(super) readers: HashMap<ReplyTo, Reader<M::Answer>>,
    pub(super) permits: Permits,
    /// Up to which record all is durable.
    pub(super) durable: watch::Sender<Written>,
    pub(super) ended: Option<oneshot::Sender<Ending>>,
}

impl<M: Mind, H: ShardHands<M>> SequencerHands<M, H> {
    pub(super) fn new(
        (journal, append_within): (Journal, Duration),
        hands: H,
        permits: Permits,
        durable: watch::Sender<Written>,
        ended: oneshot::Sender<Ending>,
    ) -> Self {
        let (ports, readers) = (Ports::new(), HashMap::new());
        let ended = Some(ended);
        Self { journal, append_within, hands, ports, readers, permits, durable, ended }
    }

    fn append(&self, end: Sequence, record: bytes::Bytes, outbox: &mut Outbox<EventOf<M>>) {
        let bytes = record.len() as u64;
        let append = self.journal.append(end, record);
        let (within, durable) = (self.append_within, self.durable.clone());
        outbox.spawn(async move {
            let appended = tokio::time::timeout(within, append).await.unwrap_or_else(|_| {
                Err(AppendError::Unknown(format!("no answer within {within:?}")))
            });
            Some(match appended {
                Ok(at) => {
                    durable.send_modify(|written| {
                        *written = Written { end: at, bytes: written.bytes + bytes };
                    });
                    Event::Appended(at)
                }
                Err(error) => Event::AppendFailed(error),
            })
        });
    }

    fn refuse(&mut self, to: ReplyTo, refusal: Refusal) {
        let refused = ShardError::Refused(refusal);
        if let Some(port) = self.ports.open.remove(&to) {
            let _ = port.send(Err(refused)); // whoever asked may have gone
        } else if let Some(port) = self.readers.remove(&to) {
            let _ = port.send(Err(refused));
        }
    }

    /// Lets everybody who waits know that no answer comes.
    fn end(&mut self, ending: Ending) {
        self.ports.open.clear();
        self.readers.clear();
        if let Some(ended) = self.ended.take() {
            let _ = ended.send(ending);
        }
    }
}

impl<M: Mind, H: ShardHands<M>> Hands for SequencerHands<M, H> {
    type Machine = Sequencer<M>;
    type Mail = Mail<M, H::Reply>;

    fn receive(&mut self, mail: Self::Mail) -> Option<EventOf<M>> {
        match mail {
            // Whoever has gone already gets nothing done.
            Mail::Command { port: Some((_, port)), pool, .. } if port.is_closed() => {
                self.permits.of(pool).add_permits(1);
                None
            }
            Mail::Query { port, .. } if port.is_closed() => {
                self.permits.of(Pool::Queries).add_permits(1);
                None
            }
            Mail::Command { command, port, pool } => {
                let reply = port.map(|(reply, port)| {
                    self.ports.keep(reply, port);
                    reply
                });
                Some(Event::Command { command, reply, pool })
            }
            Mail::Query { query, to, port } => {
                self.readers.insert(to, port);
                Some(Event::Query { query, reply: to })
            }
            Mail::Lease(until) => Some(Event::Lease(until)),
            Mail::Ceiling(ceiling) => Some(Event::Ceiling(ceiling)),
            Mail::Close => Some(Event::Close),
        }
    }

    fn carry_out(&mut self, effect: EffectOf<M>, outbox: &mut Outbox<EventOf<M>>) {
        match effect {
            Effect::Append { end, record, .. } => self.append(end, record, outbox),
            Effect::Act(effect) => self.hands.carry_out(effect, &mut self.ports),
            Effect::Answer { to, answer, settled } => {
                if let Some(port) = self.readers.remove(&to) {
                    let _ = port.send(Ok(Read { answer, settled })); // whoever asked may have gone
                }
            }
            Effect::Refuse { to: Some(to), refusal } => self.refuse(to, refusal),
            // The ceiling was told when it came down, and those who wait for an answer are told.
            Effect::Refuse { to: None, refusal: Refusal::Step(StepFault::TooNew { .. }) } => {}
            Effect::Refuse { to: None, refusal } => {
                tracing::warn!(shard = self.journal.shard().0, %refusal, "command refused");
            }
            Effect::Free { pool, count } => self.permits.of(pool).add_permits(count as usize),
            Effect::Parked => {
                tracing::warn!(shard = self.journal.shard().0, "journal full");
                self.hands.parked(true);
            }
            Effect::Resumed => {
                tracing::info!(shard = self.journal.shard().0, "journal has room again");
                self.hands.parked(false);
            }
            Effect::Restart(reason) => {
                let words = reason.to_string();
                self.end(Ending::Restart(reason));
                outbox.stop(Some(words));
            }
            Effect::Closed => {
                self.end(Ending::Closed);
                outbox.stop(None);
            }
        }
    }
}

impl<M: Mind, H: ShardHands<M>> fmt::Debug for SequencerHands<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequencerHands").field("journal", &self.journal).finish_non_exhaustive()
    }
}
