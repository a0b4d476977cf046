//! Carries out what goes wrong, and makes it good again.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::time::{Clock as _, Moment, SystemClock};

use super::{
    nodes::{Place, Stage, left_of},
    plan::{Fault, Step},
};
use crate::{
    nats::Servers,
    proxy::{Proxy, Way},
};

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
    /// Whether only coordinators are hit, and servers.
    pub(super) leaders_only: bool,
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
}

impl Troubles {
    /// Nothing is wrong yet.
    pub(super) fn of(servers: Servers, places: Vec<Place>, stage: Stage) -> Self {
        Self {
            servers,
            places,
            leaders_only: false,
            stage,
            clock: SystemClock::start(),
            nodes_due: BTreeMap::new(),
            servers_due: BTreeMap::new(),
            counts: BTreeMap::new(),
            killed: Vec::new(),
            findings: Vec::new(),
            memory: 0,
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
                // One that cannot reach the servers when it starts says so, and is started again by
                // whoever looks after it.
                if !place.last_word(&self.stage.folder).starts_with("failed: Unavailable") {
                    self.findings.push(format!("{} ended by itself", place.name));
                }
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
                && (place.leads || !self.leaders_only)
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

    async fn stop(&mut self, node: usize) {
        // To stop takes as long as it takes: nothing else may be left in trouble meanwhile.
        self.heal_servers().await;
        let place = &mut self.places[node];
        let process = place.process().unwrap_or_default();
        let begun = self.clock.now().moment;
        let status = place.stop().await;
        let took = self.clock.now().moment.since(begun);
        let name = &place.name;
        match status {
            Some(status) if status.success() => {}
            Some(status) => {
                self.findings.push(format!("{name} stopped with {status} after {took:?}"));
            }
            None => self.findings.push(format!("{name} did not stop in {took:?}")),
        }
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
