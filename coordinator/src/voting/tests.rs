//! Long counts: kept beside whoever counts, and done whatever happens to it.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    fabric::embedded::Embedded,
    id::{Number, VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    time::{Clock as _, Now, SystemClock},
};

use super::teller_of;
use crate::{
    committee::{
        Ballot, Casting, CommitteeCommand, CommitteeEffect, CommitteeMachine, CommitteeSettings,
        Content, Electorate, Member, Officer, Poll, Proposal, Question,
    },
    system::{System, SystemSpec},
};

const SOON: Duration = Duration::from_mins(1);

/// A machine that decides and applies, as a shard does.
struct Played {
    machine: CommitteeMachine,
    now: Now,
    next: Number,
}

impl Played {
    fn step(&mut self, command: CommitteeCommand) -> Vec<CommitteeEffect> {
        let (mut todo, mut effects) = (vec![command], Vec::new());
        while let Some(command) = todo.pop() {
            self.machine.hear(self.now, &command);
            let decision = self.machine.decide(self.now, self.next, &command);
            for event in decision.events {
                self.machine.apply(self.next, self.now.wall, &event);
                self.next = self.next.next();
            }
            effects.extend(decision.effects);
            todo.extend(decision.then.into_iter().rev());
        }
        effects
    }
}

/// The ballots of a closed vote that is too large to be counted in the step that closes it.
fn large() -> (VoteNo, Arc<Poll>) {
    let to = ReplyTo::default();
    let machine = CommitteeMachine::new(CommitteeSettings::default());
    let now = SystemClock::start().now();
    let mut played = Played { machine, now, next: Number(1) };
    let vote = VoteId::new("large").unwrap();
    let name = |place: u32| VoterId::new(format!("v{place}")).unwrap();
    for page in 0..5 {
        let members: Electorate =
            (0..500).map(|one| (name(page * 500 + one), Member::default())).collect();
        played.step(CommitteeCommand::Enrol { to, vote: vote.clone(), members });
    }
    let proposal = Proposal {
        enrolled: 2_500,
        ..Proposal::new(vote.clone(), name(0), Question::motion(), 3_600_000)
    };
    played.step(CommitteeCommand::Open { to, proposal: Box::new(proposal) });
    for place in 0..2_000 {
        let (vote, voter) = (vote.clone(), name(place));
        let casting = Casting { vote, voter, ballot: Ballot::of(Content::Yes), signed: None };
        played.step(CommitteeCommand::Cast { to, casting: Box::new(casting) });
    }
    let officer = Officer { by: String::new(), is_keeper: true, why: String::new() };
    let closed = played.step(CommitteeCommand::Close { to, vote, officer });
    let counts = closed.into_iter().find_map(|effect| match effect {
        CommitteeEffect::Count { vote, poll } => Some((vote, poll)),
        CommitteeEffect::Reply { .. } | CommitteeEffect::Tell { .. } => None,
    });
    counts.expect("it is counted elsewhere")
}

#[tokio::test]
async fn what_a_teller_had_not_settled_when_it_ended_its_next_life_settles() {
    let fabric = Arc::new(Embedded::memory());
    let spec = SystemSpec::new(fabric, std::env::temp_dir()).unwrap();
    let system = System::start(spec).await.unwrap();
    let here = system.votes().here().expect("this process leads");
    let (vote, poll) = large();
    let (teller, inbox) = teller_of();
    teller.count(vote, Arc::clone(&poll));
    teller.count(vote, poll);
    // It ends before it has counted anything, as one that is killed.
    let first = inbox.clone().serve(here.clone());
    assert!(tokio::time::timeout(Duration::ZERO, first).await.is_err(), "it ended by itself");
    assert_eq!(inbox.waiting(), [vote]);
    let settled = async {
        while !inbox.waiting().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        ended = inbox.clone().serve(here) => panic!("{ended:?}"),
        settled = tokio::time::timeout(SOON, settled) => settled.expect("it is settled"),
    }
    system.stop().await.unwrap();
}

#[tokio::test]
async fn a_teller_that_nobody_leads_gives_up_what_whoever_leads_next_asks_for_again() {
    let fabric = Arc::new(Embedded::memory());
    let spec = SystemSpec::new(fabric, std::env::temp_dir()).unwrap();
    let system = System::start(spec).await.unwrap();
    let here = system.votes().here().expect("this process leads");
    system.stop().await.unwrap();
    let (teller, inbox) = teller_of();
    let (vote, poll) = large();
    teller.count(vote, poll);
    let given_up = async {
        while !inbox.waiting().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        ended = inbox.clone().serve(here) => panic!("{ended:?}"),
        given_up = tokio::time::timeout(SOON, given_up) => given_up.expect("it gives up"),
    }
}
