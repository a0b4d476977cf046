//! People decide what a run waits for, whatever happens to the process that waits.

use orkestra_tests::command::{Desk, Running, Said};
use serde_json::Value;

use crate::{desk, example};

/// Two who work, and questions that come to their time by themselves.
const TIMED: &str = r#"
[scenario]
name = "timed"

[agents.steady]
kind = "function"
function = "noop"

[agents.ada]
kind = "person"

[agents.grace]
kind = "person"

[[tasks]]
id = "silence-is-yes"
agents = ["ada"]
ask = { timeout = "50ms", on_timeout = "approve" }

[[tasks]]
id = "silence-is-no"
agents = ["ada"]
ask = { timeout = "50ms" }

[[tasks]]
id = "silence-is-told"
agents = ["ada"]
ask = { timeout = "50ms", on_reject = "complete" }

[[tasks]]
id = "handed-on"
agents = ["ada"]
ask = { timeout = "50ms", on_timeout = "escalate", escalate_to = ["grace"] }

[[tasks]]
id = "after-yes"
needs = ["silence-is-yes"]

[[tasks]]
id = "after-no"
needs = ["silence-is-no"]
"#;

/// One question whose second circle has as long as a slow machine may need.
const HANDED_ON: &str = r#"
[scenario]
name = "handed"

[agents.ada]
kind = "person"

[agents.grace]
kind = "person"

[[tasks]]
id = "gate"
agents = ["ada"]
ask = { timeout = "8s", on_timeout = "escalate", escalate_to = ["grace"] }
"#;

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--data-dir", "data"]].concat()
}

/// The example is at work, and both of its questions are open.
fn start(desk: &Desk) -> Running {
    let approval = example("approval.toml");
    let mut running = desk.start(&at(&["run", &approval, "-o", "ndjson"]));
    running.await_line("task_asks");
    running.await_line("task_asks");
    running
}

/// The example goes on to its end.
fn go_on(desk: &Desk) -> Said {
    desk.run(&at(&["run", &example("approval.toml")]))
}

fn task(desk: &Desk, name: &str) -> Value {
    desk.run(&at(&["task", "get", name, "-o", "json"])).expect(0).json()
}

/// What a task came to.
fn output(desk: &Desk, name: &str) -> Value {
    let inline = task(desk, name)["output"]["inline"].clone();
    serde_json::from_str(inline.as_str().unwrap()).unwrap()
}

/// The events of one type.
fn audit(desk: &Desk, wanted: &str) -> Vec<Value> {
    let rows = desk.run(&at(&["audit", "list", "--type", wanted, "-o", "json"])).expect(0).json();
    rows.as_array().unwrap().clone()
}

#[test]
fn the_example_waits_for_people_and_ends_when_they_have_decided() {
    let desk = desk();
    let running = start(&desk);
    desk.run(&at(&["task", "pending"])).expect(0).shows(&[
        "any of ann, bob",
        "anybody",
        "escalate in 1d",
        "an answer",
    ]);
    let approve = ["task", "approve", "release", "--as", "ann", "--reason", "tested by hand"];
    desk.run(&at(&approve)).expect(0).says(&["approved by ann", "the run goes on"]);
    let answer = ["task", "answer", "notes", "--text", "Faster, and blue.", "--as", "bob"];
    desk.run(&at(&answer)).expect(0).says(&["answered by bob", "the run goes on"]);
    running.end().expect(0).shows(&["\"ship\"", "run_ended"]);
    desk.run(&at(&["task", "pending"])).expect(0).says(&["nothing found"]);
    assert_eq!(output(&desk, "notes"), "Faster, and blue.");
}

#[test]
fn what_is_decided_while_nobody_is_at_work_counts_when_the_same_command_goes_on() {
    let desk = desk();
    start(&desk).kill();
    let approve = ["task", "approve", "release", "--as", "ann", "--reason", "tested by hand"];
    let next = "with the file of its scenario goes on";
    desk.run(&at(&approve)).expect(0).says(&["approved by ann", next]);
    desk.run(&at(&["task", "approve", "release", "--as", "bob"]))
        .expect(2)
        .says(&["task \"release\" does not ask now: it is completed"]);
    // It goes on, waits for the rest, and is killed once more.
    let approval = example("approval.toml");
    let mut running = desk.start(&at(&["run", &approval, "-o", "ndjson"]));
    let asked = running.await_line("task_asks");
    assert!(asked.contains("\"notes\""), "a settled question was asked again: {asked}");
    running.kill();
    let answer = ["task", "answer", "notes", "--json", "{\"blue\": true}", "--as", "bob"];
    desk.run(&at(&answer)).expect(0).says(&["answered by bob"]);
    // The last task may have ended before the command looks.
    go_on(&desk).expect(0).says(&["goes on where it was: ", " of 4 tasks", "4 completed"]);

    let release = task(&desk, "release");
    let said = &release["decisions"];
    assert_eq!(said.as_array().unwrap().len(), 1);
    assert_eq!((&said[0]["by"], &said[0]["reason"]), (&"ann".into(), &"tested by hand".into()));
    let kept = audit(&desk, "task_approved");
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (&kept[0]["task_id"], &kept[0]["details"]["by"], &kept[0]["details"]["reason"]),
        (&"release".into(), &"ann".into(), &"tested by hand".into())
    );
    let uid = rustix::process::geteuid().as_raw();
    assert!(kept[0]["details"]["via"].as_str().unwrap().contains(&format!("uid {uid}")));
    assert_eq!(audit(&desk, "task_answered").len(), 1);
}

#[test]
fn a_rejection_fails_the_task_and_what_needs_it() {
    let desk = desk();
    let running = start(&desk);
    let reject = ["task", "reject", "release", "--as", "bob", "--reason", "too early"];
    desk.run(&at(&reject)).expect(0).says(&["rejected by bob", "the run goes on"]);
    desk.run(&at(&["task", "answer", "notes", "--text", "none"])).expect(0);
    running.end().expect(1);
    let (release, ship) = (task(&desk, "release"), task(&desk, "ship"));
    assert_eq!(release["reason"], "rejected by bob: too early");
    assert_eq!(
        (&ship["state"], &ship["reason"], &ship["attempt"]),
        (&"failed".into(), &"dependency release failed".into(), &0.into())
    );
    desk.run(&at(&["why", "ship"])).expect(0).shows(&["ship is failed", "release"]);
    let [rejected] = &audit(&desk, "task_rejected")[..] else { panic!("one rejection, not more") };
    assert_eq!(rejected["details"]["reason"], "too early");
}

#[test]
fn who_does_not_want_to_wait_ends_with_its_own_code_and_goes_on_later() {
    let desk = desk();
    let approval = example("approval.toml");
    let no_wait = ["run", &approval, "--no-wait"];
    desk.run(&at(&no_wait)).expect(3).says(&[
        "task release (Release 1.0.0?) waits for any of ann, bob",
        "what is left waits for people; the same command goes on where it was",
    ]);
    desk.run(&at(&["task", "answer", "notes", "--text", "none", "--as", "ann"])).expect(0);
    desk.run(&at(&no_wait)).expect(3).says(&["goes on where it was: 2 of 4 tasks"]);
    desk.run(&at(&["task", "approve", "release", "--as", "bob"])).expect(0);
    desk.run(&at(&no_wait)).expect(0).says(&["4 completed"]);
}

#[test]
fn when_time_is_over_happens_what_was_agreed() {
    let desk = desk();
    desk.write("timed.toml", TIMED);
    desk.run(&at(&["run", "timed.toml"])).expect(1).says(&["3 completed, 3 failed"]);
    for (name, state, reason) in [
        ("silence-is-yes", "completed", Value::Null),
        ("silence-is-no", "failed", "nobody decided in time".into()),
        ("silence-is-told", "completed", Value::Null),
        ("handed-on", "failed", "nobody decided in time".into()),
        ("after-yes", "completed", Value::Null),
        ("after-no", "failed", "dependency silence-is-no failed".into()),
    ] {
        let task = task(&desk, name);
        assert_eq!((&task["state"], &task["reason"]), (&state.into(), &reason), "{name}");
    }
    let verdict =
        |approved| serde_json::json!({ "approved": approved, "by_timeout": true, "decisions": [] });
    assert_eq!(output(&desk, "silence-is-yes"), verdict(true));
    assert_eq!(output(&desk, "silence-is-told"), verdict(false));
    let [escalated] = &audit(&desk, "task_escalated")[..] else { panic!("escalated once") };
    assert_eq!(escalated["task_id"], "handed-on");
}

#[test]
fn who_is_asked_next_is_asked_when_time_is_over_also_after_a_kill() {
    let desk = desk();
    desk.write("handed.toml", HANDED_ON);
    let run = ["run", "handed.toml", "--data-dir", "data", "-o", "ndjson"];
    let mut running = desk.start(&run);
    running.await_line("[\"ada\"]");
    desk.run(&at(&["task", "approve", "gate", "--as", "grace"]))
        .expect(2)
        .says(&["does not ask grace: it asks ada"]);
    running.kill();
    let mut running = desk.start(&run);
    running.await_line("[\"grace\"]");
    desk.run(&at(&["task", "approve", "gate", "--as", "ada"]))
        .expect(2)
        .says(&["does not ask ada: it asks grace"]);
    let settled = "that settled it, and every task of the run has ended";
    desk.run(&at(&["task", "approve", "gate", "--as", "grace"])).expect(0).says(&[settled]);
    running.end().expect(0);
    assert_eq!(output(&desk, "gate")["by_timeout"], false);
}

#[test]
fn a_decision_that_ends_a_run_while_nobody_is_at_work_is_told_as_its_end() {
    let desk = desk();
    start(&desk).kill();
    desk.run(&at(&["task", "answer", "notes", "--text", "none"])).expect(0).says(&["goes on"]);
    let reject = ["task", "reject", "release", "--as", "ann"];
    let ended = "that settled it, and every task of the run has ended: `orkestra task list`";
    desk.run(&at(&reject)).expect(0).says(&[ended]);
    desk.run(&at(&["status"])).expect(0).shows(&["every run has ended"]);
    assert_eq!(task(&desk, "ship")["state"], "failed");
}

#[test]
fn what_cannot_be_said_is_refused_and_changes_nothing() {
    let desk = desk();
    let running = start(&desk);
    desk.write("huge.txt", &"x".repeat(1024 * 1024 + 1));
    desk.write("most.txt", &"x".repeat(1024 * 1024));
    desk.write("broken.json", "{2");
    let refused = |desk: &Desk| {
        for (line, why) in [
            ("task approve release --as carol", "does not ask carol: it asks ann, bob"),
            ("task approve notes --as ann", "asks for an answer: `orkestra task answer notes"),
            ("task answer release --text yes --as ann", "asks for yes or no"),
            ("task approve build --as ann", "task \"build\" asks nobody"),
            ("task approve nothing --as ann", "has no task \"nothing\""),
            ("task approve release --as ann --run other-1", "there are approval-1"),
            ("task answer notes --json {2", "of --json as JSON (a text is for --text)"),
            ("task answer notes --file broken.json", "the answer of broken.json as JSON"),
            ("task answer notes --file huge.txt", "has more than 1048576 bytes"),
            ("task answer notes --file gone.txt", "cannot read the answer in gone.txt"),
            ("task answer notes", "--text <TEXT>|--json <JSON>|--file <FILE>"),
            ("task pending --run other-1", "there are approval-1"),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            desk.run(&at(&words)).expect(2).says(&[why]);
        }
        // Whoever asks without a name is their account, which nobody has put the question to.
        let said = desk.run(&at(&["task", "approve", "release"])).expect(2);
        assert!(
            said.err.contains("it asks ann, bob") || said.err.contains("say who decides"),
            "{}",
            said.err
        );
    };
    refused(&desk);
    // What does not fit through the door is told before it is sent.
    desk.run(&at(&["task", "answer", "notes", "--file", "most.txt"]))
        .expect(2)
        .says(&["at most 1048576 are taken at the door"]);
    running.kill();
    refused(&desk);
    let pending = desk.run(&at(&["task", "pending", "-o", "ndjson"])).expect(0).lines();
    let said: Vec<_> = pending.iter().map(|one| one["decisions"].clone()).collect();
    assert_eq!(said, [serde_json::json!([]), serde_json::json!([])]);
}
