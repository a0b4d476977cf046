//! Circles of waits: found when the wait that closes one is added, and told in words.

use orkestra_runtime::{
    id::{AgentId, Attempt, TaskNo},
    machine::ReplyTo,
};

use super::{
    alone::Alone,
    script::{Script, exclusive, given, key, permits, shared},
};
use crate::lock::{
    Ending, LockAnswer, LockCommand, LockEvent, LockQuery, LockReason, LockRefusal, LockReply,
    Owner, Party, Patience, Withdrawal,
};

#[test]
fn a132_two_who_wait_for_each_other_are_told_apart_the_younger_is_refused() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    script.have(ann, &[exclusive("a")]);
    let b = script.have(bob, &[exclusive("b")])[0];
    let older = script.queue(ann, &[exclusive("b")]);
    let refused = script.refused(bob, &[exclusive("a")], Patience::Endless);
    assert_eq!(
        refused.to_string(),
        "this would wait for ever: session bob waits for lock a, which session ann holds; session \
         ann waits for lock b, which session bob holds; release what is held and begin again, and \
         ask for all locks in one request"
    );
    assert_eq!(script.locks().gauges().deadlocks, 1);
    assert_eq!(script.hand_over(bob, "b", b)[0].0, older);
    script.check_replay();
}

#[test]
fn a_circle_of_three_goes_through_readers_and_queues() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    script.have(ann, &[shared("a")]);
    script.have(bob, &[exclusive("b")]);
    // eve holds nothing, and waits for a behind nobody and for c, which is free.
    script.queue(eve, &[exclusive("a"), exclusive("c")]);
    script.queue(ann, &[exclusive("b")]);
    let refused = script.refused(bob, &[exclusive("c")], Patience::Endless).to_string();
    assert!(
        refused.contains(
            "session bob waits for lock c, which session eve asked for earlier; session eve waits \
             for lock a, which session ann holds; session ann waits for lock b, which session bob \
             holds"
        ),
        "{refused}"
    );
}

#[test]
fn a_circle_through_a_semaphore_is_one_only_when_no_permit_can_come_back() {
    for others_are_free in [true, false] {
        let mut script = Script::new();
        let [ann, bob, eve, joe] = ["ann", "bob", "eve", "joe"].map(|name| script.open(name));
        script.have(ann, &[permits("p", 1, 2)]);
        script.have(joe, &[permits("p", 1, 2)]);
        script.have(bob, &[exclusive("b")]);
        script.have(eve, &[exclusive("e")]);
        script.queue(ann, &[exclusive("b")]);
        script.queue(bob, &[exclusive("e")]);
        if !others_are_free {
            script.queue(joe, &[exclusive("e")]);
        }
        // ann's permit will not come back, since ann waits for bob and bob for eve; joe's may.
        let (_, _, replies) = script.ask(eve, &[permits("p", 1, 2)], Patience::Endless);
        if others_are_free {
            assert_eq!(replies, [], "joe will let go");
            // Now joe holds the last permit that could come back.
            let refused = script.refused(joe, &[exclusive("b")], Patience::Endless);
            assert!(matches!(refused, LockRefusal::Deadlock { .. }), "{refused}");
        } else {
            let LockReply::Refused(LockRefusal::Deadlock { cycle }) = &replies[0].1 else {
                panic!("{replies:?}")
            };
            assert!(cycle.links.len() >= 2, "{cycle}");
            assert!(cycle.to_string().starts_with("session eve waits for lock p"), "{cycle}");
        }
        script.check_replay();
    }
}

#[test]
fn who_waits_for_a_lock_at_which_nobody_waits_for_it_is_no_circle() {
    let mut script = Script::new();
    let names: Vec<String> = (0..20).map(|n| format!("s{n}")).collect();
    let sessions: Vec<_> = names.iter().map(|name| script.open(name)).collect();
    // A long chain: each holds one lock and waits for the one before.
    for (n, session) in sessions.iter().enumerate() {
        script.have(*session, &[exclusive(&format!("k{n}"))]);
        if n > 0 {
            script.queue(*session, &[exclusive(&format!("k{}", n - 1))]);
        }
    }
    // Its end may wait for something else, and its beginning not for its end.
    script.have(sessions[0], &[exclusive("x")]);
    let last = script.refused(sessions[0], &[exclusive("k19")], Patience::Endless);
    let LockRefusal::Deadlock { cycle } = last else { panic!("{last}") };
    assert_eq!((cycle.links.len(), cycle.more), (20, 0));
    let free = script.open("free");
    script.queue(free, &[exclusive("k19"), exclusive("x")]);
}

#[test]
fn a_request_that_holds_one_of_its_locks_already_waits_for_the_others_alone() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    script.have(ann, &[exclusive("a")]);
    let b = script.have(eve, &[exclusive("b")])[0];
    script.queue(bob, &[exclusive("a")]);
    // bob is ahead of it at a, and waits for ann; but ann has a.
    let both = script.queue(ann, &[exclusive("a"), exclusive("b")]);
    assert_eq!(script.hand_over(eve, "b", b)[0].0, both);
    script.check_replay();
}

#[test]
fn a_circle_that_a_wait_from_outside_closes_costs_the_youngest_request() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    script.have(ann, &[exclusive("a")]);
    script.have(bob, &[exclusive("b")]);
    let eve = script.open("eve");
    script.queue(bob, &[exclusive("a")]);
    let youngest = script.queue(eve, &[exclusive("b")]);
    // ann waits for an agent, the agent for eve's session.
    let agent = Party::Agent(AgentId::new("smith").unwrap());
    let (who, whom) = (Party::Session(ann), vec![agent.clone()]);
    assert_eq!(script.tell(LockCommand::Waits { who, whom }), []);
    let (who, whom) = (agent.clone(), vec![Party::Session(eve)]);
    let replies = script.tell(LockCommand::Waits { who, whom });
    let [(to, LockReply::Refused(refusal))] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(*to, youngest);
    assert_eq!(
        refusal.to_string(),
        "this would wait for ever: session eve waits for lock b, which session bob holds; session \
         bob waits for lock a, which session ann holds; session ann waits for agent smith; agent \
         smith waits for session eve; release what is held and begin again, and ask for all locks \
         in one request"
    );
    let last = script.events().last().unwrap();
    let LockEvent::Withdrawn { why: Withdrawal::Deadlock { .. }, .. } = last else {
        panic!("{last:?}")
    };
    // While the agent waits for eve, eve cannot wait for ann; when it does not, it can.
    let refused = script.refused(eve, &[exclusive("a")], Patience::Endless);
    assert!(matches!(refused, LockRefusal::Deadlock { .. }));
    script.tell(LockCommand::Waits { who: agent, whom: Vec::new() });
    script.queue(eve, &[exclusive("a")]);
    script.check_replay();
}

#[test]
fn a_task_that_waits_for_a_task_is_in_the_circle_too() {
    let mut alone = Alone::new();
    let acquire = |task, name| LockCommand::AcquireFor {
        task: TaskNo(task),
        attempt: Attempt(1),
        locks: vec![exclusive(name)],
    };
    alone.tell(acquire(1, "a"));
    let (who, whom) = (Party::Task(TaskNo(1)), vec![Party::Task(TaskNo(2))]);
    alone.tell(LockCommand::Waits { who, whom });
    let before = alone.journal.len();
    alone.tell(acquire(2, "a"));
    assert_eq!(alone.journal.len(), before, "it is refused, and does not wait");
    // When task 1 is through, nothing is in the way.
    let (task, attempt, reason) = (TaskNo(1), Attempt(1), LockReason::Complete);
    let ending = Ending { task, attempt, reason, is_sure: true };
    alone.tell(LockCommand::EndAttempts(vec![ending]));
    alone.tell(acquire(2, "a"));
    let (_, LockEvent::Granted { owner, .. }) = alone.journal.last().unwrap() else { panic!() };
    assert_eq!(*owner, Owner::Attempt { task: TaskNo(2), attempt: Attempt(1) });
}

#[test]
fn why_a_lock_is_not_had_is_told_link_by_link() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    let a = script.have(ann, &[exclusive("a")])[0];
    script.have(bob, &[exclusive("b")]);
    script.queue(bob, &[exclusive("a")]);
    script.queue(eve, &[exclusive("b")]);
    let LockAnswer::Why(links) = script.query(&LockQuery::Why(key("b"))) else { panic!() };
    let links: Vec<String> = links.iter().map(ToString::to_string).collect();
    let expected = [
        "session eve waits for lock b, which session bob holds",
        "session bob waits for lock a, which session ann holds",
    ];
    assert_eq!(links, expected);
    let to = ReplyTo(0);
    assert_eq!(given(script.release(ann, "a", a)[1..].to_vec()).len(), 1);
    assert!(script.tell(LockCommand::Close { to, session: eve }).len() > 1);
}

#[test]
fn who_lets_go_what_its_own_request_counted_on_may_close_a_circle_that_is_broken_at_once() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    script.have(ann, &[exclusive("b")]);
    let a = script.have(bob, &[exclusive("a")])[0];
    let next = script.queue(eve, &[exclusive("a")]);
    // bob has a already, and so waits for b alone; eve waits for b behind bob.
    script.queue(bob, &[exclusive("a"), exclusive("b")]);
    let youngest = script.queue(eve, &[exclusive("b")]);
    // Now eve has a, for which bob waits, for whom eve waits.
    let replies = script.release(bob, "a", a);
    assert_eq!(replies[1].0, next);
    let [_, _, (to, LockReply::Refused(LockRefusal::Deadlock { cycle }))] = &replies[..] else {
        panic!("{replies:?}")
    };
    assert_eq!(*to, youngest);
    assert_eq!(
        cycle.to_string(),
        "session eve waits for lock b, which session bob asked for earlier; session bob waits for \
         lock a, which session eve holds"
    );
    script.check_replay();
}
