//! The counter in words.

use orkestra_runtime::{
    id::{AgentId, Attempt, Epoch, Incarnation, RunId, ShardId, TaskId, TaskNo},
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Report, ToAgent},
        check::Switches,
        payload::Payload,
        task::Outcome,
    },
    time::{Moment, Now, Wall},
};

use crate::node::credits::{Counter, CreditSettings, Leader, Said};

const LIFE: Incarnation = Incarnation(4);

fn now(ms: u64) -> Now {
    Now { moment: Moment::from_ms(ms), wall: Wall::from_ms(ms) }
}

fn leader(shard: u16) -> Leader {
    Leader { shard: ShardId(shard), epoch: Epoch(1) }
}

fn profile(availability: Availability) -> AgentProfile {
    AgentProfile {
        id: AgentId::new("ann").unwrap(),
        kind: "function".to_owned(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 2,
        availability,
    }
}

fn counter() -> Counter {
    Counter::new(CreditSettings::default(), &profile(Availability::Available), LIFE)
}

fn want(incarnation: Incarnation, number: u64) -> ToAgent {
    ToAgent::Want { incarnation, number, count: 5, held: 0, heard: 0 }
}

fn assign(tasks: std::ops::Range<u64>) -> ToAgent {
    let one = |no| Assignment {
        task: TaskNo(no),
        attempt: Attempt(1),
        run: RunId::new("r").unwrap(),
        id: TaskId::new("t").unwrap(),
        title: String::new(),
        instructions: String::new(),
        input: Payload::null(),
        results: Vec::new(),
        timeout_ms: None,
        effect_key: String::new(),
        workspace: None,
        checks: Switches::default(),
        sensitive_output: false,
        locks: Vec::new(),
    };
    ToAgent::Assign(tasks.map(one).collect())
}

fn assigned(word: Option<ToAgent>) -> Vec<u64> {
    match word {
        Some(ToAgent::Assign(batch)) => batch.iter().map(|one| one.task.0).collect(),
        None => Vec::new(),
        other => panic!("{other:?}"),
    }
}

fn granted(said: &Said) -> Vec<(u16, u32)> {
    let credits = said.iter().filter_map(|(to, word)| match word {
        FromAgent::Granted { credits, incarnation, for_ms, .. } => {
            assert_eq!((*incarnation, *for_ms), (LIFE, 3_750));
            Some((to.shard.0, *credits))
        }
        _ => None,
    });
    credits.collect()
}

#[test]
fn a_wish_is_answered_and_goes_no_further_and_one_of_another_life_is_not_heard() {
    let (mut counter, mut said) = (counter(), Said::new());
    let by = leader(1);
    assert_eq!(counter.leader_said(now(1), by, want(Incarnation(3), 1), &mut said), None);
    assert_eq!(said, []);
    assert_eq!(counter.leader_said(now(1), by, want(LIFE, 1), &mut said), None);
    assert_eq!(granted(&said), [(1, 2)]);
}

#[test]
fn what_is_too_much_is_handed_back_and_the_rest_goes_on_to_the_worker() {
    let (mut counter, mut said) = (counter(), Said::new());
    let word = counter.leader_said(now(1), leader(1), assign(0..3), &mut said);
    assert_eq!(assigned(word), [0, 1]);
    let [(to, FromAgent::Ended { reports, .. })] = &said[..] else { panic!("{said:?}") };
    assert_eq!((*to, reports.len(), reports[0].task), (leader(1), 1, TaskNo(2)));
    // What ended, and what was told to end, makes room.
    let report = Report {
        task: TaskNo(0),
        attempt: Attempt(1),
        outcome: Outcome::Cancelled,
        worked_ms: 0,
        checks: Vec::new(),
    };
    let (agent, reports) = (AgentId::new("ann").unwrap(), vec![report]);
    let ended = FromAgent::Ended { agent, incarnation: LIFE, reports };
    counter.worker_said(now(2), &ended, &mut said);
    let (task, attempt) = (TaskNo(1), Attempt(1));
    let cancel = ToAgent::Cancel { task, attempt, reason: String::new() };
    assert_eq!(counter.leader_said(now(2), leader(1), cancel.clone(), &mut said), Some(cancel));
    let word = counter.leader_said(now(3), leader(1), assign(3..6), &mut said);
    assert_eq!(assigned(word), [3, 4]);
    let word = counter.leader_said(now(3), leader(1), assign(7..8), &mut said);
    assert_eq!(word, None);
}

#[test]
fn an_agent_that_cannot_work_or_goes_grants_nothing() {
    let (mut counter, mut said) = (counter(), Said::new());
    counter.leader_said(now(1), leader(1), want(LIFE, 1), &mut said);
    let availability = Availability::Unavailable { reason: "no key".to_owned() };
    let away = FromAgent::Joined { profile: profile(availability), incarnation: LIFE };
    counter.worker_said(now(2), &away, &mut said);
    let back = profile(Availability::Available);
    let back = FromAgent::Joined { profile: back, incarnation: LIFE };
    counter.worker_said(now(3), &back, &mut said);
    let agent = AgentId::new("ann").unwrap();
    let leaving = FromAgent::Leaving { agent, incarnation: LIFE };
    counter.worker_said(now(4), &leaving, &mut said);
    assert_eq!(granted(&said), [(1, 2), (1, 0), (1, 2), (1, 0)]);
}
