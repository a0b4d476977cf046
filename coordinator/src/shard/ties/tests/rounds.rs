//! Tasks that are votes and go on: what voters that are tasks said stands in later rounds.

use std::time::Duration;

use orkestra_runtime::{
    id::{OptionId, TaskId, VoteId, VoterId},
    machine::ReplyTo,
    protocol::{
        payload::{Json, Payload},
        task::{Dependency, DependencyKind, Failure, Outcome, TaskSpec},
        vote::{BALLOT_AT, TaskVote, TaskVoter},
    },
};
use serde_json::{Value, json};

use super::script::{Script, holding};
use crate::{
    committee::{
        Ballot, Casting, Choice, CommitteeAnswer, CommitteeCommand, CommitteeQuery, Content,
        Mediation,
    },
    shard::machine::Command,
};

/// A question to these tasks, and to people by name, with a ladder.
fn asked(question: &Value, ladder: &Value, voters: &[&str], people: &[&str]) -> Vec<TaskSpec> {
    let electorate: serde_json::Map<String, Value> =
        voters.iter().chain(people).map(|name| ((*name).to_owned(), json!({}))).collect();
    let options = match question.get("motion") {
        Some(_) => json!([]),
        None => json!([{ "id": "a" }, { "id": "b" }, { "id": "c" }]),
    };
    let proposal = json!({
        "question": question, "options": options, "electorate": electorate, "ladder": ladder,
        "deadline_ms": 600_000, "early": false,
    });
    let id = |name: &&str| TaskId::new(*name).unwrap();
    let mut spec = TaskSpec::named("vote").unwrap();
    let need = |name| Dependency { on: id(name), kind: DependencyKind::Soft };
    spec.dependencies = voters.iter().map(need).collect();
    let voter = |name| TaskVoter { task: id(name), pointer: BALLOT_AT.to_owned() };
    let of_tasks = voters.iter().map(voter).collect();
    let proposal = Json::of(&proposal).unwrap();
    spec.vote = Some(Box::new(TaskVote { proposal, voters: of_tasks }));
    voters.iter().map(|name| holding(name, &[])).chain([spec]).collect()
}

fn motion() -> Value {
    json!({ "motion": { "rule": { "rule": "majority" } } })
}

fn ranked() -> Value {
    json!({ "election": { "kind": "ranked", "method": "absolute_majority" } })
}

fn ranks(script: &mut Script, name: &str, order: [&str; 3]) {
    let groups: Vec<[&str; 1]> = order.map(|one| [one]).into();
    let said = json!({ "ballot": { "content": { "ranking": groups }, "reason": "it is fast" } });
    script.answer(name, &said.to_string());
}

fn result(script: &Script) -> Value {
    match script.view("vote").output {
        Some(Payload::Inline(json)) => json.read().unwrap(),
        other => panic!("no result: {other:?}"),
    }
}

fn minutes(script: &Script, vote: &str) -> String {
    let query = CommitteeQuery::Minutes(VoteId::new(vote).unwrap());
    match script.machine.committee().answer(&query) {
        CommitteeAnswer::Minutes(Some(lines)) => lines.join("\n"),
        other => panic!("{other:?}"),
    }
}

fn cast(script: &mut Script, vote: &str, voter: &str, content: Content) {
    let (vote, voter) = (VoteId::new(vote).unwrap(), VoterId::new(voter).unwrap());
    let casting = Box::new(Casting { vote, voter, ballot: Ballot::of(content), signed: None });
    script.say(&Command::Committee(CommitteeCommand::Cast { to: ReplyTo(9), casting }));
}

#[test]
fn what_tasks_ranked_stands_in_a_runoff_among_the_options_that_are_left() {
    let voters = ["one", "two", "three", "four", "five"];
    let ladder = json!({ "rungs": ["runoff"] });
    let mut script = Script::new(5, &asked(&ranked(), &ladder, &voters, &[]));
    for (name, order) in [
        ("one", ["a", "b", "c"]),
        ("two", ["a", "b", "c"]),
        ("three", ["b", "a", "c"]),
        ("four", ["b", "a", "c"]),
        ("five", ["c", "a", "b"]),
    ] {
        ranks(&mut script, name, order);
    }
    let output = result(&script);
    assert_eq!((&output["vote"], &output["chosen"]), (&json!("run.vote.r2"), &json!(["a"])));
    let minutes = output["minutes"].to_string();
    assert!(minutes.contains("five ranks a > b: as before: it is fast"), "{minutes}");
    script.check_replay();
}

#[test]
fn what_tasks_said_to_a_motion_stands_when_people_are_asked_again() {
    let (voters, people) = (["one", "two", "three"], ["anna", "bob"]);
    let ladder = json!({ "rungs": ["reask"] });
    let mut script = Script::new(4, &asked(&motion(), &ladder, &voters, &people));
    script.answer("one", r#"{"ballot":"yes"}"#);
    script.answer("two", r#"{"ballot":{"content":"no","reason":"too soon"}}"#);
    script.report("three", 1, Outcome::Failed(Failure::error("no disk").for_good()));
    cast(&mut script, "run.vote", "anna", Content::Yes);
    cast(&mut script, "run.vote", "bob", Content::No);
    // The task asks for its vote every minute, in case a word was lost.
    script.wait(Duration::from_mins(3));
    script.take_over(4);
    script.wait(Duration::from_mins(3));
    cast(&mut script, "run.vote.r2", "anna", Content::Yes);
    assert_eq!(script.view("vote").state, "asked", "bob is waited for, and nobody else");
    cast(&mut script, "run.vote.r2", "bob", Content::Yes);
    let output = result(&script);
    assert_eq!((&output["decision"], &output["turnout"]["cast"]), (&json!("passed"), &json!(4)));
    let minutes = output["minutes"].to_string();
    for line in ["one votes yes: as before", "two votes no: as before: too soon", "three counts as"]
    {
        assert!(minutes.contains(line), "{line}: {minutes}");
    }
    script.check_replay();
}

#[test]
fn what_a_task_said_that_is_no_ballot_of_the_next_round_is_an_absence_that_says_why() {
    let ladder = json!({ "rungs": ["approval"] });
    let voters = ["one", "two"];
    let mut script = Script::new(4, &asked(&ranked(), &ladder, &voters, &["anna"]));
    ranks(&mut script, "one", ["a", "b", "c"]);
    ranks(&mut script, "two", ["b", "a", "c"]);
    cast(&mut script, "run.vote", "anna", Content::Abstain);
    let approved = [OptionId::new("b").unwrap()].into();
    cast(&mut script, "run.vote.r2", "anna", Content::Approved(approved));
    let output = result(&script);
    assert_eq!((&output["chosen"], &output["turnout"]["cast"]), (&json!(["b"]), &json!(1)));
    let minutes = output["minutes"].to_string();
    assert!(minutes.contains("one counts as absent: it will not vote: what its task"), "{minutes}");
    assert!(minutes.contains("it says ranking, and what is asked is"), "{minutes}");
    script.check_replay();
}

#[test]
fn who_was_for_an_option_that_is_gone_is_absent_in_the_runoff() {
    let question = json!({ "classic": { "method": "majority", "quorum": "3/5" } });
    let ladder = json!({ "rungs": ["runoff"] });
    let voters = ["one", "two", "three", "four", "five"];
    let mut script = Script::new(5, &asked(&question, &ladder, &voters, &[]));
    for (name, option) in [("one", "a"), ("two", "a"), ("three", "b"), ("four", "b"), ("five", "c")]
    {
        script.answer(name, &json!({ "ballot": { "choice": option } }).to_string());
    }
    let minutes = minutes(&script, "run.vote.r2");
    assert!(minutes.contains("nothing that it was for is left"), "{minutes}");
    assert_eq!(result(&script)["turnout"]["cast"], 4);
}

#[test]
fn what_tasks_said_stands_when_a_mediator_has_spoken_and_not_before() {
    let ladder = json!({ "rungs": ["mediator"], "mediator": "mia" });
    let mut script = Script::new(4, &asked(&motion(), &ladder, &["one"], &["anna"]));
    script.answer("one", r#"{"ballot":"yes"}"#);
    cast(&mut script, "run.vote", "anna", Content::No);
    assert!(minutes(&script, "run.vote.r2").contains("0 have voted"), "she is to speak first");
    let (to, vote, by) =
        (ReplyTo(9), VoteId::new("run.vote").unwrap(), VoterId::new("mia").unwrap());
    let options: Vec<Choice> = Vec::new();
    let mediation = Box::new(Mediation { note: "it can be undone".to_owned(), options });
    script.say(&Command::Committee(CommitteeCommand::Mediate { to, vote, by, mediation }));
    assert!(minutes(&script, "run.vote.r2").contains("1 have voted"));
    cast(&mut script, "run.vote.r2", "anna", Content::Yes);
    assert_eq!(result(&script)["decision"], "passed");
    script.check_replay();
}

#[test]
fn where_a_person_decides_in_the_end_no_task_is_asked_and_the_vote_ends() {
    let ladder = json!({ "rungs": ["person"], "person": "paula", "patience_ms": 600_000 });
    let mut script = Script::new(4, &asked(&motion(), &ladder, &["one", "two"], &[]));
    script.answer("one", r#"{"ballot":"no"}"#);
    script.report("two", 1, Outcome::Failed(Failure::error("no disk").for_good()));
    assert_eq!(script.view("vote").state, "asked");
    script.wait(Duration::from_mins(3));
    script.wait(Duration::from_mins(8));
    assert_eq!(result(&script)["decision"], "unresolved");
    script.check_replay();
}
