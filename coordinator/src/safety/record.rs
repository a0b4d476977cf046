//! The record checks of an attempt: functions of a few facts about the state that a step leaves.
//!
//! Pure, and of constant cost but for the dependencies of the one task. Each check that is switched
//! on gives exactly one result, in the order of its list, and none ends the others. A check whose
//! fact is not known cannot be made, which is a warning.

use orkestra_runtime::{
    id::{AgentId, LockKey, TaskId},
    protocol::{
        check::{CheckName, CheckResult, Phase, Place, Switches},
        lock::Want,
    },
    time::Wall,
};

use crate::task::Counts;

/// From how many failures on a task is refused by the check of its retries.
pub const RETRIES_MAX: u32 = 3;

/// What is known of an attempt that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before<'a> {
    /// How its run counts its tasks; none if the run is not there.
    pub counts: Option<Counts>,
    /// Whether its run lists it, and the list leads to it.
    pub is_listed: bool,
    /// Whether it waited to be given out, and only this attempt holds it now.
    pub was_pending: bool,
    /// Its dependencies that name no task.
    pub missing: Vec<&'a TaskId>,
    /// Its dependencies that do not allow it to begin.
    pub blocking: Vec<&'a TaskId>,
    /// The locks that it declares.
    pub locks: &'a [Want],
    /// Those of them that this attempt does not hold.
    pub unheld: Vec<&'a LockKey>,
    /// Who is to work on it.
    pub agent: Option<Hand<'a>>,
    /// How often it failed since it was submitted, or tried again by a person.
    pub failures: u32,
}

/// An agent, as the coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hand<'a> {
    /// Its name.
    pub id: &'a AgentId,
    /// How many other attempts it holds.
    pub others: u32,
    /// Whether its worker is there, and says that it can work.
    pub is_active: bool,
}

/// What is known of an attempt that has answered with a result, before that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// Whether this outcome completes the task.
    pub completes: bool,
    /// When the attempt began, if it is the one that holds the task.
    pub began: Option<Wall>,
    /// How its run counts its tasks before the end is recorded; none if the run is not there.
    pub counts: Option<Counts>,
    /// How many locks it declares: they go with the attempt, in the step that records its end.
    pub locks: usize,
}

/// The record checks before an attempt.
pub fn before(facts: &Before<'_>, switches: &Switches, at: Wall) -> Vec<CheckResult> {
    all(Phase::Pre, switches, |check| one_before(check, facts, at))
}

/// The record checks after an attempt.
pub fn after(facts: &After, switches: &Switches, at: Wall) -> Vec<CheckResult> {
    all(Phase::Post, switches, |check| one_after(check, facts, at))
}

fn all(
    phase: Phase,
    switches: &Switches,
    one: impl Fn(CheckName) -> CheckResult,
) -> Vec<CheckResult> {
    let checks = switches.at(phase, Place::Record);
    checks
        .map(|check| {
            let mut result = one(check);
            if !result.is_unable() {
                result.level = switches.level(check, result.level);
            }
            result
        })
        .collect()
}

fn one_before(check: CheckName, facts: &Before<'_>, at: Wall) -> CheckResult {
    let pass = |message: &str| CheckResult::pass(check, at, message);
    let fail = |message: &str| CheckResult::new(check, check.level(), at, message);
    match check {
        CheckName::TaskQueueExists if facts.counts.is_some() => pass("its run is there"),
        CheckName::TaskQueueExists => fail("its run is not there").advise(DOCTOR),
        CheckName::ValidJson => match facts.counts {
            None => CheckResult::unable(check, at, "its run is not there"),
            Some(counts) if adds_up(counts) => pass("its run adds up"),
            Some(_) => fail("the counts of its run do not add up").advise(DOCTOR),
        },
        CheckName::TaskExists if facts.is_listed => pass("its run lists it"),
        CheckName::TaskExists => fail("its run does not list it").advise(DOCTOR),
        CheckName::TaskStatus if facts.was_pending => pass("it waited for an agent"),
        CheckName::TaskStatus => fail("it did not wait for an agent").advise(DOCTOR),
        CheckName::DependenciesMet => dependencies(facts, at),
        CheckName::NoLockConflict if facts.locks.is_empty() => pass("it declares no lock"),
        CheckName::NoLockConflict if facts.unheld.is_empty() => {
            pass(&format!("it holds all {} locks that it declares", facts.locks.len()))
        }
        CheckName::NoLockConflict => {
            let names: Vec<&str> = facts.unheld.iter().map(|key| key.as_str()).collect();
            fail(&format!("it does not hold {}", names.join(", "))).advise(DOCTOR)
        }
        CheckName::AgentAvailable | CheckName::AgentActive => hand(check, facts, at),
        CheckName::RetryCount if facts.failures < RETRIES_MAX => {
            pass(&format!("it failed {} times", facts.failures))
        }
        CheckName::RetryCount => fail(&format!("it failed {} times", facts.failures))
            .advise("see why with `orkestra task get`, then try again with `orkestra task retry`"),
        _ => CheckResult::unable(check, at, "it is not about the record before an attempt"),
    }
}

/// What to do when the record itself is wrong.
const DOCTOR: &str = "run `orkestra doctor`";

fn dependencies(facts: &Before<'_>, at: Wall) -> CheckResult {
    let check = CheckName::DependenciesMet;
    let Before { missing, blocking, .. } = facts;
    if missing.is_empty() && blocking.is_empty() {
        return CheckResult::pass(check, at, "every dependency allows it to begin");
    }
    let names =
        |ids: &[&TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let message =
        format!("{} dependencies are missing, {} do not allow it", missing.len(), blocking.len());
    let details = format!("missing: [{}]; blocking: [{}]", names(missing), names(blocking));
    CheckResult::new(check, check.level(), at, message)
        .with_details(details)
        .advise("see what they wait for with `orkestra why`")
}

fn hand(check: CheckName, facts: &Before<'_>, at: Wall) -> CheckResult {
    let Some(agent) = &facts.agent else {
        return CheckResult::unable(check, at, "nobody is to work on it");
    };
    let Hand { id, others, is_active } = agent;
    let fault = match check {
        CheckName::AgentAvailable if *others > 0 => {
            Some(format!("agent {id} works on {others} other tasks"))
        }
        CheckName::AgentActive if !is_active => Some(format!("agent {id} is not there")),
        _ => None,
    };
    match fault {
        None => CheckResult::pass(check, at, format!("agent {id} is free")),
        Some(fault) => CheckResult::new(check, check.level(), at, fault)
            .advise("see `orkestra agent list`; a capacity of 1 gives it one task at a time"),
    }
}

fn one_after(check: CheckName, facts: &After, at: Wall) -> CheckResult {
    let pass = |message: &str| CheckResult::pass(check, at, message);
    let fail = |message: &str| CheckResult::new(check, check.level(), at, message);
    match check {
        CheckName::TaskCompleted if facts.completes => pass("this outcome completes it"),
        CheckName::TaskCompleted => fail("this outcome does not complete it"),
        CheckName::LockReleased if facts.locks == 0 => pass("it declares no lock"),
        CheckName::LockReleased => pass(&format!("its {} locks go with this outcome", facts.locks)),
        CheckName::CompletionTime => match facts.began {
            None => fail("it is not known when it began").advise(DOCTOR),
            Some(began) if at >= began => pass("it ends after it began"),
            Some(began) => fail(&format!("it would end at {at}, and began at {began}"))
                .advise("see whether the clock of this machine was set back"),
        },
        CheckName::QueueConsistent => match facts.counts.and_then(with_one_more) {
            Some(counts) if adds_up(counts) => pass("its run adds up"),
            Some(_) | None => fail("the counts of its run would not add up").advise(DOCTOR),
        },
        _ => CheckResult::unable(check, at, "it is not about the record after an attempt"),
    }
}

/// How a run counts when one attempt of it has completed its task.
fn with_one_more(counts: Counts) -> Option<Counts> {
    let assigned = counts.assigned.checked_sub(1)?;
    Some(Counts { assigned, completed: counts.completed + 1, ..counts })
}

/// Whether no more tasks of a run are somewhere than it has.
pub(crate) const fn adds_up(counts: Counts) -> bool {
    counts.ended() + counts.assigned + counts.asked <= counts.total
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::protocol::{check::Level, lock::Mode};

    use super::*;

    const AT: Wall = Wall::from_ms(2_000);

    fn sound(agent: &AgentId) -> Before<'_> {
        Before {
            counts: Some(Counts { total: 2, assigned: 1, ..Counts::default() }),
            is_listed: true,
            was_pending: true,
            missing: Vec::new(),
            blocking: Vec::new(),
            locks: &[],
            unheld: Vec::new(),
            agent: Some(Hand { id: agent, others: 0, is_active: true }),
            failures: 0,
        }
    }

    /// What does not pass, by name and level.
    fn faults(results: &[CheckResult]) -> Vec<String> {
        let faults = results.iter().filter(|result| result.level > Level::Pass);
        faults.map(|result| format!("{} {}", result.check_name, result.level)).collect()
    }

    fn check(change: impl FnOnce(&mut Before<'_>)) -> Vec<String> {
        let agent = AgentId::new("ann").unwrap();
        let mut facts = sound(&agent);
        change(&mut facts);
        let results = before(&facts, &Switches::default(), AT);
        assert_eq!(results.len(), 7, "each gives exactly one result");
        faults(&results)
    }

    #[test]
    fn a139_each_record_check_before_fails_at_its_level_when_its_fact_is_wrong() {
        let other = TaskId::new("other").unwrap();
        assert_eq!(check(|_| ()), [] as [&str; 0]);
        assert_eq!(
            check(|facts| facts.counts = None),
            ["task_queue_exists critical", "valid_json warning"]
        );
        let wrong = Counts { total: 1, assigned: 2, ..Counts::default() };
        assert_eq!(check(|facts| facts.counts = Some(wrong)), ["valid_json critical"]);
        assert_eq!(check(|facts| facts.is_listed = false), ["task_exists fail"]);
        assert_eq!(check(|facts| facts.was_pending = false), ["task_status fail"]);
        let agent = AgentId::new("ann").unwrap();
        let key = LockKey::new("db").unwrap();
        let wants = [Want { key: key.clone(), mode: Mode::Shared }];
        let facts = Before { locks: &wants, ..sound(&agent) };
        assert!(faults(&before(&facts, &Switches::default(), AT)).is_empty());
        let facts = Before { locks: &wants, unheld: vec![&key], ..sound(&agent) };
        let told = before(&facts, &Switches::default(), AT);
        assert_eq!(faults(&told), ["no_lock_conflict fail"]);
        let facts = Before { blocking: vec![&other], ..sound(&agent) };
        let results = before(&facts, &Switches::default(), AT);
        assert_eq!(faults(&results), ["dependencies_met fail"]);
        assert_eq!(results[4].details, "missing: []; blocking: [other]");
        let facts = Before { missing: vec![&other], ..sound(&agent) };
        let results = before(&facts, &Switches::default(), AT);
        assert_eq!(results[4].details, "missing: [other]; blocking: []");
        let busy = Hand { id: &agent, others: 2, is_active: true };
        let facts = Before { agent: Some(busy), ..sound(&agent) };
        assert_eq!(faults(&before(&facts, &Switches::default(), AT)), ["agent_available warning"]);
    }

    #[test]
    fn a139_optional_record_checks_are_made_when_they_are_switched_on() {
        use orkestra_runtime::protocol::check::Switch;
        let agent = AgentId::new("ann").unwrap();
        let away = Hand { id: &agent, others: 0, is_active: false };
        let facts = Before { failures: 3, agent: Some(away), ..sound(&agent) };
        assert_eq!(faults(&before(&facts, &Switches::default(), AT)), [] as [&str; 0]);
        let on = [CheckName::RetryCount, CheckName::AgentActive];
        let switches = Switches(on.into_iter().map(|check| (check, Switch::On)).collect());
        assert_eq!(
            faults(&before(&facts, &switches, AT)),
            ["agent_active fail", "retry_count fail"]
        );
        let twice = Before { failures: 2, ..sound(&agent) };
        assert_eq!(faults(&before(&twice, &switches, AT)), [] as [&str; 0]);
    }

    #[test]
    fn a139_each_record_check_after_fails_at_its_level_when_its_fact_is_wrong() {
        let counts = Counts { total: 2, assigned: 1, completed: 1, ..Counts::default() };
        let sound = After { completes: true, began: Some(AT), counts: Some(counts), locks: 0 };
        let check = |facts: After| {
            let results = after(&facts, &Switches::default(), AT);
            assert_eq!(results.len(), 4, "each gives exactly one result");
            faults(&results)
        };
        assert_eq!(check(sound), [] as [&str; 0]);
        assert_eq!(check(After { completes: false, ..sound }), ["task_completed fail"]);
        assert_eq!(check(After { began: None, ..sound }), ["completion_time warning"]);
        let later = Some(Wall::from_ms(2_001));
        assert_eq!(check(After { began: later, ..sound }), ["completion_time warning"]);
        for wrong in
            [None, Some(Counts { assigned: 0, ..counts }), Some(Counts { completed: 2, ..counts })]
        {
            assert_eq!(check(After { counts: wrong, ..sound }), ["queue_consistent fail"]);
        }
    }
}
