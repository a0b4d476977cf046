//! Locks by JSON requests.

use orkestra_runtime::fabric::Headers;
use serde_json::{Value, json};

use crate::stage::Stage;

async fn opened(stage: &Stage, name: &str) -> u64 {
    let opened = stage.ask("lock.open", &json!({ "name": name, "lease_ms": 60_000 })).await;
    opened["session"].as_u64().unwrap()
}

fn acquire(session: u64, request: u64, wait_ms: u64) -> Value {
    json!({
        "session": session, "request": request, "locks": [{ "key": "file" }], "wait_ms": wait_ms
    })
}

#[tokio::test]
async fn a_lock_goes_from_one_to_the_next_with_a_greater_token_and_the_old_one_is_no_good() {
    let stage = Stage::alone(Vec::new()).await;
    let (ann, bob) = (opened(&stage, "ann").await, opened(&stage, "bob").await);
    let held = stage.ask("lock.acquire", &acquire(ann, 1, 0)).await;
    let again = stage.ask("lock.acquire", &acquire(ann, 1, 0)).await;
    assert_eq!((&held["granted"], &held["locks"]), (&json!(true), &again["locks"]));
    let busy = stage.ask("lock.acquire", &acquire(bob, 1, 0)).await;
    assert_eq!((&busy["granted"], &busy["why"]), (&json!(false), &json!("busy")), "{busy}");
    let in_vain = stage.ask("lock.acquire", &acquire(bob, 2, 20)).await;
    assert_eq!(in_vain["why"], json!("timed_out"), "{in_vain}");

    let (waits, released) =
        tokio::join!(async { stage.ask("lock.acquire", &acquire(bob, 3, 20_000)).await }, async {
            let word = json!({ "session": ann, "request": 2, "locks": held["locks"] });
            stage.ask("lock.release", &word).await
        });
    assert_eq!((&released["released"], &waits["granted"]), (&json!(true), &json!(true)));
    let token = |answer: &Value| answer["locks"][0]["token"].as_u64().unwrap();
    assert!(token(&waits) > token(&held));
    let check = async |token: u64| {
        stage.ask("lock.check", &json!({ "key": "file", "token": token })).await["good"].clone()
    };
    assert_eq!(check(token(&held)).await, json!(false));
    assert_eq!(check(token(&waits)).await, json!(true));
    let renewed = stage.ask("lock.renew", &json!({ "session": bob })).await;
    assert_eq!((&renewed["lease_ms"], &renewed["losses"]), (&json!(60_000), &json!(0)));
}

#[tokio::test]
async fn what_is_stolen_is_told_to_whoever_renews_and_stands_in_the_events() {
    let stage = Stage::alone(Vec::new()).await;
    let ann = opened(&stage, "ann").await;
    let held = stage.ask("lock.acquire", &acquire(ann, 1, 0)).await;
    let token = held["locks"][0]["token"].clone();
    let theft = json!({ "key": "file", "token": token, "reason": "she is away", "as": "bob" });
    let stolen = stage.ask("lock.steal", &theft).await;
    assert!(stolen["token"].as_u64() >= token.as_u64(), "{stolen}");
    let renewed = stage.ask("lock.renew", &json!({ "session": ann })).await;
    assert_eq!(renewed["losses"], json!(1), "{renewed}");
    let word = json!({ "session": ann, "request": 2, "locks": held["locks"] });
    let late = stage.ask("lock.release", &word).await;
    assert_eq!(late["code"], json!("CONFLICT"), "{late}");
    let events = stage.ask("evt.read", &json!({ "after": 0, "kinds": ["lock-stolen"] })).await;
    let told = &events["events"][0];
    assert_eq!(told["type"], json!("dev.orkestra.lock.stolen.v1"));
    assert_eq!(told["data"]["details"]["why"], json!("she is away"));
    assert!(told["data"]["details"]["by"].as_str().unwrap().starts_with("bob"), "{told}");
}

#[tokio::test]
async fn an_opening_is_the_same_under_the_same_key_and_somebody_elses_name_is_refused() {
    let stage = Stage::alone(Vec::new()).await;
    let key = || Headers::new().with("Nats-Msg-Id", "nightly 7").unwrap();
    let body = json!({ "name": "nightly" }).to_string();
    let (_, first) = stage.ask_raw("lock.open", key(), body.as_bytes()).await;
    let (_, again) = stage.ask_raw("lock.open", key(), body.as_bytes()).await;
    assert_eq!(first["session"], again["session"]);
    assert_eq!((&first["existed"], &again["existed"]), (&json!(false), &json!(true)));
    let other = stage.ask("lock.open", &json!({ "name": "nightly" })).await;
    assert_eq!(other["code"], json!("CONFLICT"), "{other}");
    let closed = stage.ask("lock.close", &json!({ "session": first["session"] })).await;
    assert_eq!(closed["closed"], json!(true));
    let gone = stage.ask("lock.renew", &json!({ "session": first["session"] })).await;
    assert_eq!(gone["code"], json!("NOT_FOUND"), "{gone}");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_its_fault() {
    let stage = Stage::alone(Vec::new()).await;
    let session = opened(&stage, "ann").await;
    let many: Vec<Value> = (0..65).map(|n| json!({ "key": format!("k{n}") })).collect();
    for (subject, word, code) in [
        ("lock.acquire", json!({ "session": session, "request": 1, "locks": [] }), "INVALID"),
        ("lock.acquire", json!({ "session": session, "request": 2, "locks": many }), "CONFLICT"),
        ("lock.acquire", json!({ "session": session, "locks": [{ "key": "a" }] }), "INVALID"),
        ("lock.acquire", acquire(999, 1, 0), "NOT_FOUND"),
        ("lock.open", json!({ "name": "x", "lease_ms": 1 }), "INVALID"),
        ("lock.open", json!({ "name": "x", "lease": 1 }), "INVALID"),
        ("lock.open", json!({ "name": "x".repeat(2_000) }), "INVALID"),
        ("lock.steal", json!({ "key": "a", "token": 1 }), "INVALID"),
        ("lock.steal", json!({ "key": "a", "token": 1, "reason": "y" }), "CONFLICT"),
        ("lock.seize", json!({}), "UNKNOWN_COMMAND"),
    ] {
        let refused = stage.ask(subject, &word).await;
        assert_eq!(
            (&refused["ok"], &refused["code"]),
            (&json!(false), &json!(code)),
            "{subject} {word} {refused}"
        );
    }
    let free = stage.ask("lock.get", &json!({ "key": "a" })).await;
    assert_eq!(free["lock"], Value::Null);
    let listed = stage.ask("lock.list", &json!({ "limit": 5 })).await;
    assert_eq!((&listed["locks"], &listed["more"]), (&json!([]), &json!(false)));
}
