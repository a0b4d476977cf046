//! What the record says in the end, held against what was said and what was done.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use orkestra_coordinator::{shard::machine::Event, task::TaskEvent};
use orkestra_runtime::{
    fabric::{Fabric as _, Sequence, embedded::Embedded},
    id::ShardId,
    journal::Journal,
    protocol::payload::Payload,
    record::{Kind, decode},
};
use orkestra_tests::command::Desk;
use serde_json::Value;

use crate::Told;

/// How a task's story ends.
const TERMINAL: [&str; 4] = ["task_completed", "task_failed", "task_poison_pill", "task_cancelled"];

/// The audit of a folder, line by line as it is exported.
pub(crate) fn exported(desk: &Desk) -> String {
    desk.run(&["audit", "export", "--data-dir", "data", "-o", "ndjson"]).expect(0).out
}

/// Which attempts left their trace outside: task, attempt and effect key, in order.
pub(crate) fn traced(desk: &Desk) -> Vec<(String, u64, String)> {
    let text = fs::read_to_string(desk.path("trace")).unwrap_or_default();
    let parts = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let (task, attempt) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        (task, attempt, words.next().unwrap())
    };
    assert!(text.is_empty() || text.ends_with('\n'), "a trace was written in part");
    text.lines().map(parts).collect()
}

/// The story of one task, as the record tells it.
#[derive(Debug, Default)]
struct Story {
    assigned: Vec<u64>,
    open: Option<u64>,
    ended: Option<(String, Option<u64>)>,
}

impl Story {
    fn tell(&mut self, event: &Value) {
        let what = event["event_type"].as_str().unwrap();
        assert_eq!(self.ended, None, "something follows the end: {event}");
        let attempt = event["details"]["attempt"].as_u64();
        match what {
            "task_submitted" => return,
            "task_assigned" => {
                assert_eq!(self.open, None, "given while it was given: {event}");
                let next = self.assigned.last().map_or(1, |last| last + 1);
                assert_eq!(attempt, Some(next), "attempts do not rise one by one: {event}");
                self.assigned.push(next);
                self.open = attempt;
                return;
            }
            _ => {}
        }
        if attempt.is_some() {
            assert_eq!(self.open.take(), attempt, "an attempt ended that was not open: {event}");
        }
        if TERMINAL.contains(&what) {
            self.ended = Some((what.trim_start_matches("task_").to_owned(), attempt));
        }
    }
}

/// Figures of a history, for people.
pub(crate) struct Figures {
    /// How many events there are.
    pub(crate) events: u64,
    /// How many reigns there were.
    pub(crate) reigns: usize,
    /// How many attempts were given.
    pub(crate) attempts: usize,
    /// How many attempts left a trace.
    pub(crate) executed: usize,
    /// How many tasks left more than one.
    pub(crate) executed_again: usize,
    /// How many results stand in blobs.
    pub(crate) large: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, reigns, attempts, executed, executed_again, large } = self;
        write!(
            f,
            "{reigns} reigns, {events} events, {attempts} attempts, {executed} of them executed, \
             {executed_again} tasks more than once, {large} large results"
        )
    }
}

/// What a run was, for whoever judges it.
pub(crate) struct Asked {
    /// How many tasks it has.
    pub(crate) tasks: usize,
    /// What must have ended before a task is given to anybody.
    pub(crate) needs: fn(&str) -> Vec<String>,
}

/// Holds the record against what was asked, said and done.
pub(crate) async fn check(desk: &Desk, told: &Told, asked: &Asked) -> Figures {
    let export = exported(desk);
    let mut stories: BTreeMap<String, Story> = BTreeMap::new();
    let mut events = 0;
    for line in export.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        events += 1;
        assert_eq!(event["number"].as_u64(), Some(events), "numbers have a gap: {event}");
        if let Some(task) = event["task_id"].as_str() {
            stories.entry(task.to_owned()).or_default().tell(&event);
            if event["event_type"] == "task_assigned" {
                for need in (asked.needs)(task) {
                    let ended = stories.get(&need).is_some_and(|story| story.ended.is_some());
                    assert!(ended, "given before {need} had ended: {event}");
                }
            }
        }
    }
    assert_eq!(stories.len(), asked.tasks, "tasks are missing");
    check_states(desk, told, &stories);
    let (executed, executed_again) = check_traces(desk, &stories);
    let (reigns, large) = check_journal(&desk.path("data"), events).await;
    Figures {
        events,
        reigns,
        large,
        attempts: stories.values().map(|story| story.assigned.len()).sum(),
        executed,
        executed_again,
    }
}

/// Every task ended once, and as it was said.
fn check_states(desk: &Desk, told: &Told, stories: &BTreeMap<String, Story>) {
    let listed = desk.run(&["task", "list", "--data-dir", "data", "-o", "json"]).expect(0).json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), stories.len());
    for view in listed {
        let (id, state) = (view["id"].as_str().unwrap(), view["state"].as_str().unwrap());
        let story = &stories[id];
        assert!(story.ended.is_some(), "{id} never ended");
        let (ended, attempt) = story.ended.clone().unwrap();
        assert_eq!(ended, state, "{id}");
        assert_eq!(view["attempt"].as_u64(), story.assigned.last().copied(), "{id}");
        assert_eq!(attempt, story.assigned.last().copied(), "{id}");
        if let Some(said) = told.states.get(id) {
            assert_eq!(said, state, "{id} was said to have ended in another way");
        }
    }
    for task in told.states.keys() {
        assert!(stories.contains_key(task), "{task} was said to have ended and is lost");
    }
}

/// What completed was done, and nothing was done that was not given, or twice as one attempt.
fn check_traces(desk: &Desk, stories: &BTreeMap<String, Story>) -> (usize, usize) {
    let traced = traced(desk);
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    for (task, attempt, key) in &traced {
        let known = *keys.entry(task).or_insert(key);
        assert_eq!(known, key, "the effect key of {task} changed at attempt {attempt}");
    }
    let kinds: BTreeSet<&str> = keys.values().copied().collect();
    assert_eq!(kinds.len(), keys.len(), "two tasks have one effect key");
    let distinct: BTreeSet<(String, u64)> =
        traced.iter().map(|(task, attempt, _)| (task.clone(), *attempt)).collect();
    assert_eq!(distinct.len(), traced.len(), "one attempt was executed twice");
    let mut by_task: BTreeMap<&str, usize> = BTreeMap::new();
    for (task, attempt) in &distinct {
        assert!(stories[task].assigned.contains(attempt), "{task} {attempt} was never given");
        *by_task.entry(task).or_default() += 1;
    }
    for (task, story) in stories {
        if let Some((how, Some(attempt))) = &story.ended
            && how == "completed"
        {
            let done = distinct.contains(&(task.clone(), *attempt));
            assert!(done, "{task} completed with attempt {attempt}, which left no trace");
        }
    }
    (traced.len(), by_task.values().filter(|times| **times > 1).count())
}

/// Reads the journal itself: reigns rise, events belong to the reign that wrote them, and what they
/// name is there. Answers how many reigns and how many large results there are.
async fn check_journal(data: &Path, events: u64) -> (usize, usize) {
    let fabric = Embedded::open_read_only(data).unwrap();
    let journal = Journal::of(&fabric, ShardId(0)).unwrap();
    let entries = fabric.logs().read(journal.log(), Sequence(1), usize::MAX).await.unwrap();
    let (mut epochs, mut last, mut at) = (Vec::new(), 0, None);
    let mut large = 0;
    for entry in entries {
        let record = decode::<Event>(&entry.record).unwrap();
        if record.kind == Kind::Epoch {
            assert!(epochs.last() < Some(&record.head.epoch), "{:?}", record.head);
            epochs.push(record.head.epoch);
        } else {
            assert_eq!(epochs.last(), Some(&record.head.epoch), "{:?}", record.head);
            assert_eq!(record.head.first.0, last + 1, "{:?}", record.head);
            last = record.head.last.0;
        }
        assert!(at <= Some(record.head.at), "time goes back: {:?}", record.head);
        at = Some(record.head.at);
        for event in record.events {
            let Event::Task(TaskEvent::Completed { output: Payload::Blob { name, bytes }, .. }) =
                event
            else {
                continue;
            };
            let kept = fabric.blobs().get(&name).await.unwrap().map(|kept| kept.len() as u64);
            assert_eq!(kept, Some(bytes), "a result was named that is not there");
            large += 1;
        }
    }
    assert_eq!(last, events);
    fabric.close().await;
    (epochs.len(), large)
}

#[test]
fn a_story_that_cannot_be_is_seen() {
    let event = |what: &str, attempt: Option<u64>| serde_json::json!({ "event_type": what, "details": { "attempt": attempt } });
    let (given, done) = (event("task_assigned", Some(1)), event("task_completed", Some(1)));
    let is_sound = |events: &[&Value]| {
        let tell = || {
            let mut story = Story::default();
            for event in events {
                story.tell(event);
            }
        };
        std::panic::catch_unwind(tell).is_ok()
    };
    assert!(is_sound(&[&given, &event("task_retry", Some(1)), &event("task_assigned", Some(2))]));
    assert!(is_sound(&[&given, &done]));
    assert!(!is_sound(&[&given, &done, &done]), "two results");
    assert!(!is_sound(&[&given, &done, &event("task_cancelled", None)]), "two ends");
    assert!(!is_sound(&[&given, &done, &event("task_assigned", Some(2))]), "work after the end");
    assert!(!is_sound(&[&done]), "a result of nobody");
    assert!(!is_sound(&[&given, &event("task_completed", Some(2))]), "of another attempt");
    assert!(!is_sound(&[&given, &event("task_assigned", Some(2))]), "given twice");
    assert!(!is_sound(&[&event("task_assigned", Some(2))]), "an attempt was skipped");
}
