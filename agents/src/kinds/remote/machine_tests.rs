//! An agent elsewhere, told by what it says and what it is told.

use std::time::Duration;

use orkestra_runtime::{
    id::{Attempt, TaskNo},
    protocol::{agent::Availability, task::FailureKind},
    time::Moment,
};
use serde_json::{Value, json};

use super::{
    machine::{Effect, Heard, Pace, RemoteMachine},
    words::{Beat, Code, Join, Key, Say, Trouble, WORD_BYTES_MAX},
};

const PACE: Pace = Pace {
    beat_every: Duration::from_secs(1),
    silence: Duration::from_secs(3),
    lost_after: Duration::from_secs(10),
    forget_after: Duration::from_mins(10),
};

/// A machine with a clock, and what it did last.
struct World {
    machine: RemoteMachine,
    now: u64,
    done: Vec<Effect>,
}

impl World {
    fn new() -> Self {
        Self { machine: RemoteMachine::new(Moment::START, PACE), now: 0, done: Vec::new() }
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = ms;
        self.done.clear();
        self
    }

    fn now(&self) -> Moment {
        Moment::from_ms(self.now)
    }

    fn join(&mut self, session: &str) -> Result<(), Code> {
        let joined = self.machine.join(self.now(), session, &mut self.done);
        joined.map_err(|trouble| trouble.code)
    }

    fn beat(&mut self, session: &str, held: &[&str]) -> Result<Vec<String>, Code> {
        let body = json!({ "session": session, "held": held }).to_string();
        let beat = Beat::read(body.as_bytes()).map_err(|trouble| trouble.code)?;
        let drop = self.machine.beat(self.now(), &beat, &mut self.done);
        let names = |drop: Vec<Key>| drop.iter().map(|key| key.as_str().to_owned()).collect();
        drop.map(names).map_err(|trouble| trouble.code)
    }

    fn say(&mut self, said: &Value) -> Result<Heard, Code> {
        let say = Say::read(said.to_string().as_bytes()).map_err(|trouble| trouble.code)?;
        self.machine.say(self.now(), say, &mut self.done).map_err(|trouble| trouble.code)
    }

    fn begin(&mut self, task: u64) {
        let key = Key::of(TaskNo(task), Attempt(1));
        let assign = format!("assign {}", key.as_str()).into();
        self.machine.begin(self.now(), (key, assign), &mut self.done);
    }

    fn tick(&mut self) {
        self.machine.tick(self.now(), &mut self.done);
    }

    /// What was done, in short.
    fn did(&self) -> Vec<String> {
        let short = |effect: &Effect| match effect {
            Effect::Send(word) => format!("send {}", String::from_utf8_lossy(word)),
            Effect::Settle(key, Ok(output)) => format!("{} completed {output}", key.as_str()),
            Effect::Settle(key, Err(failure)) => format!("{} {}", key.as_str(), failure.kind),
            Effect::Alive(key) => format!("{} lives", key.as_str()),
            Effect::Progress(key, percent, message) => {
                format!("{} at {percent} {message}", key.as_str())
            }
            Effect::Keep(key, name, text) => format!("{} keeps {name}: {text}", key.as_str()),
        };
        self.done.iter().map(short).collect()
    }

    fn is_there(&self) -> bool {
        self.machine.availability(self.now()) == Availability::Available
    }
}

fn said(r#type: &str) -> Value {
    json!({ "session": "a", "key": "7-1", "type": r#type })
}

fn with(mut said: Value, field: &str, value: impl Into<Value>) -> Value {
    said[field] = value.into();
    said
}

#[test]
fn what_was_lost_on_the_way_is_sent_again_at_the_next_beat() {
    let mut world = World::new();
    world.join("a").unwrap();
    world.begin(7);
    assert_eq!(world.did(), ["send assign 7-1"]);
    assert_eq!(world.at(100).beat("a", &[]), Ok(vec![]));
    assert_eq!(world.did(), [""; 0], "it may still be on its way");
    world.at(1_000).beat("a", &[]).unwrap();
    assert_eq!(world.did(), ["send assign 7-1"]);
    world.at(2_000).beat("a", &["7-1"]).unwrap();
    assert_eq!(world.did(), ["7-1 lives"]);
}

#[test]
fn an_outcome_counts_once_and_whoever_repeats_it_is_told_that_it_was_heard() {
    let mut world = World::new();
    world.join("a").unwrap();
    world.begin(7);
    world.at(5).say(&said("started")).unwrap();
    world.say(&with(with(said("progress"), "percent", 240.5), "message", "far")).unwrap();
    let kept = with(with(said("kept"), "name", "log"), "text", "all of it");
    world.say(&kept).unwrap();
    assert_eq!(world.did(), ["7-1 lives", "7-1 at 100 far", "7-1 keeps log: all of it"]);
    let completed = with(said("completed"), "output", json!({ "sum": 6 }));
    assert_eq!(world.at(9).say(&completed), Ok(Heard::Ok));
    assert_eq!(world.did(), [r#"7-1 completed {"sum":6}"#]);
    assert_eq!(world.at(10).say(&completed), Ok(Heard::Ok));
    assert_eq!(world.say(&with(completed, "key", "8-1")), Ok(Heard::Stale));
    assert_eq!(world.did(), [""; 0]);
}

#[test]
fn what_nobody_waits_for_is_to_be_dropped() {
    let mut world = World::new();
    world.join("a").unwrap();
    world.begin(7);
    world.at(10).say(&said("started")).unwrap();
    let key = Key::of(TaskNo(7), Attempt(1));
    world.at(20).machine.cancel(&key, "enough", &mut Vec::new());
    let mut effects = Vec::new();
    world.machine.forget(&key, &mut effects);
    assert_eq!(effects.len(), 1, "{effects:?}");
    assert_eq!(world.at(30).beat("a", &["7-1", "9-3"]), Ok(vec!["7-1".into(), "9-3".into()]));
    assert_eq!(world.say(&said("completed")), Ok(Heard::Stale));
    assert_eq!(world.did(), [""; 0]);
}

#[test]
fn whoever_is_silent_is_away_and_what_it_holds_is_lost_later() {
    let mut world = World::new();
    assert!(!world.is_there(), "nobody has joined");
    world.join("a").unwrap();
    world.begin(7);
    world.at(2_999).tick();
    assert!(world.is_there());
    world.at(3_000).tick();
    assert!(!world.is_there());
    assert_eq!(world.did(), [""; 0], "it may come back in time");
    assert_eq!(world.say(&said("completed")), Ok(Heard::Ok));
    assert!(world.is_there());
    world.begin(8);
    world.at(13_000).tick();
    assert_eq!(world.did(), ["8-1 lost"]);
    assert!(!world.machine.is_gone(world.now()));
    world.at(700_000).tick();
    assert!(world.machine.is_gone(world.now()));
}

#[test]
fn the_newest_session_counts_and_the_older_one_is_told_to_end() {
    let mut world = World::new();
    world.join("a").unwrap();
    world.begin(7);
    world.say(&said("started")).unwrap();
    world.begin(8);
    world.at(100).join("b").unwrap();
    assert_eq!(world.did(), ["7-1 lost", "send assign 8-1"], "what it knew of is lost with it");
    assert_eq!(world.beat("a", &["7-1"]), Err(Code::Replaced));
    assert_eq!(world.say(&said("completed")), Err(Code::Replaced));
    assert_eq!(world.join("a"), Err(Code::Replaced));
    assert_eq!(world.beat("c", &[]), Err(Code::UnknownSession));
    assert_eq!(world.at(200).join("b"), Ok(()), "to join twice is to join once");
    assert_eq!(world.beat("b", &["8-1"]), Ok(vec![]));
}

#[test]
fn an_agent_may_fail_and_may_decline() {
    let mut world = World::new();
    world.join("a").unwrap();
    let failed = with(with(said("failed"), "message", "no"), "retryable", false);
    let declined = with(with(said("declined"), "key", "8-1"), "message", "full");
    for (task, said) in [(7, failed), (8, declined)] {
        world.begin(task);
        world.say(&said).unwrap();
    }
    let settled = world.done.iter().filter_map(|effect| match effect {
        Effect::Settle(_, Err(failure)) => Some((failure.kind, failure.retryable)),
        _ => None,
    });
    let expected = [(FailureKind::Error, false), (FailureKind::HandedBack, true)];
    assert_eq!(settled.collect::<Vec<_>>(), expected);
}

#[test]
fn whatever_is_not_a_word_is_refused_with_what_is_wrong_with_it() {
    let refused = |body: Vec<u8>| Say::read(&body).unwrap_err();
    let told = |said: Value| refused(said.to_string().into_bytes());
    assert_eq!(refused(b"{\"type\":".to_vec()).code, Code::Unreadable);
    assert_eq!(refused(vec![b' '; WORD_BYTES_MAX + 1]).code, Code::TooLarge);
    let unknown: Trouble = told(with(said("started"), "colour", "red"));
    assert_eq!(unknown.code, Code::Invalid);
    assert!(unknown.message.contains("unknown field `colour`"), "{unknown}");
    let shouted = told(said("shouted"));
    assert!(shouted.message.contains("known are started, progress"), "{shouted}");
    let misplaced = told(with(said("failed"), "output", 1));
    assert_eq!(misplaced.message, "\"output\" is no field of type \"failed\"");
    assert_eq!(told(with(said("started"), "key", "a b")).code, Code::Invalid);
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = format!(r#"{{"session":"a","key":"7-1","type":"completed","output":{deep}}}"#);
    assert_eq!(refused(deep.into_bytes()).code, Code::Unreadable);
    let joins = [
        json!({ "session": "a" }),
        json!({ "name": "no spaces", "session": "a" }),
        json!({ "name": "ann", "session": "a", "capacity": 0 }),
        json!({ "name": "ann", "session": "a", "capacity": 1_001 }),
        json!({ "name": "ann", "session": "a", "kind": "person" }),
        json!({ "name": "ann", "session": "" }),
        json!({ "name": "ann", "session": "a", "specialties": vec!["s"; 65] }),
        json!({ "name": "ann", "session": "a", "description": "x".repeat(1_025) }),
    ];
    for join in joins {
        let trouble = Join::read(join.to_string().as_bytes()).unwrap_err();
        assert_eq!(trouble.code, Code::Invalid, "{join}");
        let answer: Value = serde_json::from_slice(&trouble.answer()).unwrap();
        assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!("INVALID")));
    }
    let plain = Join::read(br#"{"name":"ann","session":"a"}"#).unwrap();
    assert_eq!((plain.capacity, plain.kind.as_str()), (1, "remote"));
}
