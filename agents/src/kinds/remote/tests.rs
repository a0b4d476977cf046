//! An agent elsewhere and its proxy, over a fabric that shares nothing.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use orkestra_runtime::{
    fabric::{AskError, Fabric as _, Messages, Pattern, Subject, Subscription, embedded::Embedded},
    id::{AgentId, LockKey, Token},
    protocol::{
        lock::Grant,
        payload::Json,
        task::{Failure, FailureKind},
    },
    time::SystemClock,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Code, Join, Line, Pace, RemoteAgent, Subjects};
use crate::{Agent as _, Context, testing};

/// Long enough for a busy machine; nothing waits for it in vain.
const WITHIN: Duration = Duration::from_secs(20);

/// Somebody in another process, who knows nothing but subjects and JSON.
struct Elsewhere {
    messages: Arc<dyn Messages>,
    subjects: Subjects,
    work: Subscription,
}

impl Elsewhere {
    async fn begin(messages: Arc<dyn Messages>) -> Self {
        let subjects = Subjects::of(&ann()).unwrap();
        let pattern = Pattern::new(subjects.work.as_str()).unwrap();
        let work = messages.subscribe(&pattern, None, 100).await.unwrap();
        Self { messages, subjects, work }
    }

    async fn ask(&self, subject: &Subject, word: &Value) -> Value {
        let body = word.to_string().into_bytes().into();
        let answer = self.messages.ask(subject, body, WITHIN).await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    async fn beat(&self, held: &[&str]) -> Value {
        self.ask(&self.subjects.beat, &json!({ "session": "s1", "held": held })).await
    }

    async fn say(&self, mut word: Value, about: &Value) -> Value {
        word["session"] = "s1".into();
        word["key"] = about["key"].clone();
        self.ask(&self.subjects.say, &word).await
    }

    async fn next(&mut self) -> Value {
        let message = tokio::time::timeout(WITHIN, self.work.next()).await.unwrap();
        serde_json::from_slice(&message.unwrap().unwrap().body).unwrap()
    }
}

fn ann() -> AgentId {
    AgentId::new("ann").unwrap()
}

fn join(session: &str) -> Join {
    let word = json!({ "name": "ann", "session": session });
    Join::read(word.to_string().as_bytes()).unwrap()
}

/// A line that is served, and somebody at its other end who has joined.
async fn joined(pace: Pace) -> (Embedded, Line, Elsewhere, tokio::task::JoinSet<()>) {
    let fabric = Embedded::strict();
    let messages = fabric.messages();
    let line = Line::new(pace, SystemClock::start());
    let elsewhere = Elsewhere::begin(Arc::clone(&messages)).await;
    let listening = line.listen(&ann(), messages).await.unwrap();
    line.join(&join("s1")).unwrap();
    let mut served = tokio::task::JoinSet::new();
    served.spawn(async move {
        // A test that ends closes its fabric under the line.
        let _ = listening.serve(Arc::new(|_| Ok(b"again".to_vec()))).await;
    });
    (fabric, line, elsewhere, served)
}

fn attempt(line: &Line, context: Context) -> tokio::task::JoinSet<Result<Json, Failure>> {
    let agent = RemoteAgent::new(line.clone());
    let mut set = tokio::task::JoinSet::new();
    set.spawn(async move { agent.work(testing::work(r#"{"n": 1}"#), context).await });
    set
}

#[tokio::test]
async fn a_program_elsewhere_works_on_a_task() {
    let (_fabric, line, mut elsewhere, _served) = joined(Pace::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let held = Grant { key: LockKey::new("db").unwrap(), token: Token(17) };
    let context = Context::alone(folder.path().to_owned()).with_locks(vec![held]);
    let mut working = attempt(&line, context);
    let task = elsewhere.next().await;
    assert_eq!(task["locks"], json!({ "db": 17 }));
    assert_eq!((&task["type"], &task["input"]), (&json!("assign"), &json!({ "n": 1 })));
    assert_eq!(task["results"], json!({ "before": [1, 2] }));
    let key = task["key"].as_str().unwrap();
    assert_eq!(elsewhere.beat(&[key, "99-1"]).await, json!({ "ok": true, "drop": ["99-1"] }));
    let progress = json!({ "type": "progress", "percent": 50, "message": "half" });
    assert_eq!(elsewhere.say(progress, &task).await, json!({ "ok": true }));
    let completed = json!({ "type": "completed", "output": { "m": 2 } });
    assert_eq!(elsewhere.say(completed.clone(), &task).await, json!({ "ok": true }));
    let outcome = working.join_next().await.unwrap().unwrap();
    assert_eq!(outcome.unwrap().as_str(), r#"{"m":2}"#);
    assert_eq!(elsewhere.say(completed, &task).await, json!({ "ok": true }), "it was heard");
    let unknown = json!({ "key": "99-1" });
    let stale = elsewhere.say(json!({ "type": "started" }), &unknown).await;
    assert_eq!(stale, json!({ "ok": false, "stale": true }));
}

#[tokio::test]
async fn junk_is_refused_with_a_code_and_counted_and_harms_nobody() {
    let (_fabric, line, mut elsewhere, _served) = joined(Pace::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut working = attempt(&line, Context::alone(folder.path().to_owned()));
    let task = elsewhere.next().await;
    for junk in [&b""[..], b"\xff\xfe", b"[]", b"{}", b"{\"session\":1}"] {
        for subject in [&elsewhere.subjects.beat, &elsewhere.subjects.say] {
            let answer = elsewhere.messages.ask_with(
                subject,
                orkestra_runtime::fabric::Headers::new(),
                junk.to_vec().into(),
                WITHIN,
            );
            let (headers, body) = answer.await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["ok"], json!(false), "{body}");
            assert_eq!(headers.get("Nats-Service-Error"), body["code"].as_str());
            assert_eq!(headers.get("Nats-Service-Error-Code"), Some("400"));
        }
    }
    assert_eq!(line.counts(), (1, 10));
    let foreign = json!({ "session": "s2", "held": [] });
    let answer = elsewhere.ask(&elsewhere.subjects.beat, &foreign).await;
    assert_eq!(answer["code"], json!(Code::UnknownSession.as_str()));
    elsewhere.say(json!({ "type": "completed" }), &task).await;
    assert!(working.join_next().await.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn who_is_cancelled_is_told_and_may_still_say_how_it_ended() {
    let (_fabric, line, mut elsewhere, _served) = joined(Pace::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let (cancel, cancelled) = watch::channel(false);
    let context = Context::new("e", folder.path().to_owned(), cancelled, Arc::new(|_| {}));
    let mut working = attempt(&line, context);
    let task = elsewhere.next().await;
    cancel.send_replace(true);
    let told = elsewhere.next().await;
    assert_eq!((&told["type"], &told["key"]), (&json!("cancel"), &task["key"]));
    elsewhere.say(json!({ "type": "failed", "message": "stopped" }), &task).await;
    let failure = working.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(failure.message, "stopped");
}

#[tokio::test]
async fn a_silent_program_loses_what_it_holds_and_is_given_nothing() {
    let ms = Duration::from_millis;
    let pace =
        Pace { beat_every: ms(20), silence: ms(60), lost_after: ms(120), forget_after: ms(400) };
    let (_fabric, line, mut elsewhere, mut served) = joined(pace).await;
    let folder = tempfile::tempdir().unwrap();
    let mut working = attempt(&line, Context::alone(folder.path().to_owned()));
    elsewhere.next().await;
    let failure = working.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Lost);
    let mut refused = attempt(&line, Context::alone(folder.path().to_owned()));
    let failure = refused.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    served.join_next().await.unwrap().unwrap();
    let beat = br#"{"session":"s1","held":[]}"#.to_vec().into();
    let asked = elsewhere.messages.ask(&elsewhere.subjects.beat, beat, WITHIN).await;
    assert_eq!(asked, Err(AskError::NoOne), "it is forgotten, and joins again");
}

#[tokio::test]
async fn what_is_too_large_to_travel_fails_for_good() {
    let (_fabric, line, _elsewhere, _served) = joined(Pace::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let context = Context::alone(folder.path().to_owned());
    let large = format!("\"{}\"", "x".repeat(super::WORD_BYTES_MAX));
    let outcome = line.work(testing::work(&large), context).await;
    let failure = outcome.unwrap_err();
    assert!(!failure.retryable && failure.message.contains("travel"), "{failure}");
    let error = Join::read(&vec![b'x'; super::WORD_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(error.code, Code::TooLarge);
}
