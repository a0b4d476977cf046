//! Carries out what goes wrong, and makes it good again.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::process::ExitStatusExt as _,
    time::Duration,
};

use orkestra_runtime::time::{Clock as _, Moment, SystemClock};

use super::{
    nodes::{Place, Stage, left_of},
    plan::{Fault, Step},
};
use crate::{
    nats::{Servers, Signal},
    proxy::{Proxy, Way},
};

/// How long a node may take to stop, whatever servers do: the three seconds that its agents may go
/// on, twenty more that a node promises, and time for a machine that does much else.
const STOP_WITHIN: Duration = Duration::from_secs(40);

/// Whom troubles hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// Every node.
    All,
    /// Coordinators.
    Coordinators,
    /// Coordinators that lead something just now.
    Leaders,
    /// Nodes that host agents.
    Agents,
}

/// A kill, for those who measure what followed.
#[derive(Clone, Debug)]
pub(super) struct Killed {
    /// Which process.
    pub(super) process: u32,
    /// When, in milliseconds of the machine's clock.
    pub(super) at: u64,
}

/// Everything that can be troubled.
#[derive(Debug)]
pub(super) struct Troubles {
    /// The servers.
    pub(super) servers: Servers,
    /// The nodes.
    pub(super) places: Vec<Place>,
    /// Which nodes are hit.
    pub(super) hits: Hits,
    /// Who leads something, as was seen last.
    pub(super) leaders: BTreeSet<String>,
    stage: Stage,
    clock: std::sync::Arc<SystemClock>,
    /// What is to be made good, and when: a node by its number, or a server.
    nodes_due: BTreeMap<usize, (Moment, Fault)>,
    servers_due: BTreeMap<usize, (Moment, Fault)>,
    /// How often what went wrong.
    pub(super) counts: BTreeMap<Fault, u64>,
    /// Who was killed.
    pub(super) killed: Vec<Killed>,
    /// What must not be.
    pub(super) findings: Vec<String>,
    /// The most memory that a node had, in KiB.
    pub(super) memory: u64,
    /// How long nodes took to stop in order, in milliseconds.
    pub(super) stops: Vec<u64>,
}

impl Troubles {
    /// Nothing is wrong yet.
    pub(super) fn of(servers: Servers, places: Vec<Place>, stage: Stage) -> Self {
        Self {
            servers,
            places,
            hits: Hits::All,
            leaders: BTreeSet::new(),
            stage,
            clock: SystemClock::start(),
            nodes_due: BTreeMap::new(),
            servers_due: BTreeMap::new(),
            counts: BTreeMap::new(),
            killed: Vec::new(),
            findings: Vec::new(),
            memory: 0,
            stops: Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        self.clock.now().moment
    }

    /// Waits, and makes good what is due meanwhile.
    pub(super) async fn pass(&mut self, span: Duration) {
        let until = self.now() + span;
        loop {
            self.look().await;
            let left = until.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_millis(50))).await;
        }
    }

    async fn look(&mut self) {
        let now = self.now();
        let due = |dues: &BTreeMap<usize, (Moment, Fault)>| -> Vec<(usize, Fault)> {
            let due = dues.iter().filter(|(_, (at, _))| *at <= now);
            due.map(|(which, (_, fault))| (*which, *fault)).collect()
        };
        for (node, fault) in due(&self.nodes_due) {
            self.nodes_due.remove(&node);
            self.mend_node(node, fault);
        }
        for (server, fault) in due(&self.servers_due) {
            self.servers_due.remove(&server);
            match fault {
                Fault::ServerPause => self.servers.resume(server),
                _ => self.servers.launch(server).await,
            }
        }
        for place in &mut self.places {
            self.memory = self.memory.max(place.memory());
            if place.has_ended() {
                let (name, said) = (&place.name, place.last_word(&self.stage.folder));
                let log = place.log_end(&self.stage.folder);
                self.findings.push(format!("{name} ended by itself: {said}; its log ends: {log}"));
                place.start(&self.stage);
            }
        }
    }

    fn mend_node(&mut self, node: usize, fault: Fault) {
        let place = &mut self.places[node];
        match fault {
            Fault::Kill => place.start(&self.stage),
            Fault::Pause => place.resume(),
            _ => place.proxies.iter().for_each(Proxy::heal),
        }
    }

    /// Which node a step would hit now; none if there is none that is well.
    pub(super) fn target(&self, step: &Step) -> Option<usize> {
        let well = |node: &usize| {
            let place = &self.places[*node];
            !self.nodes_due.contains_key(node)
                && place.process().is_some()
                && match self.hits {
                    Hits::All => true,
                    Hits::Coordinators => place.leads,
                    Hits::Leaders => self.leaders.contains(&place.name),
                    Hits::Agents => !place.leads,
                }
                && (!step.fault.is_of_ways() || !place.proxies.is_empty())
        };
        let all: Vec<usize> = (0..self.places.len()).filter(well).collect();
        let at = usize::try_from(step.target % all.len().max(1) as u64).unwrap_or(0);
        all.get(at).copied()
    }

    /// Lets one thing go wrong; says whether it did.
    pub(super) async fn strike(&mut self, step: &Step) -> bool {
        let due = (self.now() + step.lasts, step.fault);
        if step.fault.is_of_servers() {
            // Never more than one at once: a majority stays where there is one.
            if !self.servers_due.is_empty() {
                return false;
            }
            let count = self.servers.count() as u64;
            let server = usize::try_from(step.target % count).unwrap_or(0);
            match step.fault {
                Fault::ServerPause => self.servers.pause(server),
                Fault::ServerKill => self.servers.kill(server).await,
                _ => self.servers.stop(server).await,
            }
            self.servers_due.insert(server, due);
        } else if step.fault == Fault::Rolling {
            for node in 0..self.places.len() {
                if self.places[node].leads && !self.nodes_due.contains_key(&node) {
                    self.restart(node).await;
                    self.pass(Duration::from_millis(500)).await;
                }
            }
        } else {
            let Some(node) = self.target(step) else { return false };
            self.strike_node(node, step.fault).await;
            if !matches!(step.fault, Fault::Restart | Fault::Reset) {
                self.nodes_due.insert(node, due);
            }
        }
        *self.counts.entry(step.fault).or_default() += 1;
        true
    }

    async fn strike_node(&mut self, node: usize, fault: Fault) {
        let at = self.clock.now().wall.as_ms();
        let place = &mut self.places[node];
        let ways = &place.proxies;
        match fault {
            Fault::Kill => {
                let process = place.process().unwrap_or_default();
                self.killed.push(Killed { process, at });
                place.kill().await;
            }
            Fault::Pause => place.pause(),
            Fault::CutBoth => ways.iter().for_each(Proxy::cut_both),
            Fault::CutOut => ways.iter().for_each(|way| way.cut(Way::ToServer)),
            Fault::CutIn => ways.iter().for_each(|way| way.cut(Way::ToClient)),
            Fault::Reset => ways.iter().for_each(Proxy::reset),
            Fault::Refuse => ways.iter().for_each(|way| {
                way.refuse();
                way.reset();
            }),
            Fault::Restart => self.restart(node).await,
            Fault::Rolling | Fault::ServerKill | Fault::ServerPause | Fault::ServerRestart => {}
        }
    }

    async fn restart(&mut self, node: usize) {
        let stage = self.stage.clone();
        self.stop(node).await;
        self.places[node].start(&stage);
    }

    /// Stops a node in order. Whatever else is in trouble stays so meanwhile, and is made good in its
    /// time.
    async fn stop(&mut self, node: usize) {
        let Some(mut stopping) = self.places[node].ask_to_stop() else { return };
        let begun = self.now();
        let status = loop {
            let status = stopping.ended();
            if status.is_some() || self.now().since(begun) > STOP_WITHIN {
                break status;
            }
            self.pass(Duration::from_millis(20)).await;
        };
        let took = self.now().since(begun);
        self.stops.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        let place = &self.places[node];
        let (name, log) = (&place.name, place.log_end(&self.stage.folder));
        let said = place.last_word(&self.stage.folder);
        match status {
            Some(status) if status.success() => {}
            // It was told before it had begun to listen to such words.
            Some(status) if status.signal() == Some(Signal::TERM.as_raw()) => {}
            Some(status) => self.findings.push(format!(
                "{name} stopped with {status} after {took:?}: {said}; its log ends: {log}"
            )),
            None => self.findings.push(format!(
                "{name} did not stop in {took:?}: {}; its log ends: {log}",
                stopping.threads()
            )),
        }
        let process = stopping.process;
        stopping.kill().await;
        let left = left_of(process);
        if left > 0 {
            self.findings.push(format!("{left} processes of {name} are left behind"));
        }
    }

    /// Makes everything good.
    pub(super) async fn heal(&mut self) {
        let nodes = std::mem::take(&mut self.nodes_due);
        for (node, (_, fault)) in nodes {
            self.mend_node(node, fault);
        }
        self.heal_servers().await;
    }

    async fn heal_servers(&mut self) {
        for (server, (_, fault)) in std::mem::take(&mut self.servers_due) {
            match fault {
                Fault::ServerPause => self.servers.resume(server),
                _ => self.servers.launch(server).await,
            }
        }
    }

    /// Stops all nodes in order; whoever hosts agents first.
    pub(super) async fn end(&mut self) {
        for leads in [false, true] {
            for node in 0..self.places.len() {
                if self.places[node].leads == leads && self.places[node].process().is_some() {
                    self.stop(node).await;
                }
            }
        }
    }
}
