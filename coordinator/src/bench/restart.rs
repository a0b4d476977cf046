//! How long an agent is away after a crash: from the panic of its code to the word of its
//! successor that it is there.

use std::{sync::Arc, time::Duration};

use orkestra_agents::{
    DynAgent,
    kinds::function::FunctionAgent,
    worker::{self, Sink, Terms, WorkerMail, WorkerSpec},
};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric as _, embedded::Embedded},
    id::{AgentId, Attempt, RunId, TaskId, TaskNo},
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, ToAgent},
        check::Switches,
        payload::{Json, Payload},
        task::Failure,
    },
    restart::Restart,
    supervise::{
        ChildSpec, Env, Running, Started, Starting, SupervisionLog, Supervisor, SupervisorSpec,
    },
    time::{Clock, Moment},
};
use tokio::sync::mpsc;

use super::{Figure, Place, bare, figure::Durations};

const CRASHES: u64 = 500;
const SECOND: Duration = Duration::from_secs(1);

/// What the crashing agent and its workers tell.
enum Told {
    Crashing(Moment),
    There(worker::WorkerAddress),
    Joined(Moment),
}

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>> {
    let (say, mut told) = mpsc::unbounded_channel();
    let spec = SupervisorSpec::new("agents")
        .intensity(u32::MAX, SECOND)
        .child(crashing(place, &say)?.restart(Restart::Permanent));
    let env = Env { clock: Arc::clone(&place.clock), seed: 1, log: SupervisionLog::unkept() };
    let tree = Supervisor::start(&spec, env).await?;
    let mut away = Durations::default();
    let (mut address, _) = up(&mut told).await?;
    for number in 1..=CRASHES {
        let mail = WorkerMail::ToAgent(ToAgent::Assign(vec![assignment(number)?]));
        address.send(mail).map_err(|_| gone())?;
        let crashed = loop {
            if let Told::Crashing(at) = told.recv().await.ok_or_else(gone)? {
                break at;
            }
        };
        let (successor, joined) = up(&mut told).await?;
        away.push(joined.since(crashed));
        address = successor;
    }
    tree.stop(SECOND).await?;
    let bare = starts(place).await?.figures("a bare ractor start");
    let figures = away.figures("restart").into_iter().zip(&bare);
    Ok(figures.map(|(figure, bare)| figure.beside(bare)).collect())
}

/// How long ractor alone takes to start an actor.
async fn starts(place: &Place) -> Result<Durations> {
    let mut starts = Durations::default();
    for _ in 0..CRASHES {
        let began = place.clock.now().moment;
        let actor = bare::spawn().await?;
        starts.push(place.clock.now().moment.since(began));
        actor.kill();
    }
    Ok(starts)
}

/// Waits for the next life.
async fn up(told: &mut mpsc::UnboundedReceiver<Told>) -> Result<(worker::WorkerAddress, Moment)> {
    let mut address = None;
    loop {
        match told.recv().await.ok_or_else(gone)? {
            Told::There(there) => address = Some(there),
            Told::Joined(at) => {
                if let Some(address) = address {
                    return Ok((address, at));
                }
            }
            Told::Crashing(_) => {}
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "the agent that crashes was given up")
}

fn crashing(place: &Place, say: &mpsc::UnboundedSender<Told>) -> Result<ChildSpec> {
    let clock = Arc::clone(&place.clock);
    let (spoken, timed) = (say.clone(), Arc::clone(&clock));
    let sink: Sink = Arc::new(move |news| {
        if let FromAgent::Joined { .. } = news {
            // Nobody counts after the last.
            let _ = spoken.send(Told::Joined(timed.now().moment));
        }
    });
    let id = AgentId::new("crashing")?;
    let folder = Arc::new(place.room("restart"));
    let blobs = Embedded::memory().blobs();
    let say = say.clone();
    Ok(ChildSpec::worker("crashing", move |starting: Starting| {
        let introduced = say.clone();
        let spec = WorkerSpec {
            profile: profile(id.clone()),
            incarnation: starting.incarnation,
            factory: factory(say.clone(), Arc::clone(&clock)),
            terms: Arc::new(Terms::default()),
            folder: Arc::clone(&folder),
            blobs: Arc::clone(&blobs),
            secrets: None,
            repositories: None,
            sink: Arc::clone(&sink),
            introduce: Some(Arc::new(move |address| {
                let _ = introduced.send(Told::There(address.clone()));
            })),
            heart: None,
            clock: Arc::clone(&clock),
        };
        async move {
            let (address, _) = worker::spawn_linked(spec, starting.supervisor.clone()).await?;
            Ok(Started::from(Running::new(address.cell())))
        }
    }))
}

fn factory(say: mpsc::UnboundedSender<Told>, clock: Arc<dyn Clock>) -> worker::AgentFactory {
    Arc::new(move || {
        let (say, clock) = (say.clone(), Arc::clone(&clock));
        let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(move |_, _| {
            let (say, clock) = (say.clone(), Arc::clone(&clock));
            async move {
                let _ = say.send(Told::Crashing(clock.now().moment));
                crash()
            }
        }));
        agent
    })
}

#[expect(clippy::panic, reason = "the crash is what is measured")]
fn crash() -> Result<Json, Failure> {
    panic!("a crash of the bench")
}

const fn profile(id: AgentId) -> AgentProfile {
    AgentProfile {
        id,
        kind: String::new(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 1,
        availability: Availability::Available,
    }
}

fn assignment(number: u64) -> Result<Assignment> {
    Ok(Assignment {
        task: TaskNo(number),
        attempt: Attempt(1),
        run: RunId::new("restart")?,
        id: TaskId::new("crash")?,
        title: String::new(),
        instructions: String::new(),
        input: Payload::null(),
        results: Vec::new(),
        timeout_ms: None,
        effect_key: format!("s0-t{number}"),
        workspace: None,
        checks: Switches::default(),
        sensitive_output: false,
        locks: Vec::new(),
    })
}
