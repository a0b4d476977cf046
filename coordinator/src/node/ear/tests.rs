//! Stories about an ear.

use orkestra_runtime::{
    id::{AgentId, Attempt, Incarnation, NodeId, ShardId, TaskNo},
    protocol::{
        agent::{AgentProfile, Availability, FromAgent},
        desk::{FromDesk, Muster, Said, tagged},
    },
    time::Moment,
};

use super::machine::{Ear, Effect};

const SHARD: ShardId = ShardId(2);

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn ann() -> AgentId {
    AgentId::new("ann").unwrap()
}

fn joined(life: u64) -> FromAgent {
    let profile = AgentProfile {
        id: ann(),
        kind: "function".to_owned(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 2,
        availability: Availability::Available,
    };
    FromAgent::Joined { profile, incarnation: Incarnation(life) }
}

fn beat(task: TaskNo) -> FromAgent {
    let held = vec![(task, Attempt(1))];
    FromAgent::Beat { agent: ann(), incarnation: Incarnation(1), held }
}

struct Hears(Ear, u64);

impl Hears {
    fn new() -> Self {
        Self(Ear::new(SHARD), 0)
    }

    fn says(&mut self, from: &str, boot: u64, said: Said) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.1 += 100;
        let from = FromDesk { node: node(from), boot, said };
        self.0.hear(Moment::from_ms(self.1), from, &mut effects);
        effects
    }

    fn word(&mut self, from: &str, boot: u64, word: FromAgent) -> Vec<Effect> {
        self.says(from, boot, Said::Words(vec![word]))
    }
}

fn muster(lives: &[u64]) -> Said {
    let mut muster = Muster::default();
    for life in lives {
        muster.add(&ann(), Incarnation(*life));
    }
    Said::Muster(muster)
}

#[test]
fn what_is_heard_is_numbered_as_the_shard_does_and_nothing_of_other_shards_is_taken() {
    let mut ear = Hears::new();
    assert_eq!(ear.word("a", 1, joined(1)), [Effect::Take(joined(1))]);
    assert_eq!(ear.0.place(&ann()), Some(&node("a")));
    let tagged_beat = beat(tagged(SHARD, TaskNo(5)));
    assert_eq!(ear.word("a", 1, tagged_beat), [Effect::Take(beat(TaskNo(5)))]);
    let other = beat(tagged(ShardId(3), TaskNo(5)));
    assert_eq!(ear.word("a", 1, other), [Effect::Foreign(node("a"))]);
}

#[test]
fn words_of_an_earlier_life_are_refused_and_a_new_life_takes_the_old_workers_with_it() {
    let mut ear = Hears::new();
    ear.word("a", 4, joined(1));
    assert_eq!(ear.word("a", 3, joined(9)), [Effect::Stale(node("a"))]);
    let gone = Effect::Gone(vec![(ann(), Incarnation(1))]);
    assert_eq!(ear.word("a", 5, joined(2)), [gone, Effect::Take(joined(2))]);
}

#[test]
fn a_worker_that_lives_elsewhere_by_now_is_not_gone_with_its_old_node() {
    let mut ear = Hears::new();
    ear.word("a", 1, joined(1));
    ear.word("b", 2, joined(2));
    assert_eq!(ear.0.place(&ann()), Some(&node("b")));
    assert_eq!(ear.word("a", 1, joined(1)), [Effect::Stale(node("a"))]);
    let mut effects = Vec::new();
    ear.0.node_gone(&node("a"), 1, &mut effects);
    assert_eq!(effects, []);
    ear.0.node_gone(&node("b"), 1, &mut effects);
    assert_eq!(effects, [], "that was an earlier life");
    ear.0.node_gone(&node("b"), 2, &mut effects);
    assert_eq!(effects, [Effect::Gone(vec![(ann(), Incarnation(2))])]);
    assert_eq!(ear.0.place(&ann()), None);
}

#[test]
fn a_muster_that_differs_makes_it_ask_who_is_there_but_not_all_the_time() {
    let mut ear = Hears::new();
    assert_eq!(ear.says("a", 1, muster(&[1])), [Effect::Roll(node("a"))]);
    assert_eq!(ear.says("a", 1, muster(&[1])), [], "it was asked a moment ago");
    ear.word("a", 1, joined(1));
    ear.1 += 5_000;
    assert_eq!(ear.says("a", 1, muster(&[1])), []);
    assert_eq!(ear.says("a", 1, muster(&[])), [Effect::Roll(node("a"))]);
    // The roll names nobody, and ends with the same muster.
    let gone = Effect::Gone(vec![(ann(), Incarnation(1))]);
    assert_eq!(ear.says("a", 1, muster(&[])), [gone]);
    assert_eq!(ear.says("a", 1, muster(&[])), []);
}
