//! The generic actor with a machine that is told what to do, on paused time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};
use tokio::sync::{mpsc, oneshot};

use super::{Address, Hands, Outbox, Parts, spawn, spawn_linked};
use crate::{
    machine::Machine,
    time::{Clock, Moment, Now, SystemClock},
};

/// Does at once what it is told, and rings at the moments that it is given.
#[derive(Default)]
struct Echo {
    due: BTreeSet<Moment>,
}

#[derive(Debug)]
enum Told {
    Do(Vec<Act>),
    RingAt(u64),
    Panic,
}

#[derive(Clone, Debug)]
enum Act {
    Say(&'static str),
    /// Comes back as an event, after the effects of this step.
    Again(&'static str),
    /// Comes back as an event, from a task, when the gate opens.
    Later(&'static str),
    TaskPanics,
    Stop,
    Fail,
}

impl Machine for Echo {
    type Event = Told;
    type Effect = Act;

    fn step(&mut self, _: Now, told: Told, effects: &mut Vec<Act>) {
        match told {
            Told::Do(acts) => effects.extend(acts),
            Told::RingAt(ms) => drop(self.due.insert(Moment::from_ms(ms))),
            Told::Panic => panic!("boom"),
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Act>) {
        while self.due.first().is_some_and(|at| *at <= now.moment) {
            self.due.pop_first();
            effects.push(Act::Say("rings"));
        }
    }

    fn wakeup(&self) -> Option<Moment> {
        self.due.first().copied()
    }
}

struct Speaker {
    say: mpsc::UnboundedSender<String>,
    clock: Arc<dyn Clock>,
    /// Held by tasks that wait for a gate; it closes when the last is gone.
    held: mpsc::Sender<()>,
    gate: Option<oneshot::Receiver<()>>,
}

impl Hands for Speaker {
    type Machine = Echo;
    type Mail = Option<Told>;

    fn receive(&mut self, mail: Option<Told>) -> Option<Told> {
        mail
    }

    fn carry_out(&mut self, act: Act, outbox: &mut Outbox<Told>) {
        match act {
            Act::Say("rings") => {
                let at = self.clock.now().moment.as_nanos() / 1_000_000;
                drop(self.say.send(format!("rings at {at}")));
            }
            Act::Say(word) => drop(self.say.send(word.to_owned())),
            Act::Again(word) => outbox.push(Told::Do(vec![Act::Say(word)])),
            Act::Later(word) => {
                let (held, gate) = (self.held.clone(), self.gate.take());
                outbox.spawn(async move {
                    let _held = held;
                    match gate {
                        Some(gate) => drop(gate.await),
                        None => std::future::pending().await,
                    }
                    Some(Told::Do(vec![Act::Say(word)]))
                });
            }
            Act::TaskPanics => outbox.spawn(async { panic!("in a task") }),
            Act::Stop => outbox.stop(None),
            Act::Fail => outbox.fail("it must not be"),
        }
    }

    fn started(&mut self, _: &mut Outbox<Told>) {
        drop(self.say.send("started".into()));
    }

    fn stopped(&mut self) {
        drop(self.say.send("stopped".into()));
    }
}

/// Hears of the end of whoever is spawned under it.
struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = mpsc::UnboundedSender<String>;
    type Arguments = mpsc::UnboundedSender<String>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        say: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(say)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        say: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(_, error) => drop(say.send(format!("failed: {error}"))),
            SupervisionEvent::ActorTerminated(..) => drop(say.send("terminated".into())),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

struct Scene {
    address: Address<Speaker>,
    said: mpsc::UnboundedReceiver<String>,
    /// Ends when no task that waits is left.
    tasks: mpsc::Receiver<()>,
    gate: oneshot::Sender<()>,
}

impl Scene {
    async fn begin() -> Self {
        let (say, mut said) = mpsc::unbounded_channel();
        let (held, tasks) = mpsc::channel(1);
        let (gate, opened) = oneshot::channel();
        let clock = SystemClock::following_tokio();
        let (parent, _) = Actor::spawn(None, Parent, say.clone()).await.unwrap();
        let clock_too = Arc::clone(&clock) as Arc<dyn Clock>;
        let hands = Speaker { say, clock: clock_too, held, gate: Some(opened) };
        let parts = Parts { machine: Echo::default(), hands, clock };
        let (address, _) = spawn_linked(parts, parent.get_cell()).await.unwrap();
        assert_eq!(said.recv().await.unwrap(), "started");
        Self { address, said, tasks, gate }
    }

    fn tell(&self, told: Told) {
        assert!(self.address.send(Some(told)).is_ok());
    }

    async fn says(&mut self, lines: usize) -> Vec<String> {
        let mut said = Vec::new();
        for _ in 0..lines {
            said.push(self.said.recv().await.unwrap());
        }
        said
    }
}

#[tokio::test(start_paused = true)]
async fn effects_are_carried_out_in_order_and_what_follows_comes_after_them() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::Do(vec![Act::Say("one"), Act::Again("four"), Act::Say("two")]));
    scene.tell(Told::Do(vec![Act::Say("five")]));
    assert_eq!(scene.says(4).await, ["one", "two", "four", "five"]);
}

#[tokio::test(start_paused = true)]
async fn the_one_alarm_rings_at_the_next_wakeup_whatever_was_set_before() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::RingAt(500));
    scene.tell(Told::RingAt(200));
    scene.tell(Told::RingAt(900));
    let rung = scene.says(3).await;
    assert_eq!(rung, ["rings at 200", "rings at 500", "rings at 900"]);
    scene.tell(Told::RingAt(950));
    assert_eq!(scene.says(1).await, ["rings at 950"]);
}

#[tokio::test(start_paused = true)]
async fn mail_that_asks_for_nothing_changes_nothing() {
    let mut scene = Scene::begin().await;
    scene.address.send(None).unwrap();
    scene.tell(Told::Do(vec![Act::Say("on")]));
    assert_eq!(scene.says(1).await, ["on"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_brings_its_event_back_while_the_actor_goes_on() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::Do(vec![Act::Later("late"), Act::Say("on")]));
    assert_eq!(scene.says(1).await, ["on"]);
    scene.gate.send(()).unwrap();
    assert_eq!(scene.said.recv().await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn tasks_and_alarms_end_with_their_actor() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::RingAt(60_000));
    scene.tell(Told::Do(vec![Act::Later("never"), Act::Stop]));
    assert_eq!(scene.says(2).await, ["stopped", "terminated"]);
    scene.address.cell().wait(None).await.unwrap();
    assert_eq!(scene.tasks.recv().await, None, "the task is gone");
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(scene.said.try_recv().is_err(), "nothing rang");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_machine_is_heard_as_a_failure() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::Do(vec![Act::Later("never")]));
    scene.tell(Told::Panic);
    assert_eq!(scene.says(1).await, ["failed: boom"]);
    assert_eq!(scene.tasks.recv().await, None, "its tasks end with it");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_task_is_heard_as_a_failure() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::Do(vec![Act::TaskPanics]));
    assert_eq!(scene.says(1).await, ["failed: a task panicked: in a task"]);
}

#[tokio::test(start_paused = true)]
async fn hands_that_give_up_end_their_actor_as_failed() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::Do(vec![Act::Fail, Act::Say("said before the end")]));
    assert_eq!(scene.says(2).await, ["said before the end", "failed: it must not be"]);
}

#[tokio::test(start_paused = true)]
async fn mail_to_an_actor_that_has_ended_comes_back() {
    let mut scene = Scene::begin().await;
    scene.tell(Told::Do(vec![Act::Stop]));
    scene.address.cell().wait(None).await.unwrap();
    assert_eq!(scene.says(2).await, ["stopped", "terminated"]);
    let back = scene.address.send(Some(Told::RingAt(7))).unwrap_err();
    assert!(matches!(back, Some(Told::RingAt(7))), "{back:?}");
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_nobody_supervises_runs_and_ends_with_its_handle() {
    let (say, mut said) = mpsc::unbounded_channel();
    let (held, _tasks) = mpsc::channel(1);
    let clock = SystemClock::following_tokio();
    let clock_too = Arc::clone(&clock) as Arc<dyn Clock>;
    let hands = Speaker { say, clock: clock_too, held, gate: None };
    let (address, handle) = spawn(Parts { machine: Echo::default(), hands, clock }).await.unwrap();
    address.send(Some(Told::Do(vec![Act::Stop]))).unwrap();
    handle.await.unwrap();
    assert_eq!(address.cell().get_status(), ActorStatus::Stopped);
    assert_eq!([said.recv().await.unwrap(), said.recv().await.unwrap()], ["started", "stopped"]);
}
