//! What a supervisor refuses, and what it costs to have many children.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::world::{World, one_for_one, permanent, plan, transient};
use crate::{
    backoff::Backoff,
    chance::Chance,
    machine::{Machine, ReplyTo},
    restart::{Exit, Intensity},
    supervise::{
        event::{Admin, Effect, Event, Refusal, Reply},
        machine::SupervisorMachine,
        rules::{Plan, Rules, Strategy},
    },
    time::Now,
};

#[test]
fn bad_specs_are_refused_and_told_why() {
    let refused = |plan: Plan, change: &dyn Fn(&mut Rules)| {
        let actor = permanent("a").with(|rules| change(rules));
        World::new(plan, vec![actor]).unwrap_err().to_string()
    };
    let is = |plan: Plan, change: &dyn Fn(&mut Rules), fault: &str| {
        let told = refused(plan, change);
        assert!(told.contains(fault), "{told:?} does not say {fault:?}");
    };
    is(plan(Strategy::OneForOne, 1, 0), &|_| {}, "a period of zero");
    is(one_for_one(1), &|rules| rules.attempts_max = Some(0), "no attempts at all");
    is(plan(Strategy::OneForAll, 1, 5), &|rules| rules.attempts_max = Some(2), "parked alone");
    is(one_for_one(1), &|rules| rules.drain_within = Some(Duration::ZERO), "a limit of zero");
    let none = Backoff { base: Duration::ZERO, ..Backoff::default() };
    is(one_for_one(1), &|rules| rules.backoff = Some(none), "its base is zero");
    let twice = World::new(one_for_one(1), vec![permanent("a"), permanent("a")]);
    assert_eq!(twice.unwrap_err().to_string(), "cannot supervise two children called \"a\"");
    let slash = World::new(one_for_one(1), vec![permanent("a/b")]);
    assert!(slash.unwrap_err().to_string().contains("a slash"));
    let no_template = World::new(plan(Strategy::Dynamic { children_max: 1 }, 1, 5), Vec::new());
    assert!(no_template.unwrap_err().to_string().contains("give exactly one"));
}

#[test]
fn a_bad_spec_that_is_added_later_is_refused_and_changes_nothing() {
    let mut world = World::new(one_for_one(1), vec![permanent("a")]).unwrap();
    let Reply::Refused(Refusal::Bad(fault)) = world.add(transient("s").significant()) else {
        panic!("it was not refused")
    };
    assert!(fault.contains("auto-shutdown is never"), "{fault}");
    assert_eq!(world.states().len(), 1);
}

#[test]
fn a_start_that_was_asked_for_and_fails_is_told_and_forgotten() {
    let mut world = World::new(one_for_one(0), vec![permanent("a")]).unwrap();
    let failing = permanent("b").on_start([1], super::world::Does::Fail);
    assert_eq!(world.add(failing), Reply::Refused(Refusal::StartFailed("no".into())));
    assert_eq!((world.states().len(), &world.end), (1, &None));
    let failing = permanent("c").on_start([2], super::world::Does::Fail);
    world.add(failing);
    world.answer(Admin::Terminate("c".into()));
    let reply = world.answer(Admin::Restart("c".into()));
    assert_eq!(reply, Reply::Refused(Refusal::StartFailed("no".into())));
    assert_eq!((world.states().len(), &world.end), (2, &None), "its spec is kept");
}

/// Ten thousand children crash at once: each end costs the same few effects as among ten, and a
/// question in the midst of it is answered in its own step.
#[test]
fn ten_thousand_crashes_at_once_cost_one_start_each_and_questions_are_answered_between() {
    const MANY: usize = 10_000;
    let rules = Arc::new(Rules::worker());
    let children = (0..MANY).map(|n| (format!("c{n}").into(), Arc::clone(&rules))).collect();
    let intensity = Intensity { restarts: u32::MAX, period: Duration::from_secs(5) };
    let plan = Plan { intensity, children, ..Plan::default() };
    let mut machine = SupervisorMachine::new(&plan, Chance::from_seed(1)).unwrap();
    let mut alive = BTreeMap::new();
    let mut effects = Vec::new();
    machine.step(Now::default(), Event::Open, &mut effects);
    while let Some(effect) = effects.pop() {
        if let Effect::Start(id, incarnation) = effect {
            alive.insert(id.clone(), incarnation);
            machine.step(Now::default(), Event::Started(id, incarnation), &mut effects);
        }
    }
    assert_eq!(alive.len(), MANY);
    effects.clear();
    for (n, (id, incarnation)) in alive.into_iter().enumerate() {
        machine.step(
            Now::default(),
            Event::Exited(id, incarnation, Exit::failed("boom")),
            &mut effects,
        );
        assert_eq!(effects.len(), 2, "its end is noted, and it is started");
        effects.clear();
        if n % 1_000 == 0 {
            machine.step(Now::default(), Event::Asked(ReplyTo(1), Admin::Count), &mut effects);
            let [Effect::Answer(ReplyTo(1), Reply::Counted(counts))] = effects.as_slice() else {
                panic!("not answered in its own step: {effects:?}")
            };
            assert_eq!(counts.active, MANY - n - 1);
            effects.clear();
        }
    }
}
