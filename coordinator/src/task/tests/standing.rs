//! Runs that are paused, agents that are drained, breakers that open, nets that catch.

use std::time::Duration;

use orkestra_runtime::{
    id::AgentId,
    machine::ReplyTo,
    protocol::task::{Failure, FailureKind, Outcome, TaskSpec},
};

use super::script::{Script, profile, run_id, task};
use crate::task::{
    Answer, Blocker, Label, Query, RefusalCode, Reply, RunOpening, TaskCommand, TaskEvent,
    TaskSettings, standing::ScopeName,
};

fn ann() -> AgentId {
    AgentId::new("ann").unwrap()
}

impl Script {
    fn pause(&mut self, scope: ScopeName) -> &mut Self {
        let (by, reason) = ("me".to_owned(), "lunch".to_owned());
        self.tell(TaskCommand::Pause { to: ReplyTo(1), scope, by, reason })
    }

    fn resume(&mut self, scope: ScopeName) -> &mut Self {
        self.tell(TaskCommand::Resume { to: ReplyTo(1), scope, by: "me".to_owned() })
    }

    fn agent_state(&self, name: &str) -> Label {
        let Answer::Agents(agents) = self.machine.answer(self.now, &Query::Agents) else {
            panic!("no agents")
        };
        agents.iter().find(|agent| agent.id.as_str() == name).unwrap().state.clone()
    }

    /// Fails these tasks, one after another, each in its first attempt on `ann`.
    fn fail_all(&mut self, names: &[&str]) -> &mut Self {
        for name in names {
            self.fail("ann", name, 1);
        }
        self
    }

    fn types(&self) -> Vec<&'static str> {
        let name = |event: &TaskEvent| match event {
            TaskEvent::BreakerOpened { .. } => Some("opened"),
            TaskEvent::BreakerClosed { .. } => Some("closed"),
            _ => None,
        };
        self.journal.iter().filter_map(|(_, event)| name(event)).collect()
    }
}

#[test]
fn a_paused_run_is_given_nothing_more_and_what_runs_goes_on() {
    let mut script = Script::default();
    let run = || ScopeName::Run(run_id());
    script.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &[])]);
    script.pause(run()).complete("ann", "a", 1);
    assert_eq!(script.states(&["a", "b"]), "a:completed b:ready");
    let why = script.why("b");
    assert!(matches!(&why.blockers[0], Blocker::Paused { by, reason, .. }
        if by == "me" && reason == "lunch"));
    script.restart().join(profile("ann", 1), 2);
    assert_eq!(script.states(&["b"]), "b:ready");
    script.resume(run());
    assert_eq!(script.states(&["b"]), "b:running");
    let again = script.resume(run()).replies().pop();
    assert_eq!(again, Some(Reply::Stands { changed: false }));
    script.complete("ann", "b", 1);
    assert_eq!(script.pause(run()).refusal().code, RefusalCode::RunEnded);
}

#[test]
fn a_paused_namespace_holds_the_runs_that_come_later_too_and_no_other() {
    let mut script = Script::default();
    script.pause(ScopeName::Namespace("shop".to_owned()));
    script.join(profile("ann", 1), 1);
    script.open(RunOpening { namespace: "shop".to_owned(), ..RunOpening::default() });
    script.submit(&[task("a", &[])]).seal(1);
    assert_eq!(script.states(&["a"]), "a:ready");
    script.resume(ScopeName::Namespace(String::new()));
    assert_eq!(script.states(&["a"]), "a:ready");
    script.resume(ScopeName::Namespace("shop".to_owned()));
    assert_eq!(script.states(&["a"]), "a:running");
}

#[test]
fn a_drained_agent_finishes_what_it_holds_and_is_given_nothing_more_even_after_a_restart() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &[])]);
    let (by, reason) = ("me".to_owned(), String::new());
    script.tell(TaskCommand::Drain { to: ReplyTo(1), agent: ann(), by: by.clone(), reason });
    script.complete("ann", "a", 1);
    script.restart().join(profile("ann", 1), 2);
    assert_eq!(
        (script.states(&["a", "b"]).as_str(), script.agent_state("ann")),
        ("a:completed b:ready", "drained".into())
    );
    script.tell(TaskCommand::Return { to: ReplyTo(1), agent: ann(), by });
    assert_eq!(script.states(&["b"]), "b:running");
    let by = "me".to_owned();
    let nobody = AgentId::new("nobody").unwrap();
    script.tell(TaskCommand::Return { to: ReplyTo(1), agent: nobody, by });
    assert_eq!(script.refusal().code, RefusalCode::AgentNotFound);
}

#[test]
fn a116_three_tasks_that_fail_in_a_row_open_the_breaker_a_trial_comes_and_success_closes() {
    let mut script = Script::default();
    let names = ["a", "b", "c", "d", "e"];
    script.join(profile("ann", 5), 1).graph(&names.map(|name| task(name, &[])));
    script.fail_all(&["a", "b"]);
    assert_eq!(script.agent_state("ann"), "available");
    script.fail_all(&["c"]).complete("ann", "d", 1);
    // The success came from before: it shows that the agent works, and closes the breaker.
    assert_eq!(script.types(), ["opened", "closed"]);
    script.complete("ann", "e", 1);
    script.advance(Duration::from_secs(2));
    assert_eq!(script.states(&["a", "b", "c"]), "a:running b:running c:running");
    for name in ["a", "b", "c"] {
        script.fail("ann", name, 2);
    }
    assert_eq!(script.agent_state("ann"), "open");
    script.advance(Duration::from_secs(299));
    assert_eq!(script.states(&["a", "b", "c"]), "a:retrying b:retrying c:retrying");
    let why = script.why("a");
    assert!(matches!(why.blockers[0], Blocker::BreakerOpen { failures: 3, .. }), "{why:?}");
    script.advance(Duration::from_secs(1));
    assert_eq!(script.states(&["a", "b", "c"]), "a:running b:retrying c:retrying");
    script.fail("ann", "a", 3);
    assert_eq!(script.types(), ["opened", "closed", "opened", "opened"]);
    script.advance(Duration::from_secs(301));
    script.complete("ann", "a", 4);
    assert_eq!(script.types().last(), Some(&"closed"));
    assert_eq!(script.agent_state("ann"), "available");
}

#[test]
fn a116_one_task_that_fails_again_and_again_says_nothing_of_its_agent() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    for attempt in 1..=3 {
        script.fail("ann", "a", attempt).advance(Duration::from_secs(10));
    }
    assert_eq!(script.types(), [""; 0]);
}

#[test]
fn a116_a_considered_no_and_what_is_handed_back_do_not_open_a_breaker() {
    let mut script = Script::default();
    let names = ["a", "b", "c", "d"];
    script.join(profile("ann", 4), 1).graph(&names.map(|name| task(name, &[])));
    for name in ["a", "b", "c"] {
        script.report("ann", name, 1, Outcome::Failed(Failure::error("no").for_good()));
    }
    let back = Failure::new(FailureKind::HandedBack, "later");
    script.report("ann", "d", 1, Outcome::Failed(back));
    assert_eq!(script.types(), [""; 0]);
}

#[test]
fn a116_while_a_breaker_is_open_its_work_goes_to_others_and_it_stands_across_a_restart() {
    let mut script = Script::default();
    let names = ["a", "b", "c", "d"];
    script.join(profile("ann", 4), 1).graph(&names.map(|name| task(name, &[])));
    script.fail_all(&["a", "b", "c"]).restart();
    script.join(profile("ann", 4), 2).join(profile("bob", 4), 1);
    assert_eq!(script.agent_state("ann"), "open");
    script.sent();
    script.advance(Duration::from_secs(1));
    assert!(script.sent().iter().all(|sent| sent.starts_with("bob<")), "given to ann");
}

#[test]
fn a116_breakers_may_be_switched_off() {
    let settings = TaskSettings { breaker_failures: 0, ..TaskSettings::default() };
    let mut script = Script::with(settings);
    let names = ["a", "b", "c", "d"];
    script.join(profile("ann", 4), 1).graph(&names.map(|name| task(name, &[])));
    script.fail_all(&names);
    assert_eq!(script.types(), [""; 0]);
}

#[test]
fn a116_a_breaker_that_bears_very_much_opens_all_the_same() {
    let settings = TaskSettings { breaker_failures: 1_000, ..TaskSettings::default() };
    let mut script = Script::with(settings);
    let names: Vec<String> = (0..64).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tasks: Vec<_> = names.iter().map(|name| task(name, &[])).collect();
    script.join(profile("ann", 64), 1).graph(&tasks);
    script.fail_all(&names[..63]);
    assert_eq!(script.types(), [""; 0]);
    script.fail_all(&names[63..]);
    assert_eq!(script.types(), ["opened"]);
}

#[test]
fn what_nobody_holds_and_should_have_ended_ends_once() {
    let mut script = Script::default();
    let spec = TaskSpec { deadline_ms: Some(600_000), ..task("a", &[]) };
    script.join(profile("ann", 1), 1).graph(&[spec]);
    script.machine.live.leases.clear();
    script.advance(Duration::from_mins(10));
    assert_eq!(script.states(&["a"]), "a:failed");
    script.advance(Duration::from_mins(10));
    assert_eq!(script.states(&["a"]), "a:failed");
}

#[test]
fn a115_a_task_in_progress_that_nobody_holds_is_recovered() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    // What no event explains: the term is gone, and nothing would ever end the attempt.
    script.machine.live.leases.clear();
    script.advance(Duration::from_secs(599));
    assert_eq!(script.states(&["a"]), "a:running");
    script.advance(Duration::from_secs(2));
    assert_eq!(script.states(&["a"]), "a:retrying");
    let failure = script.view("a").last_failure.unwrap();
    assert_eq!(failure.to_string(), "lost: it was in progress, and nobody held it");
}

#[test]
fn a142_ready_tasks_are_looked_at_from_time_to_time_though_nothing_happened() {
    let settings = TaskSettings { assign_sweep: Duration::from_secs(7), ..TaskSettings::default() };
    let mut script = Script::with(settings);
    script.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &[])]);
    script.complete("ann", "a", 1).sent();
    script.restart().join(profile("ann", 1), 2).complete("ann", "b", 2);
    script.stream(&[]);
    assert_eq!(script.states(&["a", "b"]), "a:completed b:completed");
    assert_eq!(script.machine.next_net(), None, "a shard at rest stays at rest");
    let mut script = Script::with(TaskSettings::default());
    script.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &[])]);
    // A freed agent that nobody noticed: only the net finds it.
    script.machine.durable.roster.get_mut(crate::task::AgentNo(0)).unwrap().outstanding = 0;
    assert_eq!(script.states(&["b"]), "b:ready");
    script.advance(Duration::from_secs(31));
    assert_eq!(script.states(&["b"]), "b:running");
}

#[test]
fn all_that_one_sweep_may_end_fits_a_decision_however_long_names_are() {
    let long = |kind: &str, n: u32| format!("{kind}{n:0>123}");
    let root = long("root", 0);
    let mut tasks = vec![task(&root, &[])];
    tasks.extend((0..700).map(|n| task(&long("doom", n), &[&root])));
    tasks.extend(
        (0..450).map(|n| TaskSpec { deadline_ms: Some(60_000), ..task(&long("late", n), &[]) }),
    );
    tasks.extend((0..450).map(|n| task(&long("held", n), &[])));
    let mut script = Script::default();
    script.join(profile("ann", 901), 1);
    for part in tasks.chunks(200) {
        let open = RunOpening { stream: true, ..RunOpening::default() };
        script.open(open).submit(part);
    }
    // The root is given up with everybody's terms, at the time of the deadlines: all in one sweep.
    script.report("ann", &root, 1, Outcome::Failed(Failure::error("no").for_good()));
    script.advance(Duration::from_mins(2));
    let Answer::Run(Some(run)) = script.machine.answer(script.now, &Query::Run(run_id())) else {
        panic!("no run")
    };
    assert_eq!((run.summary.counts.total, run.summary.counts.failed), (1_601, 1_151));
}
