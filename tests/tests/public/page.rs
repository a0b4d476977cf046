//! What the page about NATS shows, done and compared.

use std::path::Path;

use orkestra_coordinator::{public::SUBJECTS, system::Member};
use orkestra_runtime::fabric::Headers;
use serde_json::Value;

use crate::stage::{Stage, adder};

fn page_of(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join("docs").join(name)).unwrap()
}

fn page() -> String {
    page_of("nats.md")
}

/// What is asked where, and what is shown as the answer.
fn examples(page: &str) -> Vec<(String, String, Value)> {
    let lines: Vec<&str> = page.lines().collect();
    let asked = lines.windows(2).filter_map(|pair| {
        let typed = pair[0].strip_prefix("$ nats req ork.v1.main.")?;
        let (subject, word) = typed.split_once(" '")?;
        let shown = serde_json::from_str(pair[1]).unwrap();
        Some((subject.to_owned(), word.trim_end_matches('\'').to_owned(), shown))
    });
    asked.collect()
}

/// Where something else was told than is shown; `…` stands for anything.
fn difference(at: &str, shown: &Value, told: &Value) -> Option<String> {
    match (shown, told) {
        (Value::String(any), _) if any == "…" => None,
        (Value::Object(shown), Value::Object(told)) => {
            let names = |fields: &serde_json::Map<String, Value>| {
                let mut names: Vec<String> = fields.keys().cloned().collect();
                names.sort_unstable();
                names
            };
            if names(shown) != names(told) {
                return Some(format!("{at} has {:?}, not {:?}", names(told), names(shown)));
            }
            shown.iter().find_map(|(name, shown)| {
                difference(&format!("{at}.{name}"), shown, told.get(name).unwrap())
            })
        }
        (Value::Array(shown), Value::Array(told)) if shown.len() == told.len() => {
            let mut pairs = shown.iter().zip(told);
            pairs.find_map(|(shown, told)| difference(&format!("{at}[]"), shown, told))
        }
        (shown, told) if shown == told => None,
        (shown, told) => Some(format!("{at} is {told}, not {shown}")),
    }
}

#[tokio::test]
async fn whatever_the_page_asks_is_answered_as_it_shows() {
    answered_as_shown("nats.md", vec![adder()]).await;
}

#[tokio::test]
async fn whatever_the_page_of_locks_asks_is_answered_as_it_shows() {
    // With nobody else there the numbers are those that are shown.
    answered_as_shown("locks.md", Vec::new()).await;
}

async fn answered_as_shown(page: &str, members: Vec<Member>) {
    let stage = Stage::alone(members).await;
    let examples = examples(&page_of(page));
    assert!(examples.len() >= 10, "only {} examples were found", examples.len());
    let mut wrong = Vec::new();
    for (subject, word, shown) in examples {
        if subject == "run.get" && shown["ok"] == true {
            // The run has ended when its last task has; both are one step.
            stage.ended("sums", "b").await;
        }
        let (_, told) = stage.ask_raw(&subject, Headers::new(), word.as_bytes()).await;
        let found = difference("the answer", &shown, &told);
        wrong.extend(found.map(|found| format!("{subject} {word}: {found}\n  {told}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_page_tells_of_every_subject_and_of_no_other() {
    let page = page();
    let table = page.split("## Requests").nth(1).unwrap().split("###").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let named = rows.flat_map(|row| {
        let cell = row.split(" | ").next().unwrap();
        cell.split('`').filter(|text| text.contains('.')).collect::<Vec<_>>()
    });
    let mut named: Vec<&str> = named.collect();
    named.sort_unstable();
    assert_eq!(named, SUBJECTS);
}
