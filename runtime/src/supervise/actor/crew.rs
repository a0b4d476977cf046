//! The children as actors: how each is started, and by which actor it lives.
//!
//! An actor is known by its `ActorId`, a child by its name and incarnation; ractor's names play no
//! part.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};

use futures::{
    FutureExt,
    future::{AbortHandle, Abortable},
};
use ractor::{ActorCell, ActorId, ActorRef, ActorStatus};
use tokio::sync::mpsc;

use super::{Msg, Outcome, Roll};
use crate::{
    id::Incarnation,
    restart::Exit,
    supervise::{
        child::{Running, StartFn, Started, Starting},
        ending::SHUTDOWN,
        handle::SupervisorHandle,
        heart::Heart,
        rules::ChildId,
        spec::Env,
    },
    time::{Clock, Moment},
};

pub(super) struct Crew {
    starts: HashMap<ChildId, StartFn>,
    /// What starts an instance that brought nothing of its own.
    template: Option<StartFn>,
    lives: HashMap<ChildId, Life>,
    actors: HashMap<ActorId, (ChildId, Incarnation)>,
    /// Starts that are under way.
    pending: usize,
    /// Actors whose end was heard of before their start.
    early: HashMap<ActorId, Exit>,
    /// Actors under this supervisor that no start has told of yet.
    strays: HashMap<ActorId, ActorCell>,
    roll: Roll,
    myself: ActorRef<Msg>,
    outcomes: mpsc::UnboundedSender<Outcome>,
}

/// One incarnation, from the beginning of its start.
struct Life {
    incarnation: Incarnation,
    heart: Heart,
    body: Body,
}

enum Body {
    Starting(AbortHandle),
    Running(Running),
}

impl Crew {
    pub(super) fn new(
        starts: HashMap<ChildId, StartFn>,
        roll: Roll,
        myself: ActorRef<Msg>,
        outcomes: mpsc::UnboundedSender<Outcome>,
    ) -> Self {
        // Only a dynamic supervisor is asked to start without being given how, and it has one.
        let template = starts.values().next().cloned();
        Self {
            starts,
            template,
            lives: HashMap::new(),
            actors: HashMap::new(),
            pending: 0,
            early: HashMap::new(),
            strays: HashMap::new(),
            roll,
            myself,
            outcomes,
        }
    }

    pub(super) fn admit(&mut self, child: ChildId, start: Option<StartFn>) {
        if let Some(start) = start.or_else(|| self.template.clone()) {
            self.starts.insert(child, start);
        }
    }

    pub(super) fn forget(&mut self, child: &ChildId) {
        self.starts.remove(child);
        self.lives.remove(child);
    }

    pub(super) fn starting(
        &self,
        id: ChildId,
        incarnation: Incarnation,
        (path, env): (&str, &Env),
        clock: Option<Arc<dyn Clock>>,
    ) -> Starting {
        Starting {
            supervisor: self.myself.get_cell(),
            path: format!("{path}/{id}").into(),
            id,
            incarnation,
            heart: clock.map_or_else(Heart::silent, Heart::new),
            env: env.clone(),
            born: Arc::new(OnceLock::new()),
        }
    }

    /// The task of a start; it tells exactly one outcome, whatever happens in it.
    pub(super) fn start(&mut self, starting: Starting) -> impl Future<Output = ()> + use<> {
        let (abort, registration) = AbortHandle::new_pair();
        let (child, incarnation) = (starting.id.clone(), starting.incarnation);
        let (heart, body) = (starting.heart.clone(), Body::Starting(abort));
        self.lives.insert(child.clone(), Life { incarnation, heart, body });
        self.pending += 1;
        let start = self.starts.get(&child).cloned();
        let (outcomes, myself) = (self.outcomes.clone(), self.myself.clone());
        async move {
            let born = Arc::clone(&starting.born);
            let how = match start {
                None => Err("nothing is known that starts it".into()),
                Some(start) => run(start, starting, registration).await,
            };
            // Whoever is up is stopped as any other, though its start came to nothing.
            let how = match (how, born.get()) {
                (Err(_), Some(born)) if born.cell.get_status() < ActorStatus::Stopping => {
                    Ok(Started::Running(born.clone()))
                }
                (how, _) => how,
            };
            // The supervisor may have ended meanwhile.
            let _ = outcomes.send(Outcome { child, incarnation, how });
            let _ = myself.cast(Msg::Results);
        }
    }

    pub(super) fn abandon(&self, child: &ChildId, incarnation: Incarnation) {
        if let Some(Life { incarnation: life, body: Body::Starting(abort), .. }) =
            self.lives.get(child)
            && *life == incarnation
        {
            abort.abort();
        }
    }

    /// Notes the actor by which a child lives; tells its end if that was heard of before.
    pub(super) fn register(
        &mut self,
        child: ChildId,
        incarnation: Incarnation,
        running: Running,
    ) -> Option<Exit> {
        let actor = running.cell.get_id();
        let cell = running.cell.clone();
        self.strays.remove(&actor);
        let early = self.early.remove(&actor);
        self.settled();
        let Some(life) = self.lives.get_mut(&child).filter(|life| life.incarnation == incarnation)
        else {
            cell.kill();
            return None;
        };
        if early.is_some() {
            self.lives.remove(&child);
            return early;
        }
        let below = running.below.as_ref().map(SupervisorHandle::roll);
        self.roll.add(cell.clone(), below);
        life.body = Body::Running(running);
        self.actors.insert(actor, (child, incarnation));
        let ours = cell.try_get_supervisor().is_some_and(|s| s.get_id() == self.myself.get_id());
        if !ours {
            cell.link(self.myself.get_cell());
            if cell.get_status() >= ActorStatus::Stopping {
                let _ = self.myself.cast(Msg::Doubt(actor, false));
            }
        }
        None
    }

    /// A start has left nobody.
    pub(super) fn came_to_nothing(&mut self, child: &ChildId) {
        self.lives.remove(child);
        self.settled();
    }

    /// One start less is under way; when it was the last, nobody can be unknown any more.
    fn settled(&mut self) {
        self.pending = self.pending.saturating_sub(1);
        if self.pending == 0 {
            self.early.clear();
            for (_, stray) in self.strays.drain() {
                stray.kill();
            }
        }
    }

    /// An actor under this supervisor is up.
    pub(super) fn up(&mut self, cell: ActorCell) {
        if self.actors.contains_key(&cell.get_id()) {
            return;
        }
        if self.pending == 0 {
            // A start that was let go of, or has failed, has left it behind. It may also have
            // ended already, and then this does nothing.
            cell.kill();
        } else {
            self.strays.insert(cell.get_id(), cell);
        }
    }

    /// An actor has ended; tells whose life that was.
    pub(super) fn ended(&mut self, actor: ActorId, exit: &Exit) -> Option<(ChildId, Incarnation)> {
        self.strays.remove(&actor);
        self.roll.remove(actor);
        let Some((child, incarnation)) = self.actors.remove(&actor) else {
            if self.pending > 0 {
                self.early.insert(actor, exit.clone());
            }
            return None;
        };
        self.lives.remove(&child);
        Some((child, incarnation))
    }

    pub(super) fn myself(&self) -> ActorRef<Msg> {
        self.myself.clone()
    }

    /// Who lives on below this actor, if it is a supervisor's.
    pub(super) fn survivors(&self, actor: ActorId) -> Vec<ActorCell> {
        let below = self.actors.get(&actor).and_then(|(child, _)| self.below(child));
        below.map_or_else(Vec::new, |below| below.roll().survivors())
    }

    fn running(&self, child: &ChildId, incarnation: Incarnation) -> Option<&Running> {
        match self.lives.get(child) {
            Some(Life { incarnation: life, body: Body::Running(running), .. })
                if *life == incarnation =>
            {
                Some(running)
            }
            _ => None,
        }
    }

    pub(super) fn drain(&self, child: &ChildId, incarnation: Incarnation) {
        let Some(running) = self.running(child, incarnation) else { return };
        match &running.drain {
            Some(hook) => hook(),
            // It may have ended already.
            None => drop(running.cell.drain()),
        }
    }

    pub(super) fn stop(&self, child: &ChildId, incarnation: Incarnation) {
        let Some(running) = self.running(child, incarnation) else { return };
        match &running.stop {
            Some(hook) => hook(),
            None => running.cell.stop(Some(SHUTDOWN.into())),
        }
    }

    pub(super) fn kill(&self, child: &ChildId, incarnation: Incarnation) {
        if let Some(running) = self.running(child, incarnation) {
            running.cell.kill();
        }
    }

    pub(super) fn heard(&self, child: &ChildId, incarnation: Incarnation) -> Moment {
        self.lives
            .get(child)
            .filter(|life| life.incarnation == incarnation)
            .map_or(Moment::START, |life| life.heart.last())
    }

    pub(super) fn below(&self, child: &ChildId) -> Option<SupervisorHandle> {
        match &self.lives.get(child)?.body {
            Body::Running(running) => running.below.clone(),
            Body::Starting(_) => None,
        }
    }

    /// Every actor by which a child lives.
    pub(super) fn cells(&self) -> Vec<ActorCell> {
        let running = |life: &Life| match &life.body {
            Body::Running(running) => Some(running.cell.clone()),
            Body::Starting(_) => None,
        };
        self.lives.values().filter_map(running).collect()
    }
}

/// Runs a start to its end, its panic, or until it is let go of.
async fn run(
    start: StartFn,
    starting: Starting,
    registration: futures::future::AbortRegistration,
) -> Result<Started, Arc<str>> {
    let guarded = AssertUnwindSafe(async move { start(starting).await }).catch_unwind();
    match Abortable::new(guarded, registration).await {
        Ok(Ok(Ok(started))) => Ok(started),
        Ok(Ok(Err(error))) => Err(error.0),
        Ok(Err(panic)) => Err(panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "its start panicked".to_owned())
            .into()),
        Err(_) => Err("its start was let go of".into()),
    }
}
