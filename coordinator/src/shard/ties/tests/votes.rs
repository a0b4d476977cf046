//! Tasks that are votes.

use std::sync::Arc;

use orkestra_runtime::{
    id::{RunId, TaskId, VoteId, VoterId},
    machine::ReplyTo,
    protocol::{
        payload::{Json, Payload},
        task::{Dependency, DependencyKind, Failure, FailureKind, Outcome, TaskSpec},
        vote::{BALLOT_AT, TaskVote, TaskVoter},
    },
};
use serde_json::{Value, json};

use super::script::{Script, holding};
use crate::{
    committee::{
        Ballot, Casting, CommitteeAnswer, CommitteeCommand, CommitteeEvent, CommitteeQuery,
        Content, Proposal,
    },
    shard::machine::{Command, Event},
    task::{Blocker, RunOpening, TaskCommand, TaskEvent},
};

/// A vote on a motion of these tasks and of people by name; the first task may veto.
fn sign_off(tasks: &[&str], people: &[&str]) -> TaskSpec {
    let mut electorate = serde_json::Map::new();
    for (place, name) in tasks.iter().chain(people).enumerate() {
        electorate.insert((*name).to_owned(), json!({ "veto": place == 0 }));
    }
    let proposal = json!({
        "question": { "motion": { "rule": { "rule": "majority" } } },
        "electorate": electorate, "deadline_ms": 60_000,
    });
    let mut spec = TaskSpec::named("sign-off").unwrap();
    let id = |name: &&str| TaskId::new(*name).unwrap();
    let need = |name| Dependency { on: id(name), kind: DependencyKind::Soft };
    spec.dependencies = tasks.iter().map(need).collect();
    let voter = |name| TaskVoter { task: id(name), pointer: BALLOT_AT.to_owned() };
    let voters = tasks.iter().map(voter).collect();
    spec.vote = Some(Box::new(TaskVote { proposal: Json::of(&proposal).unwrap(), voters }));
    spec
}

/// The same with something else in its proposal.
fn with(mut spec: TaskSpec, key: &str, value: Value) -> TaskSpec {
    let vote = spec.vote.as_mut().unwrap();
    let mut proposal: Value = vote.proposal.read().unwrap();
    proposal[key] = value;
    vote.proposal = Json::of(&proposal).unwrap();
    spec
}

fn tasks(names: &[&str], people: &[&str]) -> Vec<TaskSpec> {
    let voters = names.iter().map(|name| holding(name, &[]));
    voters.chain([sign_off(names, people)]).collect()
}

fn result(script: &Script) -> Value {
    match script.view("sign-off").output {
        Some(Payload::Inline(json)) => json.read().unwrap(),
        other => panic!("no result: {other:?}"),
    }
}

fn cast(script: &mut Script, vote: &str, voter: &str, content: Content) {
    let (vote, voter) = (VoteId::new(vote).unwrap(), VoterId::new(voter).unwrap());
    let casting = Box::new(Casting { vote, voter, ballot: Ballot::of(content), signed: None });
    script.say(&Command::Committee(CommitteeCommand::Cast { to: ReplyTo(9), casting }));
}

#[test]
fn what_tasks_say_is_counted_when_all_have_ended_and_who_failed_is_absent() {
    let mut script = Script::new(4, &tasks(&["security", "docs", "tests"], &[]));
    script.answer("security", r#"{"ballot":{"content":"yes","reason":"no secret is in it"}}"#);
    script.answer("docs", r#"{"ballot":"yes"}"#);
    assert_eq!(script.view("sign-off").state, "waiting");
    script.report("tests", 1, Outcome::Failed(Failure::error("no disk").for_good()));
    let output = result(&script);
    assert_eq!((&output["ready"], &output["decision"]), (&json!(true), &json!("passed")));
    let minutes = output["minutes"].to_string();
    assert!(minutes.contains("no secret is in it"), "{minutes}");
    assert!(minutes.contains("tests counts as absent"), "{minutes}");
    let completed = script
        .step_of(|event| matches!(event, Event::Task(TaskEvent::Completed { worked_ms: 0, .. })));
    let decided =
        script.step_of(|event| matches!(event, Event::Committee(CommitteeEvent::Decided { .. })));
    assert_eq!(completed, decided, "what a vote comes to and its task's end are one step");
    script.check_replay();
}

#[test]
fn a_veto_blocks_whatever_the_others_say() {
    let mut script = Script::new(4, &tasks(&["security", "docs", "tests"], &[]));
    script.answer("docs", r#"{"ballot":"yes"}"#);
    script.answer("tests", r#"{"ballot":"yes"}"#);
    script.answer("security", r#"{"ballot":{"content":"veto","reason":"a key is in it"}}"#);
    let output = result(&script);
    assert_eq!(
        (&output["ready"], &output["decision"]),
        (&json!(false), &json!("vetoed by security"))
    );
}

#[test]
fn what_is_no_ballot_is_asked_for_again_once_and_then_counts_as_absent_and_says_why() {
    let mut script = Script::new(4, &tasks(&["security", "docs", "tests", "legal"], &[]));
    script.answer("security", r#"{"ballot":"yes"}"#);
    let answered = |script: &mut Script, voter, attempt, output| {
        let output = Payload::Inline(Json::parse(output).unwrap());
        script.report(voter, attempt, Outcome::Completed(output));
    };
    for (voter, wrong, then) in [
        ("legal", r#"{"ballot":"maybe"}"#, r#"{"ballot":"no"}"#),
        ("docs", r#"{"ballot":{"choice":"blue"}}"#, r#"{"ballot":{"choice":"blue"}}"#),
        ("tests", r#"{"vote":"yes"}"#, r#"{"ballot":7}"#),
    ] {
        answered(&mut script, voter, 1, wrong);
        assert!(script.given.contains_key(&(voter.to_owned(), 2)), "{voter} is asked again");
        let failure = script.view(voter).last_failure.unwrap();
        assert_eq!(failure.kind, FailureKind::BadOutput);
        assert!(failure.message.starts_with("its outcome is no ballot for task"), "{failure}");
        assert_eq!(script.view("sign-off").state, "waiting");
        answered(&mut script, voter, 2, then);
        assert_eq!(script.view(voter).state, "completed", "nobody is asked a third time");
    }
    let output = result(&script);
    let minutes = output["minutes"].to_string();
    for voter in ["docs", "tests"] {
        assert!(minutes.contains(&format!("{voter} counts as absent")), "{minutes}");
    }
    assert!(minutes.contains("legal votes no"), "{minutes}");
    assert_eq!(output["ready"], false, "one against one: {output}");
    script.check_replay();
}

#[test]
fn without_a_quorum_it_is_not_ready_and_the_minutes_say_so() {
    let mut script = Script::new(4, &tasks(&["security", "docs", "tests"], &[]));
    script.answer("security", r#"{"ballot":"yes"}"#);
    for voter in ["docs", "tests"] {
        script.report(voter, 1, Outcome::Failed(Failure::error("no disk").for_good()));
    }
    let output = result(&script);
    assert_eq!(output["ready"], false, "one of three is no quorum: {output}");
    let minutes = output["minutes"].to_string();
    assert!(minutes.contains("too few were present: no quorum"), "{minutes}");
}

#[test]
fn a146_a_take_over_in_mid_vote_changes_no_tally_and_people_vote_on() {
    let mut script = Script::new(4, &tasks(&["security", "docs"], &["anna", "bob"]));
    script.answer("security", r#"{"ballot":"yes"}"#);
    script.answer("docs", r#"{"ballot":"no"}"#);
    let why = script.why("sign-off");
    let [Blocker::Vote { vote, missing, cast: 2 }] = &why.blockers[..] else { panic!("{why:?}") };
    assert_eq!((vote.as_str(), missing.join(" ").as_str()), ("run.sign-off", "anna bob"));
    assert_eq!(script.gauges().blocked.get("vote"), Some(&1));
    let ballots = |script: &Script| {
        let votes = script.machine.committee();
        let vote = VoteId::new("run.sign-off").unwrap();
        match votes.answer(&CommitteeQuery::Get(vote)) {
            CommitteeAnswer::Vote(Some(found)) => (found.view.cast, found.record),
            other => panic!("{other:?}"),
        }
    };
    let before = ballots(&script);
    let written = script.journal.len();
    script.take_over(4);
    assert_eq!(ballots(&script), before);
    cast(&mut script, "run.sign-off", "anna", Content::Yes);
    script.take_over(4);
    assert!(script.journal.len() > written);
    assert_eq!(ballots(&script).0, 3);
    cast(&mut script, "run.sign-off", "bob", Content::Yes);
    assert_eq!(result(&script)["ready"], true);
    script.check_replay();
}

#[test]
fn a_cancelled_vote_is_withdrawn_and_one_that_is_begun_anew_is_another() {
    let mut script = Script::new(4, &tasks(&["security"], &["anna"]));
    script.answer("security", r#"{"ballot":"yes"}"#);
    script.cancel("sign-off");
    let withdrawn = |event: &Event| match event {
        Event::Committee(CommitteeEvent::Decided { outcome, .. }) => {
            outcome.decision.to_string() == "withdrawn"
        }
        _ => false,
    };
    script.step_of(withdrawn);
    script.retry("sign-off");
    let why = script.why("sign-off");
    let [Blocker::Vote { vote, .. }] = &why.blockers[..] else { panic!("{why:?}") };
    assert_eq!(vote, "run.sign-off.again1");
    cast(&mut script, "run.sign-off.again1", "anna", Content::Yes);
    assert_eq!(result(&script)["ready"], true);
    script.check_replay();
}

#[test]
fn its_deadline_ends_a_vote_in_which_nobody_says_anything() {
    let mut script = Script::new(4, &tasks(&["security"], &["anna"]));
    script.answer("security", r#"{"ballot":"yes"}"#);
    script.wait(std::time::Duration::from_secs(61));
    assert_eq!(script.view("sign-off").state, "completed");
    assert!(result(&script)["decision"].is_string());
}

#[test]
fn what_cannot_be_voted_on_is_refused_with_the_submission() {
    let mut script = Script::new(4, &[]);
    let vote = || sign_off(&["security"], &[]);
    let mut stranger = vote();
    stranger.dependencies.clear();
    let mut unreadable = vote();
    let spec = unreadable.vote.as_mut().unwrap();
    spec.proposal = Json::parse(r#"{"question":"what?"}"#).unwrap();
    let locks = vote().holding("db", orkestra_runtime::protocol::lock::Mode::Shared).unwrap();
    let mut announces = TaskSpec::named("announce").unwrap();
    announces.dependencies =
        vec![Dependency { on: TaskId::new("sign-off").unwrap(), kind: DependencyKind::Soft }];
    let then = json!({ "passed": [announces] });
    for spec in [stranger, unreadable, locks, with(vote(), "then", then)] {
        let before = script.journal.len();
        script.submit(&[holding("security", &[]), spec]);
        assert_eq!(script.journal.len(), before);
    }
}

/// A motion that ada alone decides.
fn release() -> Proposal {
    let proposal = json!({
        "id": "release", "proposer": "ada", "electorate": { "ada": {} }, "deadline_ms": 60_000,
        "question": { "motion": { "rule": { "rule": "majority" } } },
    });
    serde_json::from_value(proposal).unwrap()
}

#[test]
fn what_follows_from_a_vote_is_submitted_in_the_step_that_decides_it() {
    let mut script = Script::new(1, &[]);
    let mut proposal = release();
    proposal.then.passed = vec![TaskSpec::named("announce").unwrap()];
    proposal.then.failed = vec![TaskSpec::named("repair").unwrap()];
    let open = CommitteeCommand::Open { to: ReplyTo(8), proposal: Box::new(proposal) };
    script.say(&Command::Committee(open));
    assert_eq!(script.at_work(), "");
    cast(&mut script, "release", "ada", Content::Yes);
    assert_eq!(script.at_work(), "announce#1", "it begins, and the other one is not submitted");
    let is_decided =
        |event: &Event| matches!(event, Event::Committee(CommitteeEvent::Decided { .. }));
    let is_sealed = |event: &Event| matches!(event, Event::Task(TaskEvent::RunSealed { .. }));
    assert_eq!(script.step_of(is_decided), script.step_of(is_sealed));
    script.check_replay();
}

#[test]
fn what_could_not_be_submitted_when_its_time_comes_is_refused_when_the_vote_is_called() {
    let mut script = Script::new(1, &[]);
    let before = script.journal.len();
    let twice = || TaskSpec::named("announce").unwrap();
    let proposal = Proposal {
        then: crate::committee::Then { failed: vec![twice(), twice()], ..Default::default() },
        ..release()
    };
    let open = CommitteeCommand::Open { to: ReplyTo(8), proposal: Box::new(proposal) };
    script.say(&Command::Committee(open));
    assert_eq!(script.journal.len(), before);
}

#[test]
fn what_follows_from_a_task_that_is_a_vote_is_a_run_of_its_own_in_the_namespace_of_its_run() {
    let mut script = Script::new(4, &[]);
    let (to, run) = (ReplyTo(7), RunId::new("other").unwrap());
    let opening = RunOpening { namespace: "team".to_owned(), ..RunOpening::default() };
    script.tell(TaskCommand::Open { to, run: run.clone(), opening });
    let announce = TaskSpec::named("announce").unwrap();
    let then = json!({ "passed": [announce], "namespace": "of-somebody-else" });
    let spec = Arc::new(with(sign_off(&[], &["anna"]), "then", then));
    script.tell(TaskCommand::Submit { to, run: run.clone(), tasks: vec![spec] });
    script.tell(TaskCommand::Seal { to, run, tasks: 1 });
    cast(&mut script, "other.sign-off", "anna", Content::Yes);
    assert_eq!(script.at_work(), "announce#1");
    let opened = script.journal.iter().rev().find_map(|(_, event)| match event {
        Event::Task(TaskEvent::RunOpened { run, opening }) => Some((run.as_str(), opening)),
        _ => None,
    });
    let (run, opening) = opened.unwrap();
    assert_eq!((run, opening.namespace.as_str()), ("vote:other.sign-off", "team"));
    let is_completed = |event: &Event| matches!(event, Event::Task(TaskEvent::Completed { .. }));
    let is_sealed = |event: &Event| matches!(event, Event::Task(TaskEvent::RunSealed { .. }));
    assert_eq!(script.step_of(is_completed), script.step_of(is_sealed), "all in one step");
    script.check_replay();
}
