//! How agents answer in stories of councils.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::AgentId,
    protocol::{
        agent::Assignment,
        council::content_of,
        payload::{Json, Payload},
        task::{Failure, Outcome},
    },
};
use serde_json::{Value, json};

/// What an agent answers to a step: its own name, what it was given, and the results it is about.
pub(super) type Mind = fn(&str, &Value, &[(String, String)]) -> Option<Value>;

/// How an agent answers a step.
pub(super) fn outcome(
    minds: &BTreeMap<String, Mind>,
    agent: &AgentId,
    one: &Assignment,
) -> Outcome {
    let Payload::Inline(input) = &one.input else { panic!("{one:?}") };
    let input: Value = input.read().unwrap();
    let results = one.results.iter().map(|(task, output)| {
        let Payload::Inline(output) = output else { panic!("{output:?}") };
        (task.to_string(), content_of(output).unwrap_or_else(|| output.as_str().to_owned()))
    });
    let results: Vec<(String, String)> = results.collect();
    let mind = minds.get(agent.as_str()).copied().unwrap_or(usual);
    match mind(agent.as_str(), &input, &results) {
        Some(answer) => Outcome::Completed(Payload::Inline(Json::of(&answer).unwrap())),
        None => Outcome::Failed(Failure::error("no luck").for_good()),
    }
}

/// How agents answer: drafts name their author, each revision adds a mark, checks find `bad` and
/// `ugly`, whatever has `broken` in it does not work, and judges keep the order that they are given.
#[expect(clippy::unnecessary_wraps, reason = "it is one mind among others that may fail")]
pub(super) fn usual(agent: &str, input: &Value, results: &[(String, String)]) -> Option<Value> {
    Some(match input["step"].as_str().unwrap() {
        "draft" => json!(format!("by {agent}")),
        "critique" => {
            let of = input["subjects"].as_array().unwrap().iter();
            let said = of.map(|of| json!({ "of": of, "text": format!("{agent} wants more") }));
            json!({ "critiques": said.collect::<Vec<_>>() })
        }
        "revise" => {
            let own = input["own"].as_str().unwrap();
            let text = &results.iter().find(|(task, _)| task == own).unwrap().1;
            json!({ "content": format!("{text}+"), "notes": "more" })
        }
        "check" => checked(&results[0].1),
        "dry_run" => {
            let broken = results[0].1.contains("broken");
            json!({ "exit_code": i32::from(broken), "output": "tried" })
        }
        "judge" => {
            let own = input["own"].as_array().unwrap();
            let options = input["options"].as_array().unwrap().iter().map(|one| one["id"].clone());
            let mut ids: Vec<Value> = options.filter(|id| !own.contains(id)).collect();
            ids.sort_by_key(ToString::to_string);
            let ranking: Vec<Value> = ids.into_iter().map(|id| json!([id])).collect();
            json!({ "ballot": { "ranking": ranking } })
        }
        step => panic!("what is {step}?"),
    })
}

/// What is found in a text: that it is `bad`, and each time that it is `ugly`.
pub(super) fn checked(text: &str) -> Value {
    let bad = text.contains("bad");
    let ugly = text.matches("ugly").count();
    let violations: Vec<&str> = if bad { vec!["it is bad"] } else { vec![] };
    json!({
        "policy": { "passed": !bad, "violations": violations, "message": "looked at" },
        "lint": {
            "passed": ugly == 0, "error_count": ugly, "warning_count": 0,
            "errors": vec!["it is ugly"; ugly],
        },
    })
}
