use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use super::*;
use crate::{
    fabric::{Fabric as _, Pattern, Subject, embedded::Embedded},
    id::{Incarnation, NodeId},
    machine::Machine as _,
    protocol::node::{NodeBeat, Reads, Roles, Staying, VERSION_BYTES_MAX},
    time::{Moment, Now, SystemClock, Wall},
    wire,
};

fn beat(name: &str, boot: u64, number: u64) -> NodeBeat {
    NodeBeat {
        node: NodeId::new(name).unwrap(),
        boot: Incarnation(boot),
        number,
        roles: Roles { coordinator: true, agents: false, ..Roles::default() },
        since: Wall::from_ms(0),
        capacity: 4,
        running: 1,
        led: 2,
        version: "orkestra 0.1.0".into(),
        reads: Reads { record: 2, events: 1 },
        staying: Staying::Stays,
    }
}

#[derive(Debug)]
struct Script(PresenceMachine);

impl Script {
    fn new() -> Self {
        Self(PresenceMachine::new(PresenceSettings::default()))
    }

    fn at(&mut self, ms: u64, event: Event) -> Vec<Effect> {
        self.run_to(ms);
        let mut effects = Vec::new();
        self.0.step(now(ms), event, &mut effects);
        effects
    }

    fn hear(&mut self, ms: u64, beat: NodeBeat) -> Vec<Effect> {
        self.at(ms, Event::Heard(beat))
    }

    /// Wakes it as often as it wants, as a node at work does.
    fn run_to(&mut self, ms: u64) -> Vec<(u64, Effect)> {
        let mut all = Vec::new();
        while let Some(due) = self.0.wakeup().filter(|due| *due <= Moment::from_ms(ms)) {
            let mut effects = Vec::new();
            self.0.tick(Now { moment: due, wall: Wall::default() }, &mut effects);
            assert!(self.0.wakeup().is_some_and(|next| next > due));
            all.extend(effects.into_iter().map(|effect| (due.as_nanos() / 1_000_000, effect)));
        }
        all
    }
}

fn now(ms: u64) -> Now {
    Now { moment: Moment::from_ms(ms), wall: Wall::default() }
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

#[test]
fn whoever_is_silent_is_missed_and_told_from_one_that_restarted_when_it_is_back() {
    let mut script = Script::new();
    let up = Effect::Up { node: node("a") };
    assert_eq!(script.hear(0, beat("a", 7, 1)), [up]);
    assert_eq!(script.hear(300, beat("a", 7, 2)), []);
    let down = Effect::Down { node: node("a"), boot: Incarnation(7) };
    assert_eq!(script.run_to(3_000), [(1_500, down)]);
    let back = Effect::Back { node: node("a"), away: Duration::from_millis(2_700) };
    assert_eq!(script.hear(3_000, beat("a", 7, 3)), [back]);
    let (from, to) = (Incarnation(7), Incarnation(9));
    assert_eq!(
        script.hear(3_100, beat("a", 9, 1)),
        [Effect::Restarted { node: node("a"), from, to }]
    );
    let member = script.0.members().get(&node("a")).unwrap();
    assert_eq!(member.up_for(Moment::from_ms(4_100)), Some(Duration::from_secs(1)));
    assert_eq!(member.times_down, 1);
}

#[test]
fn what_an_earlier_life_says_is_refused_and_what_comes_late_says_nothing() {
    let mut script = Script::new();
    script.hear(0, beat("a", 9, 5));
    let refused = Effect::Refused { node: node("a"), boot: Incarnation(7) };
    assert_eq!(script.hear(10, beat("a", 7, 99)), [refused]);
    assert_eq!(script.hear(1_000, beat("a", 9, 4)), []);
    assert_eq!(script.hear(1_000, beat("a", 9, 5)), []);
    assert_eq!(script.0.members().refused(), 3);
    // Neither kept it alive.
    assert_eq!(script.run_to(1_300).len(), 1);
}

#[test]
fn whoever_was_paused_itself_or_cut_off_misses_nobody_because_of_that() {
    let mut script = Script::new();
    script.hear(0, beat("a", 1, 1));
    let mut effects = Vec::new();
    script.0.tick(now(60_000), &mut effects);
    assert_eq!(effects, [Effect::WasPaused { paused: Duration::from_mins(1) }]);
    script.at(60_100, Event::Connected(false));
    assert_eq!(script.run_to(90_000), []);
    script.at(90_000, Event::Connected(true));
    assert_eq!(script.run_to(91_000), []);
    assert_eq!(script.run_to(91_200).len(), 1);
}

#[test]
fn a_node_that_says_that_it_goes_is_not_missed_and_changes_are_told() {
    let mut script = Script::new();
    script.hear(0, beat("a", 1, 1));
    let draining = NodeBeat { staying: Staying::Draining, ..beat("a", 1, 2) };
    assert_eq!(script.hear(100, draining), [Effect::Changed { node: node("a") }]);
    assert_eq!(script.0.members().get(&node("a")).unwrap().word(), "draining");
    let leaving = NodeBeat { staying: Staying::Leaving, ..beat("a", 1, 3) };
    let left = Effect::Left { node: node("a"), boot: Incarnation(1) };
    assert_eq!(script.hear(200, leaving), [Effect::Changed { node: node("a") }, left]);
    assert_eq!(script.run_to(10_000), []);
    assert_eq!(script.0.members().get(&node("a")).unwrap().word(), "left");
    // After a long while it is forgotten.
    script.run_to(3_700_000);
    assert!(script.0.members().get(&node("a")).is_none());
}

#[test]
fn no_more_nodes_are_known_than_there_is_room_for() {
    let mut script = Script::new();
    for at in 0..=NODES_MAX {
        script.hear(0, beat(&format!("n{at}"), 1, 1));
    }
    assert_eq!(script.0.members().iter().count(), NODES_MAX);
    assert_eq!(script.0.members().refused(), 1);
}

#[test]
fn the_coordinator_that_reads_least_is_known_until_it_is_drained() {
    let least = |script: &Script| {
        script.0.members().least_reader().map(|member| member.beat.node.as_str().to_owned())
    };
    let mut script = Script::new();
    assert_eq!(least(&script), None);
    script.hear(0, beat("a", 1, 1));
    let older = NodeBeat { reads: Reads { record: 1, events: 9 }, ..beat("b", 1, 1) };
    script.hear(0, older.clone());
    let agents = Roles { coordinator: false, agents: true, ..Roles::default() };
    let other = NodeBeat { roles: agents, reads: Reads::default(), ..beat("c", 1, 1) };
    script.hear(0, other);
    assert_eq!(least(&script).as_deref(), Some("b"));
    script.hear(0, NodeBeat { number: 2, staying: Staying::Draining, ..older });
    assert_eq!(least(&script).as_deref(), Some("a"));
}

#[test]
fn a_beat_that_says_too_much_is_refused() {
    let long = NodeBeat { version: "x".repeat(VERSION_BYTES_MAX + 1), ..beat("a", 1, 1) };
    assert!(wire::decode::<NodeBeat>(&wire::encode(&long).unwrap()).is_err());
    let control = NodeBeat { version: "\u{1b}[2J".into(), ..beat("a", 1, 1) };
    assert!(wire::decode::<NodeBeat>(&wire::encode(&control).unwrap()).is_err());
}

struct Stage {
    presence: Presence,
    says: watch::Sender<NodeBeat>,
    _connected: watch::Sender<bool>,
    runs: JoinHandle<crate::Result<()>>,
}

#[expect(clippy::disallowed_methods, reason = "the test owns it and aborts it")]
fn stage(fabric: &Embedded, name: &str) -> Stage {
    let (says, said) = watch::channel(beat(name, 1, 0));
    let (connected, connection) = watch::channel(true);
    let (handle, watchman) = presence(PresenceParts {
        messages: fabric.messages(),
        subject_of: |node| Subject::new(&format!("hb.{node}")),
        all: Pattern::new("hb.*").unwrap(),
        says: said,
        connected: connection,
        clock: SystemClock::following_tokio(),
        settings: PresenceSettings::default(),
    });
    let runs = tokio::spawn(watchman.run());
    Stage { presence: handle, says, _connected: connected, runs }
}

async fn sees(stage: &Stage, words: &[(&str, &str)]) -> Arc<Members> {
    let mut members = stage.presence.members();
    let told = |members: &Arc<Members>| {
        words.iter().all(|(name, word)| members.get(&node(name)).is_some_and(|m| m.word() == *word))
    };
    Arc::clone(&members.wait_for(told).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn nodes_see_each_other_come_stall_and_go() {
    let fabric = Embedded::memory();
    let (a, b) = (stage(&fabric, "a"), stage(&fabric, "b"));
    sees(&a, &[("a", "up"), ("b", "up")]).await;
    sees(&b, &[("a", "up"), ("b", "up")]).await;
    b.says.send_modify(|beat| beat.running = 3);
    let mut members = a.presence.members();
    let told = |all: &Arc<Members>| all.get(&node("b")).is_some_and(|b| b.beat.running == 3);
    members.wait_for(told).await.unwrap();

    // Junk, and what one says in the name of another, is not believed.
    let subject = Subject::new("hb.x").unwrap();
    let forged = NodeBeat { number: 1_000, running: 4, ..beat("b", 9, 1) };
    fabric.messages().publish(&subject, wire::encode(&forged).unwrap()).await.unwrap();
    fabric.messages().publish(&subject, "junk".into()).await.unwrap();

    b.says.send_modify(|beat| beat.staying = Staying::Leaving);
    let all = sees(&a, &[("b", "left")]).await;
    assert_eq!(all.get(&node("b")).unwrap().beat.boot, Incarnation(1));
    let c = stage(&fabric, "c");
    sees(&a, &[("c", "up")]).await;
    c.runs.abort();
    sees(&a, &[("a", "up"), ("c", "down")]).await;
    a.runs.abort();
}
