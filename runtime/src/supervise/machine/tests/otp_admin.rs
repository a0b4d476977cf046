//! Rows 38 and 39: what can be asked while it runs. Rows 44 to 47 need a tree; here is their part
//! of the policy.

use super::{
    oracle::as_otp,
    world::{abc, one_for_one, permanent, plan, temporary, transient},
};
use crate::{
    restart::Exit,
    supervise::{
        event::{Admin, ChildState, Counts, End, Event, Refusal, Reply},
        machine::tests::world::World,
        rules::{Shutdown, Strategy},
    },
};

#[test]
fn row_38_children_are_terminated_restarted_and_deleted() {
    as_otp("terminate/restart/delete child", one_for_one(3), abc(), |world| {
        world.terminate("b");
        world.which();
        world.restart("b");
        world.which();
        world.restart("b");
        world.delete("b");
        world.terminate("b");
        world.delete("b");
        world.which();
        world.restart("b");
    });
    as_otp(
        "terminate temporary removes its spec",
        one_for_one(3),
        vec![temporary("t"), permanent("b")],
        |world| {
            world.terminate("t");
            world.which();
            world.restart("t");
        },
    );
    as_otp(
        "terminate_child is not counted and not restarted",
        plan(Strategy::OneForAll, 0, 5),
        abc(),
        |world| {
            world.terminate("b");
            world.which();
        },
    );
}

#[test]
fn row_39_a_name_is_taken_once() {
    as_otp("duplicate id", one_for_one(3), vec![permanent("a")], |world| {
        world.start_child(permanent("a"));
        world.start_child(permanent("b"));
        world.which();
    });
    let mut world = World::new(one_for_one(3), vec![transient("t")]).unwrap();
    world.die("t", "normal");
    assert_eq!(world.add(transient("t")), Reply::Refused(Refusal::AlreadyPresent));
}

#[test]
fn row_44_a_supervisor_that_gives_up_has_no_child_left_that_was_added_later() {
    let mut world = World::new(one_for_one(0), vec![permanent("a")]).unwrap();
    world.add(permanent("later"));
    world.die("a", "boom");
    assert_eq!(world.end, Some(End::GaveUp("a".into())));
    assert!(world.alive.is_empty());
    // The parent starts it from its plan, which knows nothing of `later`.
    let mut again = World::new(one_for_one(0), vec![permanent("a")]).unwrap();
    assert_eq!(again.states(), [("a".to_owned(), ChildState::Running)]);
}

#[test]
fn row_45_a_child_that_does_not_die_does_not_hang_the_supervisor() {
    let immortal = permanent("b").immortal().slow(99_000).with(|rules| {
        rules.shutdown = Shutdown::Brutal;
    });
    let actors = vec![permanent("a"), immortal, permanent("c")];
    let mut world = World::new(one_for_one(3), actors).unwrap();
    let asked = world.ask(Admin::Terminate("b".into()));
    assert!(world.replies.iter().all(|(to, _)| *to != asked), "it has not ended");
    world.die("a", "boom");
    assert_eq!(world.answer(Admin::Restart("b".into())), Reply::Refused(Refusal::Running));
    world.close();
    assert_eq!(world.now_ms, 10_000);
}

#[test]
fn row_46_instances_of_a_template_are_stopped_together() {
    let mut world =
        World::new(plan(Strategy::Dynamic { children_max: 9 }, 3, 5), vec![permanent("template")])
            .unwrap();
    for id in ["x", "y", "z"] {
        world.add_instance(id);
    }
    world.trace.clear();
    let mut effects = Vec::new();
    crate::machine::Machine::step(
        &mut world.machine,
        crate::time::Now::default(),
        Event::Close,
        &mut effects,
    );
    let stops =
        effects.iter().filter(|e| matches!(e, crate::supervise::event::Effect::Stop(..))).count();
    assert_eq!(stops, 3, "all are asked before any has answered");
}

#[test]
fn row_47_two_thousand_instances_are_counted_and_a_restart_loop_leaves_room_for_questions() {
    let mut world = World::new(
        plan(Strategy::Dynamic { children_max: 2_000 }, u32::MAX, 5),
        vec![permanent("template")],
    )
    .unwrap();
    for n in 0..2_000 {
        world.add_instance(Box::leak(format!("i{n}").into_boxed_str()));
    }
    let Reply::Counted(counts) = world.answer(Admin::Count) else { panic!("not a count") };
    let expected =
        Counts { specs: 1, active: 2_000, supervisors: 0, workers: 2_000, ..Counts::default() };
    assert_eq!(counts, expected);
    let reply = world.add_instance("one-more");
    assert_eq!(
        world.replies.iter().find(|(to, _)| *to == reply).map(|(_, reply)| reply.clone()),
        Some(Reply::Refused(Refusal::Full(2_000)))
    );
    // A restart that hangs in its start: every question is answered at once meanwhile.
    let lingering = permanent("l").on_start([2], super::world::Does::Linger);
    let mut world = World::new(one_for_one(3), vec![lingering, permanent("b")]).unwrap();
    world.die("l", "boom");
    assert_eq!(world.states()[0].1, ChildState::Starting);
    assert_eq!(world.answer(Admin::Restart("l".into())), Reply::Refused(Refusal::Restarting));
    assert_eq!(world.answer(Admin::Terminate("b".into())), Reply::Done);
    assert_eq!(world.answer(Admin::Terminate("l".into())), Reply::Done);
    assert_eq!(world.answer(Admin::Delete("l".into())), Reply::Done);
}

#[test]
fn what_comes_from_a_life_that_is_over_changes_nothing() {
    let mut world = World::new(one_for_one(3), vec![permanent("a")]).unwrap();
    let first = world.alive["a"];
    world.die("a", "boom");
    let trace = world.trace.clone();
    world.feed(Event::Exited("a".into(), first, Exit::Killed));
    world.feed(Event::StartFailed("a".into(), first, "late".into()));
    world.feed(Event::Started("a".into(), first));
    world.feed(Event::Exited("nobody".into(), first, Exit::Killed));
    assert_eq!(world.trace, trace);
    assert_eq!(world.states(), [("a".to_owned(), ChildState::Running)]);
}
