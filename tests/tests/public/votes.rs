//! Votes in JSON.

use serde_json::{Value, json};

use crate::stage::{Stage, adder};

#[tokio::test]
async fn a_vote_is_called_cast_and_waited_for_and_whoever_is_wrong_is_told_so() {
    let stage = Stage::alone(vec![adder()]).await;
    let proposal = json!({
        "id": "lunch", "proposer": "ada", "voters": ["ada", "bob", "eve"],
        "options": ["soup", "rice"], "election": "plurality",
    });
    let called = stage.ask("vote.call", &json!({ "proposal": proposal })).await;
    assert_eq!((&called["ok"], &called["existed"]), (&json!(true), &json!(false)), "{called}");
    let again = stage.ask("vote.call", &json!({ "proposal": proposal })).await;
    assert_eq!((&again["number"], &again["existed"]), (&called["number"], &json!(true)));
    let nameless = json!({ "proposal": { "id": "x", "voters": ["ada"] } });
    let told = stage.ask("vote.call", &nameless).await;
    assert_eq!(told["code"], "INVALID", "{told}");

    let cast = |voter: &str, choice: &str| {
        json!({
            "vote": "lunch", "voter": voter, "content": { "choice": choice },
        })
    };
    let first = stage.ask("vote.cast", &cast("ada", "soup")).await;
    assert_eq!((&first["seq"], &first["existed"]), (&json!(1), &json!(false)), "{first}");
    let twice = stage.ask("vote.cast", &cast("ada", "soup")).await;
    assert_eq!((&twice["hash"], &twice["existed"]), (&first["hash"], &json!(true)));
    assert_eq!(stage.ask("vote.cast", &cast("ada", "rice")).await["code"], "CONFLICT");
    assert_eq!(stage.ask("vote.cast", &cast("mallory", "rice")).await["code"], "INVALID");
    assert_eq!(stage.ask("vote.cast", &cast("bob", "bread")).await["code"], "INVALID");
    let unsigned = json!({
        "vote": "lunch", "voter": "bob", "content": "abstain", "signature": "0".repeat(128),
    });
    assert_eq!(stage.ask("vote.cast", &unsigned).await["code"], "INVALID");

    let open = stage.ask("vote.list", &json!({ "open": true })).await;
    assert_eq!(open["votes"][0]["vote"], "lunch");
    let voter = stage.ask("vote.voter", &json!({ "vote": "lunch", "voter": "bob" })).await;
    assert_eq!((&voter["may"], &voter["scope"]["vote"]), (&json!(true), &json!("lunch")));
    let gone = stage.ask("vote.get", &json!({ "vote": "dinner" })).await;
    assert_eq!(gone["code"], "NOT_FOUND");
    stage.ask("vote.cast", &cast("bob", "soup")).await;
    let done = stage.ask("vote.get", &json!({ "vote": "lunch", "wait_ms": 20_000 })).await;
    assert_eq!(done["outcome"]["decision"], json!({ "chosen": ["soup"] }), "{done}");
    let minutes: Vec<&str> =
        done["minutes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(minutes.contains(&"ada is for soup"), "{minutes:?}");
}

#[tokio::test]
async fn who_runs_the_cluster_closes_a_vote_and_what_is_in_counts() {
    let stage = Stage::alone(vec![adder()]).await;
    let proposal = json!({ "id": "go", "proposer": "ada", "voters": ["ada", "bob"] });
    stage.ask("vote.call", &json!({ "proposal": proposal })).await;
    let cast = json!({ "vote": "go", "voter": "ada", "content": "yes" });
    assert_eq!(stage.ask("vote.cast", &cast).await["ok"], true);
    let close = json!({ "vote": "go", "reason": "bob is away", "as": "ada" });
    assert_eq!(stage.ask("vote.close", &close).await["closed"], true);
    let done = stage.ask("vote.get", &json!({ "vote": "go" })).await;
    assert_eq!(done["outcome"]["decision"], "passed", "{done}");
}
