//! Long counts: kept beside whoever counts, and done whatever happens to it.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    fabric::embedded::Embedded,
    id::{Number, OptionId, VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    time::{Clock as _, Now, SystemClock},
};

use super::teller_of;
use crate::{
    client::votes::{Voter, Votes},
    committee::{
        Ballot, Casting, Choice, CommitteeCommand, CommitteeEffect, CommitteeMachine,
        CommitteeSettings, Content, Decision, Electorate, Member, Officer, Poll, Proposal,
        Question,
        tally::{Kind, Method},
        view::PhaseView,
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

/// Votes by a method that takes long for so many options, and lets all vote.
async fn long(votes: &Votes, name: &str) -> VoteId {
    let (vote, ada) = (VoteId::new(name).unwrap(), VoterId::new("ada").unwrap());
    let options: Vec<OptionId> =
        (0..14).map(|number| OptionId::new(format!("o{number:02}")).unwrap()).collect();
    let question = Question::election(Kind::Ranked, Method::Kemeny);
    let mut proposal = Proposal::new(vote.clone(), ada, question, 3_600_000);
    let choice =
        |id: &OptionId| Choice { id: id.clone(), title: String::new(), text: String::new() };
    proposal.options = options.iter().map(choice).collect();
    proposal.early = false;
    let voters = ["ada", "bob", "eve"].map(|name| VoterId::new(name).unwrap());
    proposal.electorate = voters.iter().map(|one| (one.clone(), Member::default())).collect();
    votes.call(proposal).await.unwrap();
    for voter in voters {
        let ranking = options.iter().map(|option| vec![option.clone()]).collect();
        let ballot = Ballot::of(Content::Ranking(ranking));
        votes.cast(&vote, &Voter::unsigned(voter), ballot).await.unwrap();
    }
    vote
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_teller_was_counting_when_it_was_killed_is_counted_when_it_is_started_again() {
    let fabric = Arc::new(Embedded::memory());
    let spec = SystemSpec::new(fabric, std::env::temp_dir()).unwrap();
    let system = System::start(spec).await.unwrap();
    let votes = system.votes();
    let shard = system.tree().below(&["house", "shards", "shard-0"]).await.unwrap();
    let mut begun = Vec::new();
    // A fast machine may have counted one before the teller is killed: then the next is tried.
    let caught = loop {
        assert!(begun.len() < 20, "no count was ever cut short");
        let vote = long(&votes, &format!("long-{}", begun.len())).await;
        begun.push(vote.clone());
        shard.terminate_child("teller").await.unwrap();
        let found = votes.get(&vote).await.unwrap().unwrap();
        if found.view.phase == PhaseView::Counting {
            break vote;
        }
        shard.restart_child("teller").await.unwrap();
    };
    let other = long(&votes, "meanwhile").await;
    for vote in [&caught, &other] {
        let found = votes.get(vote).await.unwrap().unwrap();
        assert_eq!(found.view.phase, PhaseView::Counting, "{vote}: nobody counts now");
    }
    shard.restart_child("teller").await.unwrap();
    begun.push(other);
    for vote in begun {
        let decided = tokio::time::timeout(SOON, votes.decided(&vote)).await;
        let outcome = decided.expect("it is decided").unwrap();
        let first = OptionId::new("o00").unwrap();
        assert_eq!((&outcome.decision, outcome.turnout.cast), (&Decision::Chosen(vec![first]), 3));
    }
    system.stop().await.unwrap();
}
