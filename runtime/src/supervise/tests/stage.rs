//! Actors that do as they are told and say what happens to them, on paused time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;

use crate::{
    supervise::{
        ChildId, ChildSpec, Env, StartError, Started, Starting, SupervisionLog, Supervisor,
        SupervisorHandle, SupervisorSpec,
    },
    time::{Clock, SystemClock},
};

/// What an actor can be told to do.
pub(super) enum Do {
    Fail(&'static str),
    Panic(&'static str),
    Stop(Option<&'static str>),
    Say(&'static str),
    /// Goes on for ever, but can be killed.
    Hang,
    /// Holds its thread until the other end is dropped; cannot be killed.
    Block(std::sync::mpsc::Receiver<()>),
}

#[derive(Clone, Copy, Default)]
pub(super) struct Habits {
    /// How long it takes to stop.
    pub(super) slow: Duration,
    /// Which of its starts fail.
    pub(super) fails: &'static [u32],
    /// Which of its starts never come to an end.
    pub(super) lingers: &'static [u32],
}

pub(super) struct Player;

pub(super) struct Part {
    id: String,
    say: mpsc::UnboundedSender<String>,
    habits: Habits,
    life: u32,
}

impl Actor for Player {
    type Msg = Do;
    type State = Part;
    type Arguments = Part;

    async fn pre_start(&self, _: ActorRef<Do>, part: Part) -> Result<Part, ActorProcessingErr> {
        if part.habits.fails.contains(&part.life) {
            return Err("no".into());
        }
        if part.habits.lingers.contains(&part.life) {
            std::future::pending::<()>().await;
        }
        let _ = part.say.send(format!("{} up", part.id));
        Ok(part)
    }

    async fn handle(
        &self,
        myself: ActorRef<Do>,
        message: Do,
        part: &mut Part,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Do::Fail(reason) => return Err(reason.into()),
            Do::Panic(reason) => panic!("{reason}"),
            Do::Stop(reason) => myself.stop(reason.map(Into::into)),
            Do::Say(word) => drop(part.say.send(format!("{} {word}", part.id))),
            Do::Hang => std::future::pending().await,
            Do::Block(gate) => {
                let _ = part.say.send(format!("{} blocks", part.id));
                let _ = gate.recv();
                let _ = part.say.send(format!("{} goes on", part.id));
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Do>, part: &mut Part) -> Result<(), ActorProcessingErr> {
        if !part.habits.slow.is_zero() {
            tokio::time::sleep(part.habits.slow).await;
        }
        let _ = part.say.send(format!("{} down", part.id));
        Ok(())
    }
}

type Players = Arc<Mutex<HashMap<String, (u32, Option<ActorRef<Do>>)>>>;

/// A place where actors play and say what happens to them.
pub(super) struct Stage {
    pub(super) env: Env,
    said: mpsc::UnboundedReceiver<String>,
    say: mpsc::UnboundedSender<String>,
    players: Players,
}

impl Stage {
    pub(super) fn paused() -> Self {
        Self::on(SystemClock::following_tokio())
    }

    pub(super) fn on(clock: Arc<dyn Clock>) -> Self {
        let (say, said) = mpsc::unbounded_channel();
        let env = Env { clock, seed: 1, log: SupervisionLog::unkept() };
        Self { env, said, say, players: Players::default() }
    }

    pub(super) fn player(&self, id: &'static str) -> ChildSpec {
        self.player_who(id, Habits::default())
    }

    pub(super) fn slow(&self, id: &'static str, ms: u64) -> ChildSpec {
        self.player_who(id, Habits { slow: Duration::from_millis(ms), ..Habits::default() })
    }

    pub(super) fn player_who(&self, id: impl Into<ChildId>, habits: Habits) -> ChildSpec {
        let (say, players) = (self.say.clone(), Arc::clone(&self.players));
        ChildSpec::worker(id, move |starting| {
            play(starting, say.clone(), Arc::clone(&players), habits)
        })
    }

    pub(super) async fn start(&self, spec: SupervisorSpec) -> SupervisorHandle {
        Supervisor::start(&spec, self.env.clone()).await.unwrap()
    }

    /// Waits until so many more things were said.
    pub(super) async fn says(&mut self, lines: usize) -> Vec<String> {
        let mut said = Vec::new();
        for _ in 0..lines {
            let next = tokio::time::timeout(Duration::from_hours(1), self.said.recv()).await;
            said.push(next.unwrap_or_else(|_| panic!("only {said:?} was said")).unwrap());
        }
        said
    }

    /// What was said and not heard yet.
    pub(super) fn said(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.said.try_recv().ok()).collect()
    }

    pub(super) fn actor(&self, id: &str) -> ActorRef<Do> {
        self.players.lock().unwrap()[id].1.clone().unwrap()
    }

    pub(super) fn tell(&self, id: &str, what: Do) {
        assert!(self.actor(id).cast(what).is_ok(), "{id} is gone");
    }
}

async fn play(
    starting: Starting,
    say: mpsc::UnboundedSender<String>,
    players: Players,
    habits: Habits,
) -> Result<Started, StartError> {
    let id = starting.id.to_string();
    let life = {
        let mut players = players.lock().unwrap();
        let entry = players.entry(id.clone()).or_default();
        entry.0 += 1;
        entry.0
    };
    let part = Part { id: id.clone(), say, habits, life };
    let (actor, _) = Actor::spawn_linked(None, Player, part, starting.supervisor).await?;
    players.lock().unwrap().entry(id).or_default().1 = Some(actor.clone());
    Ok(actor.get_cell().into())
}

pub(super) fn supervisor(name: &'static str) -> SupervisorSpec {
    SupervisorSpec::new(name).intensity(9, Duration::from_secs(5))
}

pub(super) const MINUTE: Duration = Duration::from_mins(1);
