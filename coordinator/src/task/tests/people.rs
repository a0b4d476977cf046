//! Tasks that ask people.

use std::time::Duration;

use orkestra_runtime::{
    id::AgentId,
    limits::PAYLOAD_INLINE_BYTES_MAX,
    machine::ReplyTo,
    protocol::{
        ask::{Ask, AskKind, AskRule, OnReject, OnTimeout},
        payload::{Json, Payload},
        task::TaskSpec,
    },
};

use super::script::{Script, profile, run_id, task, task_id};
use crate::task::{
    Answer, PERSON, Query, RefusalCode, Reply, RunOpening, Said, TaskCommand, people::Word,
};

fn person(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn asking(name: &str, people: &[&str], ask: Ask) -> TaskSpec {
    let agents = people.iter().map(|name| person(name)).collect();
    TaskSpec { ask: Some(ask), agents, ..task(name, &[]) }
}

fn all() -> Ask {
    Ask { rule: AskRule::All, ..Ask::default() }
}

fn majority() -> Ask {
    Ask { rule: AskRule::Majority, ..Ask::default() }
}

fn timed(on_timeout: OnTimeout) -> Ask {
    Ask { timeout_ms: Some(60_000), on_timeout, ..Ask::default() }
}

fn answer(json: &str) -> Said {
    Said::Answered(Payload::Inline(Json::parse(json).unwrap()))
}

impl Script {
    fn says(&mut self, by: &str, name: &str, said: Said) -> &mut Self {
        self.says_because(by, name, said, format!("{by} thinks so"))
    }

    fn says_because(&mut self, by: &str, name: &str, said: Said, reason: String) -> &mut Self {
        let word = Word { by: person(by), said, reason, via: "uid 7".to_owned() };
        self.tell(TaskCommand::Decide { to: ReplyTo(9), run: run_id(), task: task_id(name), word })
    }

    fn approves(&mut self, by: &str, name: &str) -> &mut Self {
        self.says(by, name, Said::Approved)
    }

    fn rejects(&mut self, by: &str, name: &str) -> &mut Self {
        self.says(by, name, Said::Rejected)
    }

    fn output(&self, name: &str) -> String {
        match self.view(name).output {
            Some(Payload::Inline(json)) => json.to_string(),
            other => format!("{other:?}"),
        }
    }
}

#[test]
fn a058_the_first_of_any_decides_and_the_reason_is_kept() {
    let mut script = Script::default();
    let needs = task("ship", &["gate"]);
    script.graph(&[asking("gate", &["ann", "bob"], Ask::default()), needs]);
    script.join(profile("worker", 1), 1);
    assert_eq!(script.states(&["gate", "ship"]), "gate:asked ship:waiting");
    script.approves("bob", "gate");
    assert_eq!(script.states(&["gate", "ship"]), "gate:completed ship:running");
    assert_eq!(
        script.output("gate"),
        r#"{"approved":true,"by_timeout":false,"decisions":[{"by":"bob","decision":"approved","reason":"bob thinks so"}]}"#
    );
    let said = &script.view("gate").decisions[0];
    assert_eq!((said.by.as_str(), said.via.as_str()), ("bob", "uid 7"));
}

#[test]
fn a058_a_rejection_fails_the_task_and_what_needs_it_and_says_whose_it_was() {
    let mut script = Script::default();
    script.graph(&[asking("gate", &["ann"], Ask::default()), task("ship", &["gate"])]);
    script.rejects("ann", "gate");
    assert_eq!(script.states(&["gate", "ship"]), "gate:failed ship:failed");
    assert_eq!(script.view("gate").reason.unwrap(), "rejected by ann: ann thinks so");
}

#[test]
fn a058_all_must_approve_and_the_first_rejection_decides() {
    let mut script = Script::default();
    let people = ["ann", "bob", "cid"];
    script.stream(&[asking("yes", &people, all()), asking("no", &people, all())]);
    script.approves("ann", "yes").approves("cid", "yes");
    assert_eq!(script.states(&["yes"]), "yes:asked");
    script.approves("bob", "yes").approves("ann", "no").rejects("bob", "no");
    assert_eq!(script.states(&["yes", "no"]), "yes:completed no:failed");
}

#[test]
fn a058_a_majority_is_strictly_more_than_half_and_is_lost_as_soon_as_it_is_out_of_reach() {
    let mut script = Script::default();
    let four = ["ann", "bob", "cid", "dan"];
    script.stream(&[asking("even", &four, majority()), asking("odd", &four[..3], majority())]);
    script.approves("ann", "even").approves("bob", "even");
    assert_eq!(script.states(&["even"]), "even:asked");
    script.rejects("cid", "even");
    assert_eq!(script.states(&["even"]), "even:asked");
    script.rejects("dan", "even");
    assert_eq!(script.view("even").reason.unwrap(), "rejected by cid: cid thinks so");
    script.rejects("cid", "odd").approves("ann", "odd").approves("bob", "odd");
    assert_eq!(script.states(&["odd"]), "odd:completed");
}

#[test]
fn a058_on_timeout_it_is_approved_rejected_or_escalated_as_was_agreed() {
    let mut script = Script::default();
    let escalate = timed(OnTimeout::Escalate { to: vec![person("boss")] });
    script.stream(&[
        asking("yes", &["ann"], timed(OnTimeout::Approve)),
        asking("no", &["ann"], timed(OnTimeout::Reject)),
        asking("up", &["ann"], escalate.clone()),
        asking("lost", &["ann"], escalate),
    ]);
    script.advance(Duration::from_secs(59));
    assert_eq!(
        script.states(&["yes", "no", "up", "lost"]),
        "yes:asked no:asked up:asked lost:asked"
    );
    script.advance(Duration::from_secs(1));
    assert_eq!(
        script.states(&["yes", "no", "up", "lost"]),
        "yes:completed no:failed up:asked lost:asked"
    );
    assert_eq!(script.output("yes"), r#"{"approved":true,"by_timeout":true,"decisions":[]}"#);
    assert_eq!(script.view("no").reason.unwrap(), "nobody decided in time");
    let refused = script.approves("ann", "up").refusal();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            RefusalCode::NotAsked,
            "task \"up\" does not ask ann: it asks boss; `--as NAME` says as whom you decide"
        )
    );
    script.approves("boss", "up").advance(Duration::from_mins(1));
    assert_eq!(script.states(&["up", "lost"]), "up:completed lost:failed");
}

#[test]
fn what_many_people_said_at_length_is_shortened_in_the_result_and_kept_with_the_task() {
    let mut script = Script::default();
    let crowd: Vec<String> = (0..64).map(|n| format!("{n:0>100}")).collect();
    let people: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let late = Ask { rule: AskRule::All, ..timed(OnTimeout::Approve) };
    let names = ["late-1", "late-2", "late-3", "late-4", "late-5"];
    script.stream(&names.map(|name| asking(name, &people, late.clone())));
    script.submit(&[asking("all", &people, all())]);
    // In JSON each of these takes six bytes.
    let reason = "\u{1}".repeat(4_000);
    for (index, by) in people.iter().enumerate() {
        script.says_because(by, "all", Said::Approved, reason.clone());
        for name in names.iter().filter(|_| index > 0) {
            script.says_because(by, name, Said::Approved, reason.clone());
        }
    }
    assert_eq!(script.states(&["all", "late-5"]), "all:completed late-5:asked");
    script.advance(Duration::from_mins(1));
    assert_eq!(
        script.states(&names),
        "late-1:completed late-2:completed late-3:completed late-4:completed late-5:completed"
    );
    for (name, said) in [("all", 64), ("late-1", 63)] {
        assert!(script.output(name).len() <= PAYLOAD_INLINE_BYTES_MAX);
        assert_eq!(script.output(name).matches("\"approved\",").count(), said);
        assert_eq!(script.view(name).decisions[0].reason, reason);
    }
}

#[test]
fn an_answer_becomes_the_result_and_many_answers_one_by_name() {
    let mut script = Script::default();
    let one = Ask { kind: AskKind::Answer, ..Ask::default() };
    let each = Ask { kind: AskKind::Answer, ..all() };
    let most = Ask { kind: AskKind::Answer, ..majority() };
    let people = ["ann", "bob", "cid"];
    script.stream(&[
        asking("one", &[], one),
        asking("each", &people[..2], each),
        asking("most", &people, most.clone()),
        asking("none", &people, most),
    ]);
    script.says("anybody", "one", answer("[1, 2]"));
    script.says("ann", "each", answer("1")).says("bob", "each", answer("\"two\""));
    script.says("ann", "most", answer("1")).says("bob", "most", answer("2"));
    script.says("cid", "most", answer(" 2"));
    script.says("ann", "none", answer("1")).says("bob", "none", answer("2"));
    script.says("cid", "none", answer("3"));
    assert_eq!(script.output("one"), "[1, 2]");
    assert_eq!(script.output("each"), r#"{"ann":1,"bob":"two"}"#);
    assert_eq!(script.output("most"), "2");
    assert_eq!(script.view("none").reason.unwrap(), "no majority for any answer");
}

#[test]
fn a_decision_is_final_and_saying_it_again_is_free_of_effect() {
    let mut script = Script::default();
    script.stream(&[asking("gate", &["ann", "bob"], all())]);
    script.approves("ann", "gate");
    let events = script.journal.len();
    assert_eq!(
        script.approves("ann", "gate").replies().pop(),
        Some(Reply::Decided { settled: false })
    );
    let refused = script.rejects("ann", "gate").refusal();
    assert_eq!(refused.message, "ann has approved task \"gate\" already, and a decision is final");
    assert_eq!(script.journal.len(), events);
}

#[test]
fn a_question_stands_across_a_restart_with_what_was_said_and_its_time() {
    let mut script = Script::default();
    let ask = Ask { timeout_ms: Some(60_000), ..all() };
    script.stream(&[asking("gate", &["ann", "bob"], ask)]).approves("ann", "gate");
    script.advance(Duration::from_secs(30)).restart();
    assert_eq!(script.view("gate").decisions.len(), 1);
    let Answer::Pending(pending) = script.machine.answer(script.now, &Query::Pending(None)) else {
        panic!("no list")
    };
    assert_eq!((pending.len(), &*pending[0].rule, &*pending[0].on_timeout), (1, "all", "reject"));
    let snapshot = script.machine.snapshot();
    let back = crate::task::TaskMachine::restore(script.machine.settings.clone(), &snapshot);
    assert_eq!(back.unwrap().durable, script.machine.durable);
    script.advance(Duration::from_secs(30));
    assert_eq!(script.states(&["gate"]), "gate:failed");
}

#[test]
fn a_rejection_may_complete_for_conditions_to_read() {
    let mut script = Script::default();
    let ask = Ask { on_reject: OnReject::Complete, ..Ask::default() };
    script.stream(&[asking("gate", &["ann"], ask)]).rejects("ann", "gate");
    assert!(script.output("gate").starts_with(r#"{"approved":false"#));
}

#[test]
fn what_is_rejected_may_be_asked_again_from_the_beginning() {
    let mut script = Script::default();
    script.stream(&[asking("gate", &["ann"], Ask::default())]).rejects("ann", "gate");
    script.retry("gate");
    assert_eq!(script.states(&["gate"]), "gate:asked");
    assert_eq!(script.view("gate").decisions, []);
    script.approves("ann", "gate");
    assert_eq!(script.states(&["gate"]), "gate:completed");
}

#[test]
fn questions_that_cannot_be_settled_are_refused_when_they_are_submitted() {
    let refused = |people: &[&str], ask: Ask| {
        let mut script = Script::default();
        script.open(RunOpening { stream: true, ..RunOpening::default() });
        script.submit(&[asking("t", people, ask)]).refusal().message
    };
    assert_eq!(
        refused(&[], all()),
        "task \"t\" asks all of its people, and names none: name them in `agents`"
    );
    assert!(refused(&["ann", "ann"], all()).contains("asks somebody twice"));
    let silent = Ask { kind: AskKind::Answer, ..timed(OnTimeout::Approve) };
    assert!(refused(&["ann"], silent).contains("nobody's silence"));
    let same = timed(OnTimeout::Escalate { to: vec![person("ann")] });
    assert!(refused(&["ann"], same).contains("asked already"));
    let nobody = timed(OnTimeout::Escalate { to: Vec::new() });
    assert!(refused(&["ann"], nobody).contains("escalates to 0 people"));
}

#[test]
fn nobody_may_say_what_was_not_asked() {
    let mut script = Script::default();
    let one = Ask { kind: AskKind::Answer, ..Ask::default() };
    script.stream(&[asking("q", &["ann"], one), asking("gate", &["ann"], Ask::default())]);
    script.join(profile("worker", 1), 1).submit(&[task("work", &[])]);
    assert!(script.approves("ann", "q").refusal().message.contains("orkestra task answer q"));
    let odd = script.says("ann", "gate", answer("1")).refusal().message;
    assert!(odd.contains("asks for yes or no"), "{odd}");
    assert!(script.approves("eve", "gate").refusal().message.contains("it asks ann"));
    assert!(script.approves("ann", "work").refusal().message.contains("asks nobody"));
    script.approves("ann", "gate");
    let late = script.rejects("ann", "gate").refusal().message;
    assert_eq!(late, "task \"gate\" does not ask now: it is completed");
}

#[test]
fn nothing_is_assigned_to_a_person_and_why_names_who_must_say() {
    let mut script = Script::default();
    let mut ann = profile("ann", 4);
    ann.kind = PERSON.to_owned();
    script.join(ann, 1).stream(&[task("work", &[]), asking("gate", &["ann"], Ask::default())]);
    assert_eq!(script.states(&["work", "gate"]), "work:ready gate:asked");
    let why = script.why("gate");
    assert_eq!(
        why.next,
        "ann must say: `orkestra task approve gate` or `orkestra task reject gate`"
    );
    assert!(script.why("work").next.contains("once an agent joins"), "{:?}", script.why("work"));
}
