//! What is cancelled is out of everybody's way.

use std::time::Duration;

use orkestra_runtime::machine::ReplyTo;

use super::script::{Script, profile, run_id, task, task_id};
use crate::task::TaskCommand;

/// Cancels a run, or a parent with its child; both tasks are done with then.
fn cancel(script: &mut Script, whole_run: bool) {
    if whole_run {
        let (by, reason) = ("me".to_owned(), "test".to_owned());
        script.tell(TaskCommand::CancelRun { to: ReplyTo(6), run: run_id(), by, reason });
    } else {
        script.cancel("parent");
    }
    assert_eq!(script.states(&["parent", "child"]), "parent:cancelled child:cancelled");
}

fn parent_and_child() -> Script {
    let mut child = task("child", &[]);
    child.parent = Some(task_id("parent"));
    let mut script = Script::default();
    script.join(profile("ann", 9), 1).graph(&[task("parent", &[]), child]);
    script
}

#[test]
fn a_cancelled_attempt_leaves_nothing_in_mind() {
    for whole_run in [false, true] {
        let mut script = parent_and_child();
        script.progress("ann", "parent", 1).progress("ann", "child", 1);
        cancel(&mut script, whole_run);
        assert!(script.machine.live.progress.is_empty(), "whole run: {whole_run}");
        assert!(script.machine.live.leases.is_empty(), "whole run: {whole_run}");
    }
}

#[test]
fn a_cancelled_task_whose_retry_was_due_waits_in_no_line() {
    for whole_run in [false, true] {
        let mut script = parent_and_child();
        script.fail("ann", "parent", 1).fail("ann", "child", 1);
        // Nobody has room for them when their time comes.
        script.join(profile("ann", 0), 1).advance(Duration::from_secs(9));
        assert!(!script.machine.live.ripe.is_empty());
        cancel(&mut script, whole_run);
        assert!(script.machine.live.ripe.is_empty(), "whole run: {whole_run}");
    }
}
