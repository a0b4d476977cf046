//! The one generic actor: it carries mail to a machine and the machine's effects to the world.
//!
//! ```text
//!   mail ──▶ Hands::receive ──▶ event ──▶ Machine::step ──▶ effects ──▶ Hands::carry_out
//!                                 ▲                                          │
//!                                 └──── outbox: follow-up events, tasks ◀────┘
//! ```
//!
//! Promises: one event at a time; effects are carried out in the order in which they were pushed;
//! one alarm, at the machine's next wake-up; tasks that were spawned through the [`Outbox`] are
//! aborted when the actor ends. A panic in the machine, the hands or a task ends the actor as
//! failed, and its supervisor hears of it.
//!
//! Hands do not wait: whatever takes time is spawned through the outbox and comes back as an event.
//! Ractor's mailbox is unbounded, so whoever sends must hold a permit or a credit.

use std::{fmt, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::task::{AbortHandle, JoinSet};

use crate::{
    machine::Machine,
    time::{Clock, Moment},
};

/// A buffer for so many effects is not kept between two steps.
const SMALL: usize = 4;

/// How one component's machine touches the world.
pub trait Hands: Send + Sized + 'static {
    /// The machine whose effects these hands carry out.
    type Machine: Machine;
    /// What can be sent to the actor; may hold reply ports.
    type Mail: Send + 'static;

    /// Turns mail into an event, keeping its port if it has one; none when there is nothing to
    /// decide.
    fn receive(&mut self, mail: Self::Mail) -> Option<EventOf<Self>>;

    /// Carries one effect out. What fails comes back as an event through the outbox.
    fn carry_out(&mut self, effect: EffectOf<Self>, outbox: &mut Outbox<EventOf<Self>>);

    /// Called once before the first mail.
    fn started(&mut self, outbox: &mut Outbox<EventOf<Self>>) {
        let _ = outbox;
    }

    /// Called once after the last mail, when the actor stops in order; not after a kill or a panic.
    fn stopped(&mut self) {}
}

/// The event of the machine of these hands.
pub type EventOf<H> = <<H as Hands>::Machine as Machine>::Event;
/// The effect of the machine of these hands.
pub type EffectOf<H> = <<H as Hands>::Machine as Machine>::Effect;

/// What hands can ask of their shell.
pub struct Outbox<E> {
    events: Vec<E>,
    tasks: Vec<futures::future::BoxFuture<'static, Option<E>>>,
    end: Option<End>,
}

#[derive(Debug)]
enum End {
    Stop(Option<String>),
    Fail(String),
}

impl<E> Outbox<E> {
    const fn new() -> Self {
        Self { events: Vec::new(), tasks: Vec::new(), end: None }
    }

    /// An event for the machine, after the effects of this step.
    pub fn push(&mut self, event: E) {
        self.events.push(event);
    }

    /// Runs a task beside the actor; its event comes back as mail. Aborted when the actor ends.
    pub fn spawn(&mut self, task: impl Future<Output = Option<E>> + Send + 'static) {
        self.tasks.push(Box::pin(task));
    }

    /// Ends the actor in order, after this step.
    pub fn stop(&mut self, reason: Option<String>) {
        self.end.get_or_insert(End::Stop(reason));
    }

    /// Ends the actor as failed, after this step.
    pub fn fail(&mut self, reason: impl Into<String>) {
        self.end = Some(End::Fail(reason.into()));
    }
}

impl<E> fmt::Debug for Outbox<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("events", &self.events.len())
            .field("tasks", &self.tasks.len())
            .field("end", &self.end)
            .finish()
    }
}

/// What a shell's mailbox takes; made by [`Address`] and by the shell itself.
pub struct ShellMsg<H: Hands>(Msg<H>);

enum Msg<H: Hands> {
    Mail(H::Mail),
    Event(EventOf<H>),
    Alarm,
    /// A task panicked; its event will never come.
    Fault(String),
}

impl<H: Hands> fmt::Debug for ShellMsg<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Msg::Mail(_) => "Mail",
            Msg::Event(_) => "Event",
            Msg::Alarm => "Alarm",
            Msg::Fault(_) => "Fault",
        })
    }
}

/// Where mail for a shell is sent to. Cheap to clone; outlives the actor.
pub struct Address<H: Hands>(ActorRef<ShellMsg<H>>);

impl<H: Hands> Address<H> {
    /// Sends; gives the mail back when the actor is gone. Done means queued, not read.
    pub fn send(&self, mail: H::Mail) -> Result<(), H::Mail> {
        self.0.cast(ShellMsg(Msg::Mail(mail))).map_err(|error| match error {
            ractor::MessagingErr::SendErr(ShellMsg(Msg::Mail(mail))) => mail,
            _ => unreachable!("a cast that fails gives its message back"),
        })
    }

    /// The actor, for whoever supervises it.
    pub fn cell(&self) -> ActorCell {
        self.0.get_cell()
    }
}

impl<H: Hands> Clone for Address<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: Hands> fmt::Debug for Address<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?})", self.0.get_id())
    }
}

/// A machine, its hands and a clock: what an actor is made of.
pub struct Parts<H: Hands> {
    /// Decides.
    pub machine: H::Machine,
    /// Acts.
    pub hands: H,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl<H: Hands> fmt::Debug for Parts<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Starts an actor that nobody supervises; its handle ends when the actor has ended.
pub async fn spawn<H: Hands>(
    parts: Parts<H>,
) -> Result<(Address<H>, tokio::task::JoinHandle<()>), SpawnErr> {
    let (actor, handle) = Actor::spawn(None, Shell::<H>(std::marker::PhantomData), parts).await?;
    Ok((Address(actor), handle))
}

/// Starts an actor under a supervisor, which hears of its end.
pub async fn spawn_linked<H: Hands>(
    parts: Parts<H>,
    supervisor: ActorCell,
) -> Result<(Address<H>, tokio::task::JoinHandle<()>), SpawnErr> {
    let shell = Shell::<H>(std::marker::PhantomData);
    let (actor, handle) = Actor::spawn_linked(None, shell, parts, supervisor).await?;
    Ok((Address(actor), handle))
}

struct Shell<H>(std::marker::PhantomData<fn() -> H>);

struct State<H: Hands> {
    machine: H::Machine,
    hands: H,
    clock: Arc<dyn Clock>,
    effects: Vec<EffectOf<H>>,
    outbox: Outbox<EventOf<H>>,
    tasks: JoinSet<()>,
    alarm: Option<(Moment, AbortHandle)>,
}

impl<H: Hands> Actor for Shell<H> {
    type Msg = ShellMsg<H>;
    type State = State<H>;
    type Arguments = Parts<H>;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        parts: Parts<H>,
    ) -> Result<Self::State, ActorProcessingErr> {
        let Parts { machine, hands, clock } = parts;
        let mut state = State {
            machine,
            hands,
            clock,
            effects: Vec::new(),
            outbox: Outbox::new(),
            tasks: JoinSet::new(),
            alarm: None,
        };
        state.hands.started(&mut state.outbox);
        state.settle(&myself)?;
        Ok(state)
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.hands.stopped();
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message.0 {
            Msg::Mail(mail) => {
                if let Some(event) = state.hands.receive(mail) {
                    state.step(event);
                }
            }
            Msg::Event(event) => state.step(event),
            Msg::Alarm => {
                state.alarm = None;
                let now = state.clock.now();
                state.machine.tick(now, &mut state.effects);
                debug_assert!(
                    state.machine.wakeup().is_none_or(|at| at > now.moment),
                    "after a tick nothing is due"
                );
            }
            Msg::Fault(reason) => return Err(reason.into()),
        }
        state.settle(&myself)
    }
}

impl<H: Hands> State<H> {
    fn step(&mut self, event: EventOf<H>) {
        tracing::trace!(?event, "event");
        let now = self.clock.now();
        self.machine.step(now, event, &mut self.effects);
    }

    /// Carries out what was decided, until nothing more follows, and sets the alarm.
    fn settle(&mut self, myself: &ActorRef<ShellMsg<H>>) -> Result<(), ActorProcessingErr> {
        loop {
            let mut effects = std::mem::take(&mut self.effects);
            for effect in effects.drain(..) {
                tracing::trace!(?effect, "effect");
                self.hands.carry_out(effect, &mut self.outbox);
            }
            // One that is this small is made anew at little cost; idle actors are many.
            if effects.capacity() > SMALL {
                self.effects = effects;
            }
            if self.outbox.events.is_empty() {
                break;
            }
            for event in std::mem::take(&mut self.outbox.events) {
                self.step(event);
            }
        }
        self.start_tasks(myself);
        match self.outbox.end.take() {
            Some(End::Fail(reason)) => return Err(reason.into()),
            Some(End::Stop(reason)) => myself.stop(reason),
            None => self.set_alarm(myself),
        }
        Ok(())
    }

    fn start_tasks(&mut self, myself: &ActorRef<ShellMsg<H>>) {
        if !self.tasks.is_empty() {
            while self.tasks.try_join_next().is_some() {}
        }
        for task in self.outbox.tasks.drain(..) {
            let myself = myself.clone();
            self.tasks.spawn(async move {
                let message = match AssertUnwindSafe(task).catch_unwind().await {
                    Ok(None) => return,
                    Ok(Some(event)) => Msg::Event(event),
                    Err(panic) => Msg::Fault(format!("a task panicked: {}", said(&*panic))),
                };
                // The actor may have ended meanwhile; then nobody is left to be told.
                let _ = myself.cast(ShellMsg(message));
            });
        }
    }

    /// An alarm that is set too early does no harm, so only an earlier wake-up sets it anew.
    fn set_alarm(&mut self, myself: &ActorRef<ShellMsg<H>>) {
        let Some(wakeup) = self.machine.wakeup() else { return };
        if let Some((at, handle)) = &self.alarm {
            if *at <= wakeup {
                return;
            }
            handle.abort();
        }
        let wait = wakeup.since(self.clock.now().moment);
        let myself = myself.clone();
        let handle = self.tasks.spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = myself.cast(ShellMsg(Msg::Alarm));
        });
        self.alarm = Some((wakeup, handle));
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("nothing that can be read")
}

#[cfg(test)]
mod tests;
