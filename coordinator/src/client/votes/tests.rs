//! Stories of votes, over a whole node.

#![expect(clippy::similar_names, reason = "votes and their voters are what they are called")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use nkeys::{KeyPair, KeyPairType};
use orkestra_runtime::{fabric::embedded::Embedded, id::OptionId};

use super::*;
use crate::{
    committee::{
        Content, Member, Question, Signed,
        tally::{Kind, Method},
    },
    system::{System, SystemSpec},
};

const SOON: Duration = Duration::from_mins(1);
const HOUR: u64 = 3_600_000;

async fn node() -> System {
    let fabric = Arc::new(Embedded::memory());
    System::start(SystemSpec::new(fabric, std::env::temp_dir()).unwrap()).await.unwrap()
}

fn id(name: &str) -> VoteId {
    VoteId::new(name).unwrap()
}

fn who(name: &str) -> VoterId {
    VoterId::new(name).unwrap()
}

fn motion(name: &str, voters: &[&str]) -> Proposal {
    let mut proposal = Proposal::new(id(name), who("ada"), Question::motion(), HOUR);
    proposal.electorate = voters.iter().map(|name| (who(name), Member::default())).collect();
    proposal
}

fn officer() -> Officer {
    Officer { by: "ada".to_owned(), is_keeper: false, why: "tried out".to_owned() }
}

/// A voter with a key, and its public half.
fn signing(name: &str, byte: u8) -> (Voter, Member) {
    let pair = KeyPair::new_from_raw(KeyPairType::User, [byte; 32]).unwrap();
    let voter = Voter::signing(who(name), &pair.seed().unwrap()).unwrap();
    let member = Member { key: voter.key().unwrap(), ..Member::default() };
    (voter, member)
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it comes to its end")
}

fn taken(receipt: &Receipt) -> (u64, bool) {
    match receipt {
        Receipt::Taken { seq, existed, .. } => (*seq, *existed),
        Receipt::Equivocated => panic!("two ballots under one number"),
    }
}

#[tokio::test]
async fn a_vote_closes_when_nothing_can_change_it_and_the_same_twice_is_done_once() {
    let system = node().await;
    let votes = system.votes();
    let voters = ["ada", "bob", "eve", "kim", "lou"];
    let called = votes.call(motion("release", &voters)).await.unwrap();
    let again = votes.call(motion("release", &voters)).await.unwrap();
    assert_eq!((again.number, again.existed), (called.number, true));
    let other = votes.call(motion("release", &["ada"])).await.unwrap_err();
    assert!(matches!(other, VoteError::Refused(CommitteeRefusal::NameTaken { .. })), "{other}");

    let following = {
        let votes = votes.clone();
        async move { votes.decided(&id("release")).await }
    };
    let casting = async {
        for name in ["ada", "bob"] {
            let (vote, voter) = (id("release"), Voter::unsigned(who(name)));
            let cast = || votes.cast(&vote, &voter, Ballot::of(Content::Yes).because("tests pass"));
            assert_eq!(taken(&cast().await.unwrap()), (1, false));
            assert_eq!(taken(&cast().await.unwrap()), (1, true));
            let other = votes.cast(&vote, &voter, Ballot::of(Content::No)).await.unwrap_err();
            assert!(matches!(other, VoteError::Refused(_)), "{other}");
        }
        let third = Voter::unsigned(who("eve"));
        votes.cast(&id("release"), &third, Ballot::of(Content::Yes)).await.unwrap();
    };
    let (outcome, ()) = soon(Box::pin(async { tokio::join!(following, casting) })).await;
    let outcome = outcome.unwrap();
    assert_eq!((&outcome.decision, outcome.turnout.cast), (&Decision::Passed, 3));
    assert_eq!(outcome.why, crate::committee::Why::Settled);
    let kim = Voter::unsigned(who("kim"));
    let late = votes.cast(&id("release"), &kim, Ballot::of(Content::No)).await;
    assert!(late.is_err(), "a ballot after the end counted");
    let shown = votes.ballots(&id("release")).await.unwrap().unwrap();
    assert_eq!(shown.len(), 3);
    let minutes = votes.minutes(&id("release")).await.unwrap().unwrap().join("\n");
    assert!(minutes.contains("ada votes yes: tests pass"), "{minutes}");
    assert_eq!(votes.judge(&id("release"), Truth::Motion(true), officer()).await.unwrap(), 3);
    system.stop().await.unwrap();
}

#[tokio::test]
async fn who_forges_replays_or_does_not_sign_is_refused_and_who_signs_two_is_set_aside() {
    let system = node().await;
    let votes = system.votes();
    let (ada, ada_member) = signing("ada", 1);
    let (bob, bob_member) = signing("bob", 2);
    let (thief, _) = signing("ada", 3);
    for name in ["first", "second"] {
        let mut proposal = motion(name, &["kim", "lou", "max"]);
        proposal.electorate.insert(who("ada"), ada_member.clone());
        proposal.electorate.insert(who("bob"), bob_member.clone());
        votes.call(proposal).await.unwrap();
    }
    let yes = || Ballot::of(Content::Yes);
    let refused = |error: VoteError| match error {
        VoteError::Refused(refusal) => refusal,
        VoteError::Failed(error) => panic!("{error}"),
    };
    let forged = refused(votes.cast(&id("first"), &thief, yes()).await.unwrap_err());
    assert_eq!(forged, CommitteeRefusal::Forged { voter: who("ada") });
    let bare = Voter::unsigned(who("ada"));
    let unsigned = refused(votes.cast(&id("first"), &bare, yes()).await.unwrap_err());
    assert_eq!(unsigned, CommitteeRefusal::Unsigned { voter: who("ada") });
    let gone = refused(votes.cast(&id("nowhere"), &ada, yes()).await.unwrap_err());
    assert_eq!(gone, CommitteeRefusal::NoVote { vote: id("nowhere") });

    // What was signed for the first is none in the second.
    let view = votes.voter(&id("first"), &who("ada")).await.unwrap().unwrap();
    let casting = ada.casting(&view.scope, yes()).unwrap();
    let replayed = Casting { vote: id("second"), ..casting.clone() };
    let replayed = refused(votes.cast_as_it_is(replayed).await.unwrap_err());
    assert_eq!(replayed, CommitteeRefusal::Forged { voter: who("ada") });
    assert_eq!(taken(&votes.cast_as_it_is(casting).await.unwrap()), (1, false));

    assert_eq!(taken(&votes.cast(&id("first"), &bob, yes()).await.unwrap()), (1, false));
    let second = votes.cast(&id("first"), &bob, Ballot::of(Content::No)).await.unwrap();
    assert_eq!(second, Receipt::Equivocated);
    let detail = votes.get(&id("first")).await.unwrap().unwrap();
    assert_eq!((detail.view.aside, detail.outcome.is_none()), (1, true));
    let unknown = Signed::unchecked(crate::committee::Signature([7; 64]));
    let kim =
        Casting { vote: id("first"), voter: who("kim"), ballot: yes(), signed: Some(unknown) };
    let keyless = refused(votes.cast_as_it_is(kim).await.unwrap_err());
    assert_eq!(keyless, CommitteeRefusal::NoKey { voter: who("kim") });
    system.stop().await.unwrap();
}

#[tokio::test]
async fn sealed_ballots_are_seen_by_nobody_before_all_are_in_and_count_once_they_are_revealed() {
    let system = node().await;
    let votes = system.votes();
    let mut proposal = motion("board", &["ada", "bob"]);
    proposal.sealed_ms = Some(HOUR);
    votes.call(proposal).await.unwrap();
    let [ada, bob] = ["ada", "bob"].map(|name| Voter::unsigned(who(name)));
    let open = votes.cast(&id("board"), &ada, Ballot::of(Content::Yes)).await.unwrap_err();
    assert!(matches!(open, VoteError::Refused(CommitteeRefusal::MustSeal { .. })), "{open}");
    let of_ada = votes.seal(&id("board"), &ada, Ballot::of(Content::Yes)).await.unwrap();
    let shown = votes.ballots(&id("board")).await.unwrap().unwrap();
    assert!(shown.iter().all(|ballot| ballot.sealed && ballot.content.is_none()), "{shown:?}");
    let early = votes.reveal(&id("board"), &ada, &of_ada).await.unwrap_err();
    assert!(matches!(early, VoteError::Refused(_)), "{early}");
    let of_bob = votes.seal(&id("board"), &bob, Ballot::of(Content::Yes)).await.unwrap();
    let swapped = SealedBallot { ballot: Ballot::of(Content::No), ..of_ada.clone() };
    let swapped = votes.reveal(&id("board"), &ada, &swapped).await.unwrap_err();
    assert!(matches!(swapped, VoteError::Refused(CommitteeRefusal::OtherSeal { .. })), "{swapped}");
    votes.reveal(&id("board"), &ada, &of_ada).await.unwrap();
    votes.reveal(&id("board"), &bob, &of_bob).await.unwrap();
    let outcome = soon(votes.decided(&id("board"))).await.unwrap();
    assert_eq!((&outcome.decision, outcome.turnout.cast), (&Decision::Passed, 2));
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_ballots_are_all_counted_beside_the_sequencer_and_none_is_lost() {
    const VOTERS: usize = 10_000;
    let system = node().await;
    let votes = system.votes();
    let question = Question::election(Kind::Ranked, Method::Schulze);
    let mut proposal = Proposal::new(id("many"), who("ada"), question, HOUR);
    let options: Vec<OptionId> = ["a", "b", "c"].map(|name| OptionId::new(name).unwrap()).into();
    let choice = |id: &OptionId| crate::committee::Choice {
        id: id.clone(),
        title: String::new(),
        text: String::new(),
    };
    proposal.options = options.iter().map(choice).collect();
    let name = |place: usize| who(&format!("v{place:05}"));
    proposal.electorate = (0..VOTERS).map(|place| (name(place), Member::default())).collect();
    votes.call(proposal.clone()).await.unwrap();
    assert!(votes.call(proposal).await.unwrap().existed, "a second call opened another");
    let cast = |place: usize| {
        let (votes, options) = (&votes, &options);
        async move {
            let turned = (0..3).map(|rank| vec![options[(place + rank) % 3].clone()]).collect();
            let ballot = Ballot::of(Content::Ranking(if place.is_multiple_of(10) {
                options.iter().map(|one| vec![one.clone()]).collect()
            } else {
                turned
            }));
            let voter = Voter::unsigned(name(place));
            loop {
                match votes.cast(&id("many"), &voter, ballot.clone()).await {
                    Ok(receipt) => break taken(&receipt),
                    Err(VoteError::Failed(error)) if error.kind() == ErrorKind::Full => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    let said: Vec<(u64, bool)> =
        soon(stream::iter(0..VOTERS).map(cast).buffer_unordered(512).collect()).await;
    assert_eq!(said.len(), VOTERS);
    let outcome = soon(votes.decided(&id("many"))).await.unwrap();
    assert_eq!(outcome.turnout.cast, VOTERS as u64);
    assert_eq!(outcome.decision, Decision::Chosen(vec![options[0].clone()]));
    let kept = votes.ballots(&id("many")).await.unwrap().unwrap();
    let voters: BTreeSet<VoterId> = kept.into_iter().map(|ballot| ballot.voter).collect();
    assert_eq!(voters.len(), VOTERS, "a ballot was lost");
    system.stop().await.unwrap();
}
