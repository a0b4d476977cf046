//! A restart storm: ten thousand children of one supervisor crash at once, and somebody asks it
//! questions all the while.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    supervise::{
        ChildSpec, Env, Started, Starting, SupervisionLog, Supervisor, SupervisorHandle,
        SupervisorSpec,
    },
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;

use super::{
    Figure, Place, bare,
    figure::{Durations, ms},
};

const CHILDREN: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);
/// How often is asked at rest.
const QUESTIONS: usize = 200;

/// An actor that fails when it is told anything.
struct Fragile;

impl Actor for Fragile {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        Err("a crash of the bench".into())
    }
}

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>> {
    let bare = starts(place).await?;
    let (say, mut up) = mpsc::unbounded_channel();
    let mut spec = SupervisorSpec::new("storm").intensity(u32::MAX, SECOND);
    for number in 0..CHILDREN {
        spec = spec.child(fragile(number, &say));
    }
    let env = Env { clock: Arc::clone(&place.clock), seed: 1, log: SupervisionLog::unkept() };
    let node = Supervisor::start(&spec, env).await?;
    let mut children = Vec::with_capacity(CHILDREN);
    while children.len() < CHILDREN {
        children.push(up.recv().await.ok_or_else(gone)?);
    }
    let mut calm = Answers::default();
    while calm.count.len() < QUESTIONS {
        calm.ask(&node, place).await?;
    }
    let began = place.clock.now().moment;
    for child in &children {
        // All live, and each is told once.
        let _ = child.cast(());
    }
    let (mut storm, mut again) = (Answers::default(), 0);
    while again < CHILDREN {
        storm.ask(&node, place).await?;
        while up.try_recv().is_ok() {
            again += 1;
        }
    }
    let took = place.clock.now().moment.since(began);
    let restarts: u64 =
        node.which_children().await?.iter().map(|child| u64::from(child.restarts)).sum();
    node.stop(SECOND * 60).await?;
    if restarts != CHILDREN as u64 {
        let message = format!("{restarts} restarts followed from {CHILDREN} crashes");
        return Err(Error::new(ErrorKind::Fault, message));
    }
    let mut figures = vec![Figure::new("storm.up", ms(took), "ms").beside(&bare)];
    let rows = storm.figures("storm").into_iter().zip(calm.figures("at rest"));
    figures.extend(rows.map(|(figure, calm)| figure.beside(&calm)));
    Ok(figures)
}

/// How long questions were open.
#[derive(Default)]
struct Answers {
    count: Durations,
    which: Durations,
}

impl Answers {
    /// Asks how many there are, and who is there.
    async fn ask(&mut self, node: &SupervisorHandle, place: &Place) -> Result<()> {
        let began = place.clock.now().moment;
        node.count_children().await?;
        let counted = place.clock.now().moment;
        self.count.push(counted.since(began));
        node.which_children().await?;
        self.which.push(place.clock.now().moment.since(counted));
        Ok(())
    }

    fn figures(self, name: &str) -> Vec<Figure> {
        let all = [(self.count, "count"), (self.which, "which")];
        let figures = all.into_iter().flat_map(|(durations, what)| {
            let slowest = durations.slowest(&format!("{name}.{what}"));
            durations.figures(&format!("{name}.{what}")).into_iter().chain([slowest])
        });
        figures.collect()
    }
}

/// How long ractor alone takes to start as many actors.
async fn starts(place: &Place) -> Result<Figure> {
    let began = place.clock.now().moment;
    let mut actors = Vec::with_capacity(CHILDREN);
    for _ in 0..CHILDREN {
        actors.push(bare::spawn().await?);
    }
    let took = place.clock.now().moment.since(began);
    for actor in actors {
        actor.kill();
    }
    Ok(Figure::new("as many bare ractor starts", ms(took), "ms"))
}

fn fragile(number: usize, say: &mpsc::UnboundedSender<ActorRef<()>>) -> ChildSpec {
    let say = say.clone();
    ChildSpec::worker(format!("child-{number}"), move |starting: Starting| {
        let say = say.clone();
        async move {
            let (actor, _) = Actor::spawn_linked(None, Fragile, (), starting.supervisor).await?;
            // Whoever measures counts until all are there.
            let _ = say.send(actor.clone());
            Ok(Started::from(actor.get_cell()))
        }
    })
}

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "the children of the storm are not there")
}
