//! What OTP's supervisor never sees, since it waits for each start and stop: something happens
//! while a group is restarting, or while the first children are still starting.

use super::world::{Does, World, permanent, plan, temporary};
use crate::{
    id::Incarnation,
    supervise::{
        event::{Admin, ChildState, Event, Refusal, Reply},
        rules::{Plan, Strategy},
    },
};

fn one_for_all() -> Plan {
    plan(Strategy::OneForAll, 9, 5)
}

fn names(world: &mut World) -> Vec<(String, bool)> {
    let states = world.states();
    states.into_iter().map(|(id, state)| (id, state == ChildState::Running)).collect()
}

#[test]
fn a_child_that_is_terminated_while_its_group_restarts_is_left_out() {
    let actors = vec![permanent("a"), permanent("b"), permanent("c").slow(500)];
    let mut world = World::new(one_for_all(), actors).unwrap();
    world.die("a", "boom");
    assert_eq!(world.answer(Admin::Terminate("b".into())), Reply::Done);
    world.sleep(500);
    let told = names(&mut world);
    assert_eq!(told, [("a".into(), true), ("b".into(), false), ("c".into(), true)]);
}

#[test]
fn a_temporary_child_that_ends_while_its_group_stops_is_forgotten() {
    let actors = vec![permanent("a"), temporary("t"), permanent("c").slow(500)];
    let mut world = World::new(one_for_all(), actors).unwrap();
    world.die("a", "boom");
    world.die("t", "boom");
    world.sleep(500);
    assert_eq!(names(&mut world), [("a".into(), true), ("c".into(), true)]);
}

#[test]
fn who_fails_while_its_group_stops_is_not_counted_again() {
    let actors = vec![permanent("a"), permanent("b"), permanent("c").slow(500)];
    let mut world = World::new(plan(Strategy::OneForAll, 1, 5), actors).unwrap();
    world.die("a", "boom");
    world.die("b", "boom");
    world.sleep(500);
    assert_eq!(world.end, None);
    assert_eq!(names(&mut world).len(), 3);
}

#[test]
fn who_fails_while_its_group_starts_begins_the_restart_anew() {
    let actors = vec![permanent("a"), permanent("b").on_start([2], Does::Linger), permanent("c")];
    let mut world = World::new(one_for_all(), actors).unwrap();
    world.die("c", "boom");
    world.trace.clear();
    world.die("a", "boom");
    assert_eq!(world.trace, ["{dies,a,boom}", "{started,a,3}", "{started,b,3}", "{started,c,2}"]);
}

#[test]
fn a_child_that_is_added_while_a_group_restarts_starts_in_its_turn() {
    let actors = vec![permanent("a"), permanent("b").slow(500)];
    let mut world = World::new(one_for_all(), actors).unwrap();
    world.die("a", "boom");
    world.expect(permanent("z"));
    let asked = world.ask(Admin::Start("z".into(), Some(permanent("z").rules.into())));
    world.trace.clear();
    world.sleep(500);
    assert_eq!(
        world.trace,
        ["{stopped_late,b}", "{started,a,2}", "{started,b,2}", "{started,z,1}"]
    );
    assert!(
        world
            .replies
            .iter()
            .any(|(to, reply)| { *to == asked && matches!(reply, Reply::Started(_)) })
    );
}

#[test]
fn an_end_during_the_first_start_waits_until_all_are_up() {
    let actors = vec![permanent("a"), permanent("b").on_start([1], Does::Linger), permanent("c")];
    let mut world = World::new(one_for_all(), actors).unwrap();
    world.die("a", "boom");
    assert_eq!(world.trace, ["{started,a,1}", "{lingers,b,1}", "{dies,a,boom}"]);
    world.trace.clear();
    world.alive.insert("b".into(), Incarnation(2));
    world.feed(Event::Started("b".into(), Incarnation(2)));
    assert_eq!(
        world.trace,
        [
            "{started,c,1}",
            "{stopped,c,shutdown}",
            "{stopped,b,shutdown}",
            "{started,a,2}",
            "{started,b,2}",
            "{started,c,2}"
        ]
    );
}

#[test]
fn a_child_that_is_being_restarted_is_present_and_not_started() {
    let actors = vec![permanent("a").on_start([2], Does::Linger), permanent("b")];
    let mut world = World::new(plan(Strategy::OneForOne, 9, 5), actors).unwrap();
    world.die("a", "boom");
    assert_eq!(world.add(permanent("a")), Reply::Refused(Refusal::AlreadyPresent));
    assert_eq!(world.add(permanent("b")), Reply::Refused(Refusal::AlreadyStarted));
    assert_eq!(
        world.answer(Admin::Restart("a".into())),
        Reply::Refused(Refusal::Restarting),
        "whoever asks for it need not"
    );
}
