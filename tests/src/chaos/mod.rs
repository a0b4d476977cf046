//! A cluster of real processes over real servers, troubled by a plan that is drawn from a seed, and
//! judged from outside.
//!
//! | written by | what |
//! |---|---|
//! | the client | each submission before and after it |
//! | agents | each execution when it begins and when it ends |
//! | the servers | the journals and the registers of leaders, which a witness reads on |
//!
//! Promises: nothing of the nodes' own memory is believed; what is found is told with the seed.
//!
//! It does not promise that a seed gives the same history again: processes and servers have their
//! own time. The plan is the same.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the test")]

pub mod books;
mod check;
mod client;
mod nodes;
pub mod plan;
pub mod plant;
mod probe;
mod report;
mod story;
mod troubles;
mod witness;

use std::{path::PathBuf, sync::Arc, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    fabric::{
        Fabric,
        nats::{Nats, NatsSettings},
    },
    time::{Clock as _, SystemClock},
};
use tokio::task::JoinSet;

pub use report::Report;

use crate::nats::{Servers, Wishes};
use books::{Call, Execution};
use client::{BATCH, Client};
use nodes::{Place, Stage};
use plan::{Fault, draw};
use plant::Plant;
use probe::Probes;
use story::Story;
use troubles::Troubles;
use witness::Witness;

/// How many submissions are under way at once.
const CLIENTS: usize = 6;
/// In how many parts more is asked for between two things that go wrong, so that there is always
/// something under way.
const PARTS: u32 = 8;
/// How many tasks may be unfinished before no more are asked for.
const BACKLOG: u64 = 2_000;
/// How long nothing may come to its end, once all is well again, before there is no rest.
const REST: Duration = Duration::from_secs(90);
/// How much memory a node may have, in KiB.
const MEMORY_MAX: u64 = 600 * 1024;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program of a node.
    pub program: PathBuf,
    /// One server, or three.
    pub servers: usize,
    /// How many nodes lead.
    pub coordinators: usize,
    /// How many nodes host agents.
    pub agents: usize,
    /// How many shards there are.
    pub shards: u16,
    /// How many tasks are submitted.
    pub tasks: usize,
    /// How many things go wrong, or how many nodes are killed where that is counted.
    pub faults: u64,
    /// Whether only kills are counted.
    pub counts_kills: bool,
    /// What goes wrong, and how often each.
    pub kinds: Vec<(Fault, u64)>,
    /// Whether only coordinators are hit, and servers.
    pub leaders_only: bool,
    /// Where chance comes from.
    pub seed: u64,
    /// What is planted.
    pub plant: Plant,
    /// How long nothing may come to its end, once all is well again, before there is no rest.
    pub patience: Duration,
    /// Where everything is written; a temporary folder if there is none.
    pub folder: Option<PathBuf>,
}

impl Setup {
    /// A small cluster without trouble.
    pub fn new(program: impl Into<PathBuf>, seed: u64) -> Self {
        Self {
            program: program.into(),
            servers: 1,
            coordinators: 2,
            agents: 2,
            shards: 4,
            tasks: 1_000,
            faults: 0,
            counts_kills: false,
            kinds: Fault::ALL.to_vec(),
            leaders_only: false,
            seed,
            plant: Plant::Nothing,
            patience: REST,
            folder: None,
        }
    }
}

/// Sets up, troubles, heals, waits for rest, and judges. An error says that it could not be judged.
pub async fn run(setup: &Setup) -> Result<Report, String> {
    let servers = Servers::wished(Wishes { count: setup.servers, ..Wishes::default() }).await;
    let kept;
    let folder = if let Some(folder) = &setup.folder {
        folder.clone()
    } else {
        kept = tempfile::tempdir().map_err(|error| error.to_string())?;
        kept.path().to_owned()
    };
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (program, plant) = (setup.program.clone(), setup.plant);
    let replicas = if setup.servers >= 3 { 3 } else { 1 };
    let stage = Stage { program, folder: folder.clone(), replicas, shards: setup.shards, plant };
    let mut settings = NatsSettings::new(&servers.url());
    settings.urls = servers.urls();
    settings.replicas = replicas;
    let fabric = Nats::connect(settings).await.map_err(|error| format!("{error:?}"))?;
    let fabric: Arc<dyn Fabric> = Arc::new(fabric);
    let witness = Arc::new(Witness::of(&fabric, setup.shards));
    let client = Arc::new(Client::new(&fabric, setup.shards, &folder.join("calls")));
    let mut places = Vec::new();
    let all = (0..setup.coordinators).map(|at| (format!("c{at}"), true, at));
    let all = all.chain((0..setup.agents).map(|at| (format!("w{at}"), false, at)));
    for (name, leads, at) in all {
        // Every other node has a way that can be troubled.
        let mut place = Place::new(&name, leads, &servers, at % 2 == 0).await;
        place.start(&stage);
        places.push(place);
    }
    for place in &mut places {
        place.until_up(&folder).await?;
    }
    let run = Run { setup, witness, client, stage, clock: SystemClock::start() };
    let mut troubles = Troubles::of(servers, places, run.stage.clone());
    troubles.leaders_only = setup.leaders_only;
    let report = run.to_its_end(troubles).await;
    fabric.close().await;
    report
}

struct Run<'a> {
    setup: &'a Setup,
    witness: Arc<Witness>,
    client: Arc<Client>,
    stage: Stage,
    clock: Arc<SystemClock>,
}

impl Run<'_> {
    async fn to_its_end(&self, mut troubles: Troubles) -> Result<Report, String> {
        let begun = self.clock.now().moment;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (client, tasks) = (Arc::clone(&self.client), self.setup.tasks);
            clients.spawn(async move { client.submit(tasks).await });
        }
        let mut probes = Probes::of(&self.client, self.setup.shards);
        self.trouble(&mut troubles, &mut probes).await;
        troubles.heal().await;
        let healed = self.clock.now().moment;
        self.allow(u64::MAX);
        let rested = self.rest(&mut troubles, &mut clients).await;
        let rest = self.clock.now().moment.since(healed);
        let mut report = self.judge(&troubles).await?;
        if !rested {
            report.findings.push(format!(
                "no rest in {rest:?}: {} tasks are acknowledged, {} have ended",
                self.client.acknowledged.load(std::sync::atomic::Ordering::SeqCst),
                self.witness.ended(),
            ));
        }
        report.take_overs = probes.spans().await;
        troubles.end().await;
        report.findings.append(&mut troubles.findings);
        if troubles.memory > MEMORY_MAX {
            report.findings.push(format!("a node had {} KiB of memory", troubles.memory));
        }
        (report.memory, report.rest, report.counts) = (troubles.memory, rest, troubles.counts);
        report.took = self.clock.now().moment.since(begun);
        report.seed = self.setup.seed;
        Ok(report)
    }

    async fn trouble(&self, troubles: &mut Troubles, probes: &mut Probes) {
        let mut chance = Chance::from_seed(self.setup.seed);
        let all = self.setup.faults;
        let mut done = 0;
        while done < all {
            let step = draw(&mut chance, &self.setup.kinds);
            for part in 1..=PARTS {
                troubles.pass(step.after / PARTS).await;
                let tasks = self.setup.tasks as u64;
                self.allow(
                    tasks * (done * u64::from(PARTS) + u64::from(part)) / all / u64::from(PARTS),
                );
            }
            let led = self.led(troubles, &step);
            if troubles.strike(&step).await {
                if step.fault == Fault::Kill {
                    probes.begin(&led);
                }
                done += u64::from(!self.setup.counts_kills || step.fault == Fault::Kill);
            }
        }
    }

    /// Which shards the node leads that a step would hit.
    fn led(&self, troubles: &Troubles, step: &plan::Step) -> Vec<u16> {
        let target = troubles.target(step).map(|node| &troubles.places[node]);
        let leads = target.filter(|place| place.leads && step.fault == Fault::Kill);
        leads.map(|place| self.witness.led_by(&place.name)).unwrap_or_default()
    }

    fn allow(&self, tasks: u64) {
        let most = self.witness.ended().saturating_add(BACKLOG);
        self.client.allowed.store(tasks.min(most), std::sync::atomic::Ordering::SeqCst);
    }

    /// Waits until everything was acknowledged and has ended; says whether it did.
    async fn rest(&self, troubles: &mut Troubles, clients: &mut JoinSet<()>) -> bool {
        let all = (self.setup.tasks.div_ceil(BATCH) * BATCH) as u64;
        let (mut moved, mut ended) = (self.clock.now().moment, self.witness.ended());
        while self.witness.ended() < all {
            troubles.pass(Duration::from_millis(50)).await;
            self.allow(u64::MAX);
            if self.witness.ended() > ended {
                (moved, ended) = (self.clock.now().moment, self.witness.ended());
            }
            if self.clock.now().moment.since(moved) > self.setup.patience {
                return false;
            }
        }
        let finished = async { while clients.join_next().await.is_some() {} };
        tokio::time::timeout(self.setup.patience, finished).await.is_ok()
    }

    async fn judge(&self, troubles: &Troubles) -> Result<Report, String> {
        let failed = |error: std::io::Error| format!("the books cannot be read: {error}");
        let calls: Vec<Call> = books::read(&self.stage.folder.join("calls")).map_err(failed)?;
        let mut executions: Vec<Execution> = books::read(&self.stage.book()).map_err(failed)?;
        if self.setup.plant == Plant::LineLost {
            let at = executions.iter().position(|line| line.ended);
            at.map(|at| executions.remove(at));
        }
        let (stories, mut findings, stale, reigns): (Vec<Story>, _, _, _) = {
            let seen = self.witness.seen();
            let stories = seen.told.iter().flat_map(|told| told.stories().cloned()).collect();
            let findings = seen.told.iter().flat_map(|told| told.findings.clone());
            let stale = seen.told.iter().map(|told| told.stale).sum();
            let reigns = seen.told.iter().map(|told| told.epochs.len()).sum();
            (stories, findings.collect::<Vec<_>>(), stale, reigns)
        };
        let mut found = check::judge(&calls, &executions, &stories);
        findings.append(&mut found.findings);
        findings.extend(self.witness.two_leaders());
        findings.extend(self.witness.read_again().await?);
        if findings.is_empty() {
            let cluster = self.client.cluster();
            findings.extend(check::answers(cluster, &calls, &stories).await?);
        }
        let failed = calls.iter().filter(|call| matches!(call, Call::Failed { .. })).count();
        Ok(Report {
            findings,
            tasks: stories.len(),
            lost: found.lost,
            doubled: found.doubled,
            stale,
            executions: found.executions,
            again: found.again,
            refused: found.refused,
            reigns,
            failed_calls: failed,
            recoveries: check::recoveries(&troubles.killed, &executions),
            ..Report::default()
        })
    }
}
