//! Milestones and agents, from events.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{AgentId, Attempt, Number, RunId, TaskId, TaskNo},
    protocol::{
        payload::Payload,
        task::{Failure, FailureKind, TaskSpec},
    },
    time::Wall,
};

use crate::{
    health::{Fact, Health, IncidentKind, Report, Tending, Vitals},
    task::{CancelReason, FailReason, RunNo, RunOpening, Score, TaskEvent, Then},
};

/// Events as they come, one a second.
#[derive(Default)]
pub(super) struct Tale {
    pub(super) vitals: Vitals,
    pub(super) facts: Vec<Fact>,
    told: Vec<TaskEvent>,
}

impl Tale {
    pub(super) fn tell(&mut self, event: TaskEvent) -> u64 {
        let number = self.told.len() as u64 + 1;
        let at = Wall::from_ms(number * 1_000);
        self.vitals.apply(Number(number), at, &event, &mut |fact| self.facts.push(fact));
        self.told.push(event);
        number
    }

    /// The vitals of whoever reads the same events after a restart.
    fn again(&self) -> Vitals {
        let mut again = Vitals::default();
        for (number, event) in (1..).zip(&self.told) {
            again.apply(Number(number), Wall::from_ms(number * 1_000), event, &mut |_| {});
        }
        again
    }

    pub(super) fn run(&mut self, name: &str, tasks: usize) -> (RunNo, Vec<TaskNo>) {
        let run = RunId::new(name).unwrap();
        let run = RunNo(self.tell(TaskEvent::RunOpened { run, opening: RunOpening::default() }));
        let tasks: Vec<TaskNo> = (0..tasks)
            .map(|n| {
                let spec = TaskSpec::new(TaskId::new(format!("t{n}")).unwrap());
                TaskNo(self.tell(TaskEvent::Submitted { run, spec: Arc::new(spec) }))
            })
            .collect();
        self.tell(TaskEvent::RunSealed { run });
        (run, tasks)
    }

    pub(super) fn begin(&mut self, task: TaskNo, agent: &str) {
        let agent = AgentId::new(agent).unwrap();
        let (attempt, score) = (Attempt(1), Score::default());
        self.tell(TaskEvent::Assigned { task, attempt, agent, score });
    }

    pub(super) fn complete(&mut self, task: TaskNo) {
        let (attempt, output, worked_ms) = (Attempt(1), Payload::null(), 5);
        self.tell(TaskEvent::Completed { task, attempt, output, worked_ms });
    }

    pub(super) fn fail(&mut self, task: TaskNo, kind: FailureKind, then: Then) {
        let failure = Failure::new(kind, "no luck");
        let (attempt, worked_ms) = (Attempt(1), 5);
        self.tell(TaskEvent::AttemptFailed { task, attempt, failure, then, worked_ms });
    }

    fn reached(&self) -> Vec<(u8, u64, u64)> {
        let run = self.vitals.runs().next().unwrap();
        run.milestones.iter().map(|one| (one.percent, one.at.as_ms() / 1_000, one.ended)).collect()
    }
}

#[test]
fn a138_milestones_are_reached_at_their_tasks_and_once() {
    let mut tale = Tale::default();
    let (run, tasks) = tale.run("r", 10);
    let began = 13;
    for task in &tasks[..9] {
        tale.complete(*task);
    }
    // 3, 5, 8 and 9 of 10 are the first that are enough.
    let expected = [(25, began + 2, 3), (50, began + 4, 5), (75, began + 7, 8), (90, began + 8, 9)];
    assert_eq!(tale.reached(), expected);
    tale.fail(tasks[9], FailureKind::Error, Then::Fail);
    assert_eq!(tale.reached()[4], (100, began + 9, 10));
    tale.tell(TaskEvent::RunEnded { run, completed: 9, failed: 1, cancelled: 0 });
    // What is tried again takes nothing back, and reaches nothing twice.
    tale.tell(TaskEvent::Retried { task: tasks[9], by: "me".to_owned() });
    assert_eq!(tale.vitals.runs().next().unwrap().tasks_ended(), 9);
    tale.complete(tasks[9]);
    assert_eq!(tale.reached().len(), 5);
    let told = tale.facts.iter().filter(|fact| matches!(fact, Fact::Reached(_))).count();
    assert_eq!(told, 5);
    assert_eq!(tale.again(), tale.vitals);
}

#[test]
fn nothing_stays_of_tasks_of_a_stream_that_are_forgotten() {
    let mut tale = Tale::default();
    let run = RunId::new("s").unwrap();
    let opening = RunOpening { stream: true, ..RunOpening::default() };
    let run = RunNo(tale.tell(TaskEvent::RunOpened { run, opening }));
    let named = |name: &str, parent: Option<&str>| {
        let parent = parent.map(|parent| TaskId::new(parent).unwrap());
        Arc::new(TaskSpec { parent, ..TaskSpec::named(name).unwrap() })
    };
    let root = TaskNo(tale.tell(TaskEvent::Submitted { run, spec: named("root", None) }));
    let before = tale.vitals.clone();
    let below = TaskNo(tale.tell(TaskEvent::Submitted { run, spec: named("a", Some("root")) }));
    let on = TaskId::new("root").unwrap();
    let reason = FailReason::DependencyFailed { on };
    tale.tell(TaskEvent::Failed { task: below, reason });
    tale.tell(TaskEvent::TasksForgotten { tasks: vec![below] });
    assert_eq!((tale.vitals.tasks.clone(), below > root), (before.tasks, true));
    assert_eq!(tale.vitals.held_by_name(), 0);
    assert_eq!(tale.vitals.runs().next().unwrap().failed, 1);
}

#[test]
fn a_run_whose_tasks_are_not_all_known_has_no_milestones() {
    let mut tale = Tale::default();
    let run = RunId::new("r").unwrap();
    let run = RunNo(tale.tell(TaskEvent::RunOpened { run, opening: RunOpening::default() }));
    let spec = Arc::new(TaskSpec::named("a").unwrap());
    let task = TaskNo(tale.tell(TaskEvent::Submitted { run, spec }));
    tale.complete(task);
    assert_eq!(tale.reached(), []);
    tale.tell(TaskEvent::RunSealed { run });
    assert_eq!(tale.reached(), [25, 50, 75, 90, 100].map(|percent| (percent, 4, 1)));
}

#[test]
fn what_was_cancelled_with_a_parent_or_a_run_has_ended() {
    let mut tale = Tale::default();
    let run = RunId::new("r").unwrap();
    let run = RunNo(tale.tell(TaskEvent::RunOpened { run, opening: RunOpening::default() }));
    let mut no = Vec::new();
    for (name, parent) in [("a", None), ("b", Some("a")), ("c", Some("b")), ("d", None)] {
        let mut spec = TaskSpec::named(name).unwrap();
        spec.parent = parent.map(|parent| TaskId::new(parent).unwrap());
        no.push(TaskNo(tale.tell(TaskEvent::Submitted { run, spec: Arc::new(spec) })));
    }
    tale.tell(TaskEvent::RunSealed { run });
    tale.begin(no[2], "ann");
    let reason = CancelReason::Requested { by: "me".to_owned(), reason: String::new() };
    tale.tell(TaskEvent::Cancelled { task: no[0], reason });
    assert_eq!(tale.vitals.runs().next().unwrap().cancelled, 3);
    let cut = Fact::AttemptEnded { outcome: "cut_short", worked: None };
    assert_eq!(tale.facts.iter().filter(|fact| **fact == cut).count(), 1);
    assert_eq!(tale.vitals.agents().values().next().unwrap().running, 0);
    let (by, reason) = ("me".to_owned(), String::new());
    tale.tell(TaskEvent::RunCancelled { run, by, reason });
    assert_eq!(tale.vitals.runs().next().unwrap().cancelled, 4);
    assert_eq!(tale.reached().len(), 5);
}

#[test]
fn what_fell_with_another_is_reopened_with_it() {
    let mut tale = Tale::default();
    let (_, tasks) = tale.run("r", 3);
    tale.fail(tasks[0], FailureKind::Error, Then::Fail);
    for (task, on) in [(tasks[1], "t0"), (tasks[2], "t1")] {
        let reason = FailReason::DependencyFailed { on: TaskId::new(on).unwrap() };
        tale.tell(TaskEvent::Failed { task, reason });
    }
    assert_eq!(tale.vitals.runs().next().unwrap().failed, 3);
    tale.tell(TaskEvent::Retried { task: tasks[0], by: "me".to_owned() });
    assert_eq!(tale.vitals.runs().next().unwrap().failed, 0);
}

#[test]
fn a138_agents_are_judged_by_what_counts_against_them() {
    let mut tale = Tale::default();
    let (_, tasks) = tale.run("r", 1);
    let task = tasks[0];
    for kind in [FailureKind::HandedBack, FailureKind::Unavailable, FailureKind::Panicked] {
        tale.begin(task, "ann");
        tale.fail(task, kind, Then::Again);
    }
    tale.begin(task, "bob");
    tale.complete(task);
    let report = Report::of(&tale.vitals, &Tending::default());
    let [ann, bob] = &report.agents[..] else { panic!("{report:?}") };
    assert_eq!(
        (ann.health, ann.error_percent, ann.availability_percent),
        (Health::Critical, 100.0, 0.0)
    );
    assert_eq!((ann.consecutive_failures, ann.outcomes, ann.failed, ann.running), (1, 1, 1, 0));
    assert_eq!(
        (bob.health, bob.error_percent, bob.availability_percent),
        (Health::Healthy, 0.0, 100.0)
    );
    // One of two outcomes failed, and one of two agents is active.
    assert_eq!(report.system.health, Health::Unhealthy);
    assert_eq!(
        report.system.because,
        ["1 of 2 agents are active", "50 % of the latest 2 outcomes are failures"]
    );
}

#[test]
fn a_task_that_stumbled_is_an_incident_until_it_is_completed_or_given_up() {
    let mut tale = Tale::default();
    let (_, tasks) = tale.run("r", 3);
    tale.fail(tasks[0], FailureKind::HandedBack, Then::Again);
    for task in &tasks[..2] {
        tale.fail(*task, FailureKind::TimedOut, Then::Retry { due: Wall::from_ms(0) });
    }
    tale.fail(tasks[0], FailureKind::Error, Then::Retry { due: Wall::from_ms(0) });
    tale.complete(tasks[0]);
    tale.fail(tasks[1], FailureKind::Error, Then::Exhausted);
    tale.complete(tasks[2]);
    let incidents = tale.vitals.incidents();
    let told: Vec<_> = incidents
        .list()
        .into_iter()
        .map(|one| (one.subject, one.recovered, one.time_to_recovery, one.reason))
        .collect();
    let reason = || "timed_out: no luck".to_owned();
    assert_eq!(
        told,
        [
            ("r/t0".to_owned(), true, Some(3_000), reason()),
            ("r/t1".to_owned(), false, None, reason())
        ]
    );
    let tally = incidents.tallies()[&IncidentKind::AttemptFailed];
    assert_eq!((tally.open, tally.recovered, tally.given_up), (0, 1, 1));
    assert_eq!((tally.recovery_total_ms, tally.recovery_longest_ms), (3_000, 3_000));
    let ended = tale.facts.iter().filter_map(|fact| match fact {
        Fact::TaskEnded { state, after } => Some((*state, *after)),
        _ => None,
    });
    let seconds = Duration::from_secs;
    assert_eq!(
        ended.collect::<Vec<_>>(),
        [("completed", seconds(8)), ("failed", seconds(8)), ("completed", seconds(8))]
    );
}
