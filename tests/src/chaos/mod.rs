//! A cluster of real processes over real servers, troubled by a plan that is drawn from a seed, and
//! judged from outside.
//!
//! | written by | what |
//! |---|---|
//! | the client | each submission before and after it |
//! | clients of locks | each call and each answer |
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
mod doing;
mod lockers;
mod nodes;
pub mod plan;
pub mod plant;
mod probe;
mod report;
mod setup;
mod story;
mod troubles;
mod witness;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

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
pub use setup::Setup;
pub use troubles::Hits;

use crate::nats::{Servers, Wishes};
use books::{Call, Execution};
use client::Client;
use doing::Doing;
use lockers::Lockers;
use nodes::{Place, Stage};
use plan::{Fault, draw};
use plant::Plant;
use probe::{Probed, Probes};
use story::Story;
use troubles::Troubles;
use witness::Witness;

/// How many submissions are under way at once.
const CLIENTS: usize = 6;
/// In how many parts more is asked for between two things that go wrong, so that there is always
/// something under way.
const PARTS: u32 = 8;
/// How much memory a node may have, in KiB, and how much more for each task: none is forgotten here,
/// and a leader has its state, a second one for snapshots, and the snapshot itself.
const MEMORY_MAX: (u64, u64) = (400 * 1024, 4);

/// Sets up, troubles, heals, waits for rest, and judges. An error says that it could not be judged, or
/// what was waited for when the time was out.
pub async fn run(setup: &Setup) -> Result<Report, String> {
    let doing = Doing::default();
    let ran = tokio::time::timeout(setup.limit, carried_out(setup, &doing)).await;
    ran.unwrap_or_else(|_| Err(format!("not over in {:?}: it waits for {doing}", setup.limit)))
}

async fn carried_out(setup: &Setup, doing: &Doing) -> Result<Report, String> {
    doing.now("servers");
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
    doing.now("a connection");
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
        doing.now(format!("{} to be up", place.name));
        place.until_up(&folder).await?;
    }
    let run = Run { setup, witness, client, stage, doing, clock: SystemClock::start() };
    let mut troubles = Troubles::of(servers, places, run.stage.clone());
    troubles.hits = setup.hits;
    let report = run.to_its_end(troubles).await;
    doing.now("the client's connection to be closed");
    fabric.close().await;
    report
}

struct Run<'a> {
    setup: &'a Setup,
    witness: Arc<Witness>,
    client: Arc<Client>,
    stage: Stage,
    doing: &'a Doing,
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
        let mut lockers = Lockers::begin(self.setup, &self.client);
        let mut probes = Probes::of(&self.client, self.setup.shards);
        let is_found = self.trouble(&mut troubles, &mut probes, &lockers).await?;
        self.doing.now("everything to be made good");
        troubles.heal().await;
        let healed = self.clock.now().moment;
        let is_at_rest = is_found || self.rest(&mut troubles, &mut clients).await;
        let rest = self.clock.now().moment.since(healed);
        self.doing.now("those who use locks to end");
        lockers.end().await;
        let (calls, stories) = self.told()?;
        let mut report = self.judge(&troubles, &calls, &stories).await?;
        self.doing.now("the books of locks to be judged");
        report.findings.extend(lockers.judge(&self.witness).await?);
        report.lock_calls = lockers.calls();
        report.grants = self.witness.seen().told.iter().map(|told| told.locks.grants).sum();
        if !is_at_rest {
            self.doing.now("the cluster to say why there is no rest");
            let why = check::why_not(self.client.cluster(), &calls, &stories).await;
            report.findings.push(format!(
                "no rest in {rest:?}: {} tasks are acknowledged, {} have ended; {why}",
                self.client.acknowledged.load(Ordering::SeqCst),
                self.witness.ended(),
            ));
        }
        self.doing.now("the last take-over");
        let has_no_bug = self.setup.plant == Plant::Nothing;
        let patience = if has_no_bug { self.setup.patience } else { Duration::ZERO };
        let Probed { spans, open } = probes.spans(patience).await;
        report.take_overs = spans;
        if open > 0 && has_no_bug {
            report.findings.push(format!("{open} shards took no command after a leader's death"));
        }
        // Whoever has a bug need not stop in order.
        if has_no_bug {
            self.doing.now("all nodes to stop");
            troubles.end().await;
        }
        report.findings.append(&mut troubles.findings);
        if troubles.memory > MEMORY_MAX.0 + MEMORY_MAX.1 * self.setup.tasks as u64 {
            report.findings.push(format!("a node had {} KiB of memory", troubles.memory));
        }
        troubles.stops.sort_unstable();
        (report.memory, report.rest, report.counts) = (troubles.memory, rest, troubles.counts);
        report.stops = troubles.stops;
        report.took = self.clock.now().moment.since(begun);
        report.seed = self.setup.seed;
        Ok(report)
    }

    /// Lets things go wrong, one after another. True when a bug that is looked for was found before
    /// they all did.
    async fn trouble(
        &self,
        troubles: &mut Troubles,
        probes: &mut Probes,
        lockers: &Lockers,
    ) -> Result<bool, String> {
        let mut chance = Chance::from_seed(self.setup.seed);
        let all = self.setup.faults;
        let mut done = 0;
        while done < all {
            let step = draw(&mut chance, &self.setup.kinds, self.setup.apart);
            self.doing
                .now(format!("fault {done} of {all}, {:?}, after {:?}", step.fault, step.after));
            for part in 1..=PARTS {
                troubles.pass(step.after / PARTS).await;
                let tasks = self.setup.tasks as u64;
                let so_far = done * u64::from(PARTS) + u64::from(part);
                self.allow(tasks * so_far / all / u64::from(PARTS));
            }
            if self.setup.until_found && self.is_found(lockers).await? {
                return Ok(true);
            }
            troubles.leaders = self.witness.leaders();
            let led = self.led(troubles, &step);
            if troubles.strike(&step).await {
                if step.fault == Fault::Kill {
                    probes.begin(&led);
                }
                done += u64::from(!self.setup.counts_kills || step.fault == Fault::Kill);
            }
        }
        Ok(false)
    }

    /// Whether something was found already that must never be.
    async fn is_found(&self, lockers: &Lockers) -> Result<bool, String> {
        if self.setup.plant == Plant::GrantForgotten {
            return Ok(!lockers.judge(&self.witness).await?.is_empty());
        }
        if self.witness.seen().told.iter().any(|told| !told.findings.is_empty()) {
            return Ok(true);
        }
        let executions: Vec<Execution> =
            books::read(&self.stage.book()).map_err(|error| unread(&error))?;
        Ok(check::is_doubled(&executions))
    }

    /// Which shards the node leads that a step would hit.
    fn led(&self, troubles: &Troubles, step: &plan::Step) -> Vec<u16> {
        let target = troubles.target(step).map(|node| &troubles.places[node]);
        let leads = target.filter(|place| place.leads && step.fault == Fault::Kill);
        leads.map(|place| self.witness.led_by(&place.name)).unwrap_or_default()
    }

    fn allow(&self, tasks: u64) {
        let most = self.witness.ended().saturating_add(self.setup.backlog);
        self.client.allowed.store(tasks.min(most), Ordering::SeqCst);
    }

    /// Waits until everything that was asked for was acknowledged and has ended; says whether it did.
    /// Where a bug is looked for no more is asked for by now.
    async fn rest(&self, troubles: &mut Troubles, clients: &mut JoinSet<()>) -> bool {
        if self.setup.until_found {
            self.client.ask_no_more();
        }
        let mut known = (0, 0);
        let mut moved = self.clock.now().moment;
        loop {
            troubles.pass(Duration::from_millis(50)).await;
            self.allow(u64::MAX);
            while clients.try_join_next().is_some() {}
            let acknowledged = self.client.acknowledged.load(Ordering::SeqCst);
            let now = (acknowledged, self.witness.ended());
            if clients.is_empty() && now.1 >= now.0 {
                return true;
            }
            self.doing.now(format!("rest: {} tasks are acknowledged, {} have ended", now.0, now.1));
            if now != known {
                (known, moved) = (now, self.clock.now().moment);
            }
            if self.clock.now().moment.since(moved) > self.setup.patience {
                return false;
            }
        }
    }

    /// What the client wrote down, and what the journals say of the tasks.
    fn told(&self) -> Result<(Vec<Call>, Vec<Story>), String> {
        let calls =
            books::read(&self.stage.folder.join("calls")).map_err(|error| unread(&error))?;
        let seen = self.witness.seen();
        Ok((calls, seen.told.iter().flat_map(|told| told.stories().cloned()).collect()))
    }

    async fn judge(
        &self,
        troubles: &Troubles,
        calls: &[Call],
        stories: &[Story],
    ) -> Result<Report, String> {
        self.doing.now("the books to be read");
        let mut executions: Vec<Execution> =
            books::read(&self.stage.book()).map_err(|error| unread(&error))?;
        let (mut findings, stale, reigns) = {
            let seen = self.witness.seen();
            let findings = seen.told.iter().flat_map(|told| told.findings.clone());
            let stale = seen.told.iter().map(|told| told.stale).sum();
            let reigns = seen.told.iter().map(|told| told.epochs.len()).sum();
            (findings.collect::<Vec<_>>(), stale, reigns)
        };
        if self.setup.plant == Plant::LineLost {
            check::lose_a_line(&mut executions, stories);
        }
        let mut found = check::judge(calls, &executions, stories);
        findings.append(&mut found.findings);
        findings.extend(self.witness.two_leaders());
        self.doing.now("all journals to be read again");
        findings.extend(self.witness.read_again().await?);
        if findings.is_empty() {
            self.doing.now("the answers of the cluster");
            let cluster = self.client.cluster();
            findings.extend(check::answers(cluster, calls, stories).await?);
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

fn unread(error: &std::io::Error) -> String {
    format!("the books cannot be read: {error}")
}
