use serde_json::json;

use super::stage::plan;
use crate::planning::{
    PlanningEvent,
    event::{EVENT_BYTES_MAX, PLAN_APPROVED, STORY_TRANSITIONED},
    response::{ANSWER_BYTES_MAX, COMPLETED, FAILED, PROGRESS, Response, Said},
};

fn told(subject: &str, body: &str) -> String {
    PlanningEvent::read(subject, None, body.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_no_json_is_refused_and_becomes_no_event() {
    for body in ["", "approved!", "null", "7", "[\"p1\"]", "{", "{} {}", "\"{}\""] {
        let told = told(PLAN_APPROVED, body);
        assert!(told.starts_with("cannot read planning.plan.approved"), "{body:?}: {told}");
    }
}

#[test]
fn what_is_missing_or_of_another_form_is_named() {
    let of = |body: serde_json::Value| told(PLAN_APPROVED, &body.to_string());
    assert!(of(json!({"roles": ["DEV"]})).contains("plan_id"));
    assert!(of(json!({"plan_id": "p", "roles": "DEV"})).contains("at roles"));
    assert!(of(json!({"plan_id": "p"})).contains("names no role"));
    assert!(of(json!({"plan_id": "p", "roles": ["DE V"]})).contains("is no role"));
    assert!(of(json!({"plan_id": "p q", "roles": ["DEV"]})).contains("plan_id"));
    let twice = json!([{"id": "a", "role": "DEV", "description": "x"},
        {"id": "a", "role": "DEV", "description": "y"}]);
    assert!(of(json!({"plan_id": "p", "subtasks": twice})).contains("there twice"));
    let nowhere = json!([{"role": "DEV", "description": "x", "depends_on": ["b"]}]);
    assert!(of(json!({"plan_id": "p", "subtasks": nowhere})).contains("\"b\", which is none"));
    let empty = json!([{"role": "DEV", "description": " "}]);
    assert!(of(json!({"plan_id": "p", "subtasks": empty})).contains("subtasks[0].description"));
    let long = "x".repeat(EVENT_BYTES_MAX + 1);
    assert!(of(json!({"plan_id": "p", "roles": ["DEV"], "description": long})).contains("bytes"));
    assert!(told(STORY_TRANSITIONED, "{\"story_id\": \"s\"}").contains("from_state"));
}

#[test]
fn a_subject_that_is_none_is_told_with_the_nearest_that_is() {
    let told = told("planning.plan.aproved", "{}");
    assert!(told.contains("did you mean \"planning.plan.approved\""), "{told}");
}

#[test]
fn an_event_without_a_name_is_named_by_its_message_or_by_what_it_says() {
    let body = json!({"plan_id": "p", "roles": ["DEV"]}).to_string();
    let id = |id: Option<&str>| {
        PlanningEvent::read(PLAN_APPROVED, id, body.as_bytes()).unwrap().id().to_owned()
    };
    assert_eq!(id(Some("m-1")), "m-1");
    assert_eq!((id(None), id(None).len()), (id(None), 64));
}

#[test]
fn roles_that_only_subtasks_name_are_those_of_the_plan_and_each_is_there_once() {
    let plan = plan(&json!({"plan_id": "p", "subtasks": [
        {"role": "dev", "description": "a"},
        {"role": "QA", "description": "b"},
        {"role": "DEV", "description": "c"},
    ]}));
    let named: Vec<&str> = plan.roles.iter().map(crate::planning::RoleName::as_str).collect();
    assert_eq!(named, ["dev", "QA"]);
}

#[test]
fn the_same_plan_said_again_has_the_same_content_and_another_has_another() {
    let of = |event: &str, text: &str| {
        plan(&json!({"event_id": event, "plan_id": "p", "roles": ["DEV"], "description": text}))
            .content_hash()
    };
    assert_eq!(of("1", "x"), of("2", "x"));
    assert_ne!(of("1", "x"), of("1", "y"));
}

#[test]
fn answers_are_read_strictly_and_progress_is_none() {
    let read = |subject: &str, body: serde_json::Value| {
        Response::read(subject, body.to_string().as_bytes()).map_err(|error| error.to_string())
    };
    let good = json!({"task_id": "t", "agent_id": "a", "result": {"content": "x"}});
    let Said::Completed(result) = read(COMPLETED, good.clone()).unwrap().unwrap().said else {
        panic!("completed")
    };
    assert_eq!(result.as_str(), "{\"content\":\"x\"}");
    let failed = json!({"task_id": "t", "agent_id": "a", "error": "no model"});
    assert_eq!(read(FAILED, failed).unwrap().unwrap().said, Said::Failed("no model".to_owned()));
    assert_eq!(read(PROGRESS, good.clone()).unwrap(), None);
    assert!(
        read(COMPLETED, json!({"task_id": "t", "agent_id": "a"}))
            .unwrap_err()
            .contains("no result")
    );
    assert!(read(COMPLETED, json!({"task_id": "t"})).unwrap_err().contains("agent_id"));
    assert!(read("agent.response.done", good).unwrap_err().contains("there is no answer"));
    let many = json!({"task_id": "t", "agent_id": "a", "result": 1, "num_agents": 17});
    assert!(read(COMPLETED, many).unwrap_err().contains("write 1 to 16"));
    let long = "x".repeat(ANSWER_BYTES_MAX);
    let long = json!({"task_id": "t", "agent_id": "a", "result": long});
    assert!(read(COMPLETED, long).unwrap_err().contains("bytes"));
    assert!(Response::read(COMPLETED, b"done").is_err());
}
