use std::collections::BTreeMap;

use crate::planning::{PlanningEvent, RoleName, call::Call};

fn call(event_type: &str, metadata: &[(&str, &str)]) -> Call {
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let [event_type, case_id, plan_id, from_state, to_state] =
        [event_type, "C1", "P1", "open", "done"].map(str::to_owned);
    let metadata: BTreeMap<_, _> = metadata.collect();
    Call { event_type, case_id, plan_id, from_state, to_state, timestamp_ms: 5, metadata }
}

fn told(call: &Call) -> String {
    call.event().unwrap_err().to_string()
}

#[test]
fn a_call_is_the_event_that_nats_would_have() {
    for name in ["planning.story.transitioned", "story.transitioned", "STORY_TRANSITIONED"] {
        let PlanningEvent::Transitioned(said) = call(name, &[("a", "b")]).event().unwrap() else {
            panic!("{name}")
        };
        assert_eq!((said.story_id.as_str(), said.from_state.as_str()), ("C1", "open"));
        assert_eq!(said.metadata.get("a").map(String::as_str), Some("b"));
    }
    let given = [("roles", "DEV, QA"), ("description", "a shop"), ("event_id", "e1")];
    let PlanningEvent::Approved(plan) = call("plan.approved", &given).event().unwrap() else {
        panic!("a plan")
    };
    let roles: Vec<&str> = plan.roles.iter().map(RoleName::as_str).collect();
    assert_eq!((roles, plan.description.as_str()), (vec!["DEV", "QA"], "a shop"));
    assert_eq!((plan.event_id.as_str(), plan.case_id.as_str()), ("e1", "C1"));
    assert!(plan.metadata.is_empty());
}

#[test]
fn a_whole_plan_comes_as_json_and_must_not_contradict_the_call() {
    let plan = r#"{"plan_id": "P1", "subtasks": [{"role": "DEV", "description": "x"}]}"#;
    let PlanningEvent::Approved(read) = call("plan.approved", &[("plan", plan)]).event().unwrap()
    else {
        panic!("a plan")
    };
    assert_eq!((read.subtasks.len(), read.case_id.as_str()), (1, "C1"));
    let other = plan.replace("P1", "P2");
    assert!(told(&call("plan.approved", &[("plan", &other)])).contains("leave one of them out"));
    assert!(told(&call("plan.approved", &[("plan", "DEV")])).contains("is no JSON"));
    assert!(told(&call("plan.approved", &[("plan", "[]")])).contains("no JSON object"));
    assert!(told(&call("plan.approved", &[])).contains("names no role"));
}

#[test]
fn a_type_that_is_none_is_told_with_those_that_are() {
    let told = told(&call("plan.aproved", &[]));
    assert!(told.contains("did you mean \"plan.approved\""), "{told}");
}
