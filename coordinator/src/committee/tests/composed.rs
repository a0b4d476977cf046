//! Votes within the shard: one order with all else, and one snapshot.

use orkestra_runtime::{
    chance::Chance,
    id::Number,
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};

use super::script::{proposal, vote, voter};
use crate::{
    committee::{
        Ballot, Casting, CommitteeCommand, CommitteeEffect, CommitteeReply, Content, Decision,
        Proposal, Question,
    },
    shard::{
        Mind as _,
        machine::{Command, Effect, Event, ShardMachine, ShardSettings},
        perform,
    },
};

struct Shard {
    machine: ShardMachine,
    now: Now,
    journal: Vec<Event>,
    chance: Chance,
}

impl Shard {
    fn new() -> Self {
        Self {
            machine: ShardMachine::new(ShardSettings::default()),
            now: Now { moment: Moment::from_ms(5), wall: Wall::from_ms(1_000_000) },
            journal: Vec::new(),
            chance: Chance::from_seed(7),
        }
    }

    fn tell(&mut self, command: CommitteeCommand) -> Vec<CommitteeReply> {
        self.step(&Command::Committee(command))
    }

    fn step(&mut self, command: &Command) -> Vec<CommitteeReply> {
        let next = Number(self.journal.len() as u64 + 1);
        let done = perform(&mut self.machine, self.now, &mut self.chance, next, command).unwrap();
        self.journal.extend(done.events);
        let reply = |effect| match effect {
            Effect::Committee(CommitteeEffect::Reply { reply, .. }) => Some(reply),
            _ => None,
        };
        done.effects.into_iter().filter_map(reply).collect()
    }

    fn open(&mut self) {
        let asked = proposal(Question::motion(), &["ann", "ben"], &[]);
        let proposal = Box::new(Proposal { early: false, ..asked });
        let told = self.tell(CommitteeCommand::Open { to: ReplyTo(1), proposal });
        assert!(matches!(told[..], [CommitteeReply::Opened { existed: false, .. }]), "{told:?}");
    }

    fn cast(&mut self, name: &str) {
        let (vote, voter, ballot) = (vote("v"), voter(name), Ballot::of(Content::Yes));
        let casting = Box::new(Casting { vote, voter, ballot, signed: None });
        let told = self.tell(CommitteeCommand::Cast { to: ReplyTo(1), casting });
        assert!(matches!(told[..], [CommitteeReply::Cast { existed: false, .. }]), "{told:?}");
    }

    fn decision(&self) -> Option<Decision> {
        let (_, found) = self.machine.committee().durable.named(&vote("v"))?;
        found.outcome().map(|outcome| outcome.decision.clone())
    }
}

#[test]
fn the_ballot_that_closes_a_vote_its_count_and_its_outcome_are_one_step() {
    let mut shard = Shard::new();
    shard.open();
    shard.cast("ann");
    let before = shard.journal.len();
    shard.cast("ben");
    assert_eq!(shard.journal.len(), before + 3, "the ballot, that it is closed, and the outcome");
    assert_eq!(shard.decision(), Some(Decision::Passed));
}

#[test]
fn votes_are_in_the_snapshot_of_the_shard_and_wake_it_at_their_deadline() {
    let mut shard = Shard::new();
    shard.open();
    shard.cast("ann");
    let bytes = shard.machine.snapshot();
    let genesis = ShardMachine::new(ShardSettings::default());
    shard.machine = genesis.restored(&bytes).unwrap();
    assert_eq!(shard.machine.snapshot(), bytes);
    shard.machine.promote(shard.now);
    let deadline = shard.now.moment + std::time::Duration::from_secs(10);
    assert_eq!(shard.machine.wakeup(shard.now), Some(deadline));
    assert_eq!(shard.machine.due(shard.now), None);
    let passed = std::time::Duration::from_secs(10);
    shard.now = Now { moment: deadline, wall: shard.now.wall + passed };
    let due = shard.machine.due(shard.now).unwrap();
    shard.step(&due);
    assert_eq!(shard.decision(), Some(Decision::Passed), "one of two is half, and that is present");
}

#[test]
fn a_shard_that_was_kept_before_there_were_votes_begins_with_none() {
    #[derive(serde::Serialize)]
    struct Before {
        v: u32,
        #[serde(with = "serde_bytes")]
        tasks: Vec<u8>,
    }
    let tasks = crate::task::TaskMachine::default().snapshot();
    let bytes = rmp_serde::to_vec_named(&Before { v: 3, tasks }).unwrap();
    let machine = ShardMachine::restore(&bytes).unwrap();
    assert!(machine.committee().durable.votes.is_empty());
}
