//! Each waiting reason names its blocker.

use super::script::{Script, able, profile, task};
use crate::task::{Blocker, RunOpening};

#[test]
fn why_names_the_root_of_a_chain() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1);
    script.graph(&[task("a", &[]), task("b", &["a"]), task("c", &["b"])]);
    let why = script.why("c");
    assert_eq!(why.state, "waiting");
    assert_eq!(why.next, "it may begin once 1 dependency has ended; now it hangs on a");
    let Some(Blocker::Root { task, because, .. }) = why.blockers.last() else { panic!("{why:?}") };
    assert_eq!((task.as_str(), because.as_str()), ("a", "ann reports how attempt 1 ended"));
}

#[test]
fn why_tells_a_missing_agent_from_a_busy_one_and_one_that_cannot() {
    let mut needy = task("needy", &[]);
    needy.requires = able("x", 1, &["rust"]).capabilities;
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &[]), needy]);
    let why = script.why("needy");
    assert_eq!(why.blockers, [Blocker::NoAgent { requires: vec!["rust".to_owned()] }]);
    let why = script.why("b");
    let agent = profile("ann", 1).id;
    assert_eq!(why.blockers, [Blocker::AgentBusy { agent, outstanding: 1, capacity: 1 }]);
    assert_eq!(why.next, "it begins as soon as an agent that may work on it is free");
}

#[test]
fn why_tells_when_a_retry_comes_and_after_what() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).fail("ann", "a", 1);
    let why = script.why("a");
    assert_eq!(why.next, "attempt 2 begins in 1.0 s, at 1970-01-01T00:16:41.000Z");
    assert!(
        matches!(&why.blockers[0], Blocker::Retry { failures: 1, last, .. } if last == "error: no luck")
    );
}

#[test]
fn why_tells_of_a_run_at_its_limit_and_of_a_run_not_sealed() {
    let mut script = Script::default();
    script.join(profile("ann", 9), 1);
    script.open(RunOpening { concurrency: Some(1), ..RunOpening::default() });
    script.submit(&[task("a", &[]), task("b", &[])]);
    assert_eq!(script.why("a").blockers, [Blocker::RunNotSealed]);
    script.seal(2);
    assert_eq!(script.why("b").blockers, [Blocker::RunConcurrency { limit: 1 }]);
}

#[test]
fn why_tells_how_a_task_ended_and_what_can_be_done() {
    let mut hopeless = task("a", &[]);
    hopeless.retry.retries_max = 0;
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[hopeless]).fail("ann", "a", 1);
    let why = script.why("a");
    assert!(matches!(
        &why.blockers[0],
        Blocker::Ended { how, .. } if how == "failed: retries exhausted, after error: no luck"
    ));
    assert_eq!(why.next, "nothing by itself; `orkestra task retry a` tries it again");
}
