//! Points to which the context can be brought back.

use orkestra_runtime::{machine::ReplyTo, protocol::understanding::Understanding};

use super::script::Script;
use crate::context::{
    ContextCommand, ContextRefusal, ContextReply, ProjectPhase, SnapshotNo, SnapshotReason,
};

#[test]
fn a136_what_is_restored_is_the_present_again_tasks_stay_and_the_version_only_rises() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.join("bob", 1);
    script.run(&["a", "b"]);
    let pending_decisions = vec!["which licence?".to_owned()];
    script.understands(
        "ann",
        1,
        Understanding { pending_decisions, ..Understanding::of("it is early") },
    );
    let early = script.snapshot("before the work");
    let (by, phase) = ("eve".to_owned(), ProjectPhase::Testing);
    script.context(ContextCommand::SetPhase { to: ReplyTo(1), phase, by });
    script.understand("ann", 1, "it is late");
    script.understand("bob", 1, "so it is");
    let agent = script.show(None, None).unwrap().agents.into_iter();
    let holder = agent.max_by_key(|agent| agent.active_tasks.len()).unwrap().agent_name;
    script.complete(holder.as_str(), "a");
    let tasks = script.machine.tasks().snapshot();

    assert_eq!(script.version(), 5);
    let restored = script.restore(early);
    let [ContextReply::Restored { snapshot, before, version }] = restored[..] else {
        panic!("{restored:?}")
    };
    assert_eq!((snapshot, version, script.version()), (early, 7, 7));
    assert_eq!(script.understood(None), ["ann: it is early"]);
    let view = script.show(Some("ann"), None).unwrap();
    assert_eq!(view.agents[0].pending_decisions, ["which licence?"]);
    assert_eq!(view.standing.phase, "development");
    assert_eq!(script.machine.tasks().snapshot(), tasks, "a restore touched tasks");

    // A restore is undone by restoring what was before it.
    assert_eq!(script.understood(Some(before)), ["ann: it is late", "bob: so it is"]);
    assert_eq!(script.show(None, Some(before)).unwrap().standing.phase, "testing");
    script.restore(before);
    assert_eq!(script.understood(None), ["ann: it is late", "bob: so it is"]);
    assert_eq!((&*script.summary().standing.phase, script.version()), ("testing", 9));
    assert_eq!(script.reasons(), ["requested", "restore", "restore"]);
    script.check_replay();
}

#[test]
fn a_snapshot_shows_what_was_then_and_nothing_of_what_came_after() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.run(&["a"]);
    script.understand("ann", 1, "then");
    let then = script.snapshot("");
    script.understand("ann", 1, "now");
    script.complete("ann", "a");
    let view = script.show(None, Some(then)).unwrap();
    assert_eq!(view.agents[0].current_understanding, "then");
    assert_eq!(view.standing.completion_percent, Some(0));
    assert_eq!(view.active_tasks[0].task.as_str(), "a");
    assert_eq!(view.events.last().unwrap().number.0, then.0);
    assert_eq!(script.summary().standing.completion_percent, Some(100));
}

#[test]
fn a_snapshot_that_is_not_there_is_refused_with_those_that_are() {
    let mut script = Script::new();
    let told = |replies: Vec<ContextReply>| match &replies[..] {
        [ContextReply::Refused(refusal)] => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    let nothing = "there is no snapshot 9, and no other: take one first";
    assert_eq!(told(script.restore(SnapshotNo(9))), nothing);
    let one = script.snapshot("");
    let some = format!("there is no snapshot 9; the latest are {one}");
    assert_eq!(told(script.restore(SnapshotNo(9))), some);
    assert_eq!(script.show(None, Some(SnapshotNo(9))), None);
    let (by, note) = ("ann".to_owned(), "x".repeat(501));
    let long = script.context(ContextCommand::Snapshot { to: ReplyTo(1), by, note });
    assert_eq!(long, [ContextReply::Refused(ContextRefusal::NoteTooLong { chars: 501 })]);
    assert_eq!(script.version(), 1);
}

#[test]
fn reasons_are_spelled_as_they_are_called() {
    use SnapshotReason::{Disconnect, Interval, Requested, Restore};
    for reason in [Interval, Disconnect, Requested, Restore] {
        let spelled = serde_json::to_string(&reason).unwrap();
        assert_eq!(spelled, format!("{:?}", reason.as_str()));
    }
}
