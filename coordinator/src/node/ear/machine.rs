//! What the leader of one shard hears of nodes and their workers. Pure.
//!
//! Promises:
//! - a word of an earlier life of a node is refused and counted, whatever it says;
//! - the tasks of what is heard are of this shard, and numbered as the shard numbers them;
//! - who was heard of and is not in a node's muster, or the other way round, makes it ask for the
//!   roll, at most once a second and node;
//! - a node that is gone takes its workers with it, each named with the life that was known.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use orkestra_runtime::{
    id::{AgentId, Attempt, Incarnation, NodeId, ShardId, TaskNo},
    protocol::{
        agent::FromAgent,
        desk::{FromDesk, Muster, Said, untagged},
    },
    time::Moment,
};

/// How often one node is asked for the roll at most.
const ROLL_EVERY: Duration = Duration::from_secs(1);

/// What an ear asks of the world.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// This is for the shard.
    Take(FromAgent),
    /// These workers are gone with their node.
    Gone(Vec<(AgentId, Incarnation)>),
    /// Ask this node who is there.
    Roll(NodeId),
    /// A word of an earlier life of a node was refused.
    Stale(NodeId),
    /// A word about another shard's task, which nobody who speaks this protocol says.
    Foreign(NodeId),
}

#[derive(Debug, Default)]
struct Known {
    boot: u64,
    workers: BTreeMap<AgentId, Incarnation>,
    rolled: Option<Moment>,
    /// Who has said since then that it is there.
    named: BTreeSet<AgentId>,
}

impl Known {
    fn muster(&self, of: impl Fn(&AgentId) -> bool) -> Muster {
        let mut muster = Muster::default();
        for (agent, incarnation) in self.workers.iter().filter(|(agent, _)| of(agent)) {
            muster.add(agent, *incarnation);
        }
        muster
    }
}

/// Pure; see the module.
#[derive(Debug)]
pub(crate) struct Ear {
    shard: ShardId,
    nodes: BTreeMap<NodeId, Known>,
    /// On which node the latest life of each worker is.
    places: BTreeMap<AgentId, (Incarnation, NodeId)>,
}

impl Ear {
    /// The ear of a reign that has heard of nobody.
    pub(crate) const fn new(shard: ShardId) -> Self {
        Self { shard, nodes: BTreeMap::new(), places: BTreeMap::new() }
    }

    /// On which node a worker is.
    pub(crate) fn place(&self, agent: &AgentId) -> Option<&NodeId> {
        self.places.get(agent).map(|(_, node)| node)
    }

    /// A desk has said something.
    pub(crate) fn hear(&mut self, now: Moment, from: FromDesk, effects: &mut Vec<Effect>) {
        let FromDesk { node, boot, said } = from;
        let known =
            self.nodes.entry(node.clone()).or_insert_with(|| Known { boot, ..Known::default() });
        if boot < known.boot {
            effects.push(Effect::Stale(node));
            return;
        }
        if boot > known.boot {
            let gone = std::mem::take(&mut known.workers).into_iter().collect();
            *known = Known { boot, ..Known::default() };
            self.gone(&node, gone, effects);
        }
        match said {
            Said::Words(words) => {
                for word in words {
                    self.word(&node, word, effects);
                }
            }
            Said::Muster(muster) => self.muster(now, node, muster, effects),
        }
    }

    /// A node is gone: down, or started anew. A later life than `boot` is another matter.
    pub(crate) fn node_gone(&mut self, node: &NodeId, boot: u64, effects: &mut Vec<Effect>) {
        let Some(known) = self.nodes.get_mut(node).filter(|known| known.boot <= boot) else {
            return;
        };
        let gone = std::mem::take(&mut known.workers).into_iter().collect();
        self.gone(node, gone, effects);
    }

    fn gone(
        &mut self,
        node: &NodeId,
        gone: Vec<(AgentId, Incarnation)>,
        effects: &mut Vec<Effect>,
    ) {
        // A worker that lives on elsewhere by now is not gone.
        let here = |(agent, life): &(AgentId, Incarnation)| {
            self.places.get(agent).is_some_and(|(at, place)| at == life && place == node)
        };
        let gone: Vec<_> = gone.into_iter().filter(here).collect();
        for (agent, _) in &gone {
            self.places.remove(agent);
        }
        if !gone.is_empty() {
            effects.push(Effect::Gone(gone));
        }
    }

    fn muster(&mut self, now: Moment, node: NodeId, muster: Muster, effects: &mut Vec<Effect>) {
        let Some(known) = self.nodes.get_mut(&node) else { return };
        if known.muster(|_| true) == muster {
            return;
        }
        let named = &known.named;
        if known.rolled.is_some() && known.muster(|agent| named.contains(agent)) == muster {
            // The roll has named all that are there: whom it did not name is gone.
            let named = std::mem::take(&mut known.named);
            let gone = known.workers.extract_if(.., |agent, _| !named.contains(agent)).collect();
            self.gone(&node, gone, effects);
            return;
        }
        if known.rolled.is_none_or(|at| now.since(at) >= ROLL_EVERY) {
            known.rolled = Some(now);
            known.named.clear();
            effects.push(Effect::Roll(node));
        }
    }

    fn word(&mut self, node: &NodeId, word: FromAgent, effects: &mut Vec<Effect>) {
        match &word {
            FromAgent::Joined { profile, incarnation } => {
                let agent = profile.id.clone();
                if self.places.get(&agent).is_some_and(|(latest, _)| latest > incarnation) {
                    effects.push(Effect::Stale(node.clone()));
                    return;
                }
                if let Some((_, old)) =
                    self.places.insert(agent.clone(), (*incarnation, node.clone()))
                    && old != *node
                    && let Some(known) = self.nodes.get_mut(&old)
                {
                    known.workers.remove(&agent);
                }
                if let Some(known) = self.nodes.get_mut(node) {
                    known.named.insert(agent.clone());
                    known.workers.insert(agent, *incarnation);
                }
            }
            FromAgent::Left { agent, incarnation } => {
                if self.places.get(agent).is_some_and(|(latest, _)| latest <= incarnation) {
                    self.places.remove(agent);
                }
                if let Some(known) = self.nodes.get_mut(node) {
                    known.workers.remove(agent);
                }
            }
            FromAgent::Beat { .. }
            | FromAgent::Progressed { .. }
            | FromAgent::Ended { .. }
            | FromAgent::Leaving { .. }
            | FromAgent::Kept { .. }
            | FromAgent::Granted { .. }
            | FromAgent::Understood { .. } => {}
        }
        match self.of_this_shard(word) {
            Some(word) => effects.push(Effect::Take(word)),
            None => effects.push(Effect::Foreign(node.clone())),
        }
    }

    fn number(&self, task: TaskNo) -> Option<TaskNo> {
        let (shard, task) = untagged(task);
        (shard == self.shard).then_some(task)
    }

    /// The same with the numbers of this shard; none if it is about another's.
    fn of_this_shard(&self, word: FromAgent) -> Option<FromAgent> {
        Some(match word {
            FromAgent::Beat { agent, incarnation, held } => {
                let held =
                    held.into_iter().map(|(task, attempt)| Some((self.number(task)?, attempt)));
                let held = held.collect::<Option<Vec<(TaskNo, Attempt)>>>()?;
                FromAgent::Beat { agent, incarnation, held }
            }
            FromAgent::Progressed { agent, task, attempt, progress } => {
                FromAgent::Progressed { agent, task: self.number(task)?, attempt, progress }
            }
            FromAgent::Kept { agent, task, attempt, artifact } => {
                FromAgent::Kept { agent, task: self.number(task)?, attempt, artifact }
            }
            FromAgent::Ended { agent, incarnation, mut reports } => {
                for report in &mut reports {
                    report.task = self.number(report.task)?;
                }
                FromAgent::Ended { agent, incarnation, reports }
            }
            word @ (FromAgent::Joined { .. }
            | FromAgent::Left { .. }
            | FromAgent::Leaving { .. }
            | FromAgent::Granted { .. }
            | FromAgent::Understood { .. }) => word,
        })
    }
}
