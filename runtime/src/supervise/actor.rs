//! The actor around the policy: it translates, steps, and carries out.
//!
//! It never waits in its handlers: children are started in tasks that report back. Ractor's
//! events have priority over mail, and so would starve it in a storm; they are put into the
//! mailbox like everything else. Questions have a lane of their own, which is looked into before
//! each message: no storm of ends and starts keeps an asker waiting.

mod crew;
mod last;
mod roll;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::future::join_all;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::{
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet},
};

use self::crew::Crew;
pub(super) use self::roll::Roll;
use super::{
    child::{StartFn, Started},
    ending::{SHUTDOWN, ending},
    event::{Admin, ChildView, Effect, End, Event, Note, Reply, What},
    handle::SupervisorHandle,
    machine::{DEATH_WITHIN, SupervisorMachine},
    rules::ChildId,
    spec::Env,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::Incarnation,
    machine::{Machine, ReplyTo},
    restart::Exit,
    time::Moment,
};

pub(super) struct SupervisorActor;

/// What the actor is made of.
pub(super) struct Arguments {
    pub(super) machine: SupervisorMachine,
    pub(super) starts: HashMap<ChildId, StartFn>,
    pub(super) path: Arc<str>,
    pub(super) env: Env,
    pub(super) opened: oneshot::Sender<Result<()>>,
    pub(super) questions: mpsc::UnboundedReceiver<Question>,
    pub(super) roll: Roll,
}

/// What the actor is told.
pub(super) enum Msg {
    Open,
    Alarm,
    /// There is a question in the lane.
    Question,
    /// Starts have come to an end; how is in the channel.
    Results,
    Up(ActorCell),
    Ended(ActorId, Exit),
    /// An actor was dead when it was handed over; its end may still be on its way.
    Doubt(ActorId, bool),
}

/// What the actor is asked, before everything else.
pub(super) enum Question {
    Close,
    Ask(Admin, Option<StartFn>, oneshot::Sender<Reply>),
    Views(oneshot::Sender<Vec<(ChildView, Option<SupervisorHandle>)>>),
}

/// How a start came to an end.
pub(super) struct Outcome {
    child: ChildId,
    incarnation: Incarnation,
    how: std::result::Result<Started, Arc<str>>,
}

/// Who waits for an answer.
enum Port {
    Reply(oneshot::Sender<Reply>, Option<StartFn>),
    Views(oneshot::Sender<Vec<(ChildView, Option<SupervisorHandle>)>>),
}

pub(super) struct State {
    machine: SupervisorMachine,
    crew: Crew,
    path: Arc<str>,
    env: Env,
    opened: Option<oneshot::Sender<Result<()>>>,
    ports: HashMap<ReplyTo, Port>,
    asked: u64,
    effects: Vec<Effect>,
    tasks: JoinSet<()>,
    alarm: Option<(Moment, AbortHandle)>,
    results: mpsc::UnboundedReceiver<Outcome>,
    questions: mpsc::UnboundedReceiver<Question>,
    ended: bool,
    /// Supervisors that are dead, and those below them not yet.
    awaited: HashSet<ActorId>,
}

impl Actor for SupervisorActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        arguments: Arguments,
    ) -> std::result::Result<State, ActorProcessingErr> {
        let Arguments { machine, starts, path, env, opened, questions, roll } = arguments;
        // Bounded by the starts that are under way, of which each child has one at most.
        let (outcomes, results) = mpsc::unbounded_channel();
        myself.cast(Msg::Open)?;
        Ok(State {
            machine,
            crew: Crew::new(starts, roll, myself, outcomes),
            path,
            env,
            opened: Some(opened),
            ports: HashMap::new(),
            asked: 0,
            effects: Vec::new(),
            tasks: JoinSet::new(),
            alarm: None,
            results,
            questions,
            ended: false,
            awaited: HashSet::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> std::result::Result<(), ActorProcessingErr> {
        while let Ok(question) = state.questions.try_recv() {
            state.ask(question);
        }
        match message {
            Msg::Open => state.act(Event::Open),
            Msg::Question => {}
            Msg::Alarm => {
                state.alarm = None;
                state.tick();
            }
            Msg::Results => {
                while let Ok(outcome) = state.results.try_recv() {
                    state.start_ended(outcome);
                }
            }
            Msg::Up(cell) => state.crew.up(cell),
            Msg::Ended(actor, exit) => state.actor_ended(actor, exit),
            Msg::Doubt(actor, again) => state.doubt(&myself, actor, again),
        }
        state.settle(&myself);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Msg>,
        event: SupervisionEvent,
        _: &mut State,
    ) -> std::result::Result<(), ActorProcessingErr> {
        let message = match event {
            SupervisionEvent::ActorStarted(cell) => Some(Msg::Up(cell)),
            event => ending(event).map(|(actor, exit)| Msg::Ended(actor, exit)),
        };
        // Refused while somebody drains this actor; then the close looks at each child itself.
        let _ = message.map(|message| myself.cast(message));
        Ok(())
    }

    /// Whoever stops a supervisor by ractor's means stops its children in order all the same.
    async fn post_stop(
        &self,
        _: ActorRef<Msg>,
        state: &mut State,
    ) -> std::result::Result<(), ActorProcessingErr> {
        state.close_by_hand().await;
        Ok(())
    }
}

impl State {
    fn act(&mut self, event: Event) {
        tracing::trace!(path = %self.path, ?event, "event");
        let mut effects = std::mem::take(&mut self.effects);
        self.machine.step(self.env.clock.now(), event, &mut effects);
        self.carry_out(effects);
    }

    fn tick(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        self.machine.tick(self.env.clock.now(), &mut effects);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, mut effects: Vec<Effect>) {
        let mut heard = Vec::new();
        for effect in effects.drain(..) {
            tracing::trace!(path = %self.path, ?effect, "effect");
            match effect {
                Effect::Admit(to, child) => self.admit(to, child),
                Effect::Forget(child) => self.crew.forget(&child),
                Effect::Start(child, incarnation) => {
                    let clock =
                        self.machine.listens_to(&child).then(|| Arc::clone(&self.env.clock));
                    let starting =
                        self.crew.starting(child, incarnation, (&self.path, &self.env), clock);
                    let task = self.crew.start(starting);
                    self.tasks.spawn(task);
                }
                Effect::Abandon(child, incarnation) => self.crew.abandon(&child, incarnation),
                Effect::Drain(child, incarnation) => self.crew.drain(&child, incarnation),
                Effect::Stop(child, incarnation) => self.crew.stop(&child, incarnation),
                Effect::Kill(child, incarnation) => self.crew.kill(&child, incarnation),
                Effect::Listen(child, incarnation) => {
                    let last = self.crew.heard(&child, incarnation);
                    heard.push(Event::Heard(child, incarnation, last));
                }
                Effect::Answer(to, reply) => self.answer(to, reply),
                Effect::Opened => self.tell_opened(Ok(())),
                Effect::Note(note) => self.note(&note),
                Effect::End(end) => self.end(&end),
            }
        }
        self.effects = effects;
        for event in heard {
            self.act(event);
        }
    }

    fn note(&self, note: &Note) {
        self.env.log.note(&self.path, note, self.env.clock.now().wall);
    }

    fn admit(&mut self, to: ReplyTo, child: ChildId) {
        if let Some(Port::Reply(_, start)) = self.ports.get_mut(&to) {
            self.crew.admit(child, start.take());
        }
    }

    fn ask(&mut self, question: Question) {
        let (admin, port) = match question {
            Question::Close => return self.act(Event::Close),
            Question::Ask(admin, start, to) => (admin, Port::Reply(to, start)),
            Question::Views(to) => (Admin::Which, Port::Views(to)),
        };
        self.asked += 1;
        let to = ReplyTo(self.asked);
        self.ports.insert(to, port);
        self.act(Event::Asked(to, admin));
    }

    fn answer(&mut self, to: ReplyTo, reply: Reply) {
        // Whoever asked may have gone; then nobody is left to be told.
        match (self.ports.remove(&to), reply) {
            (Some(Port::Reply(port, _)), reply) => drop(port.send(reply)),
            (Some(Port::Views(port)), Reply::Listed(views)) => {
                let with_below = views.into_iter().map(|view| {
                    let below = self.crew.below(&view.id);
                    (view, below)
                });
                drop(port.send(with_below.collect()));
            }
            (Some(Port::Views(_)) | None, _) => {}
        }
    }

    fn tell_opened(&mut self, how: Result<()>) {
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(how);
        }
    }

    fn end(&mut self, end: &End) {
        self.ended = true;
        let text = format!("cannot start the supervisor {}: {end}", self.path);
        self.tell_opened(Err(Error::new(ErrorKind::Unavailable, text)));
        let what = match end {
            End::Asked | End::Significant => What::Stopped,
            // The give-up has its own line; this is the one about the supervisor itself.
            End::GaveUp(_) => What::GaveUp,
            End::FailedToStart(..) => What::StartFailed,
        };
        self.note(&Note {
            child: None,
            what,
            why: Some(end.to_string().into()),
            incarnation: Incarnation(0),
            attempt: 1,
            took: None,
            delay: None,
        });
    }

    fn start_ended(&mut self, outcome: Outcome) {
        let Outcome { child, incarnation, how } = outcome;
        match how {
            Ok(Started::Running(running)) => {
                let early = self.crew.register(child.clone(), incarnation, running);
                self.act(Event::Started(child.clone(), incarnation));
                if let Some(exit) = early {
                    self.act(Event::Exited(child, incarnation, exit));
                }
            }
            Ok(Started::Ignored) => {
                self.crew.came_to_nothing(&child);
                self.act(Event::Ignored(child, incarnation));
            }
            Err(reason) => {
                self.crew.came_to_nothing(&child);
                self.act(Event::StartFailed(child, incarnation, reason));
            }
        }
    }

    fn actor_ended(&mut self, actor: ActorId, exit: Exit) {
        if !exit.is_peace() && self.outlived(actor, &exit) {
            return;
        }
        if let Some((child, incarnation)) = self.crew.ended(actor, &exit) {
            self.act(Event::Exited(child, incarnation, exit));
        }
    }

    /// Whether somebody lives on below a supervisor that did not end in order. Its end is told
    /// again when they are gone, or when they have had their time.
    fn outlived(&mut self, actor: ActorId, exit: &Exit) -> bool {
        let survivors = self.crew.survivors(actor);
        if survivors.is_empty() || !self.awaited.insert(actor) {
            self.awaited.remove(&actor);
            return false;
        }
        let (tell, exit) = (self.crew.myself(), exit.clone());
        self.tasks.spawn(async move {
            let all = join_all(survivors.iter().map(|cell| cell.wait(None)));
            if tokio::time::timeout(DEATH_WITHIN, all).await.is_err() {
                tracing::warn!(%actor, "actors below a dead supervisor do not die; going on");
            }
            let _ = tell.cast(Msg::Ended(actor, exit));
        });
        true
    }

    fn doubt(&mut self, myself: &ActorRef<Msg>, actor: ActorId, again: bool) {
        if again {
            self.actor_ended(actor, Exit::failed("it had ended before it was handed over"));
        } else {
            // By the next round, an end that was on its way has come.
            let _ = myself.cast(Msg::Doubt(actor, true));
        }
    }

    /// What is left to do after each message: the end, or the alarm.
    fn settle(&mut self, myself: &ActorRef<Msg>) {
        while self.tasks.try_join_next().is_some() {}
        if self.ended {
            myself.stop(Some(SHUTDOWN.into()));
            return;
        }
        let Some(wakeup) = self.machine.wakeup() else { return };
        if let Some((at, handle)) = &self.alarm {
            if *at <= wakeup {
                return;
            }
            handle.abort();
        }
        let wait = wakeup.since(self.env.clock.now().moment);
        let myself = myself.clone();
        let handle = self.tasks.spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = myself.cast(Msg::Alarm);
        });
        self.alarm = Some((wakeup, handle));
    }
}
