use serde_json::json;

use super::stage::{plan, roles};
use crate::planning::{DerivationStrategy, PlanApproval, derive};

fn whole() -> PlanApproval {
    plan(&json!({"plan_id": "P1", "case_id": "C1", "subtasks": [
        {"role": "QA", "description": "test it", "priority": 3},
        {"role": "DEV", "description": "build a"},
        {"role": "DEV", "description": "build b"},
        {"role": "SECURITY", "description": "attack it"},
        {"role": "ARCHITECT", "description": "draw it"},
        {"role": "DEVOPS", "description": "ship it"},
        {"role": "DATA", "description": "move it"},
    ]}))
}

const ORDERED: DerivationStrategy = DerivationStrategy {
    parallel_execution: true,
    dependency_order: true,
    max_tasks_per_role: 0,
    auto_publish_to_nats: false,
};

/// The tasks and what each waits for.
fn tied(plan: &PlanApproval, strategy: DerivationStrategy) -> Vec<(String, String)> {
    let derived = derive(plan, &[], strategy).unwrap();
    derived.tasks.into_iter().map(|it| (it.task_id, it.dependencies.join(" "))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, on)| ((*id).to_owned(), (*on).to_owned())).collect()
}

#[test]
fn roles_wait_for_each_other_as_things_are_delivered() {
    assert_eq!(
        tied(&whole(), ORDERED),
        pairs(&[
            ("P1-architect-001", ""),
            ("P1-dev-001", "P1-architect-001"),
            ("P1-dev-002", "P1-architect-001"),
            ("P1-data-001", "P1-architect-001"),
            ("P1-security-001", "P1-dev-001 P1-dev-002 P1-data-001"),
            ("P1-qa-001", "P1-security-001"),
            ("P1-devops-001", "P1-qa-001"),
        ])
    );
}

#[test]
fn without_the_order_nothing_waits_and_one_after_another_each_waits_for_the_last() {
    let free = DerivationStrategy { dependency_order: false, ..ORDERED };
    assert!(tied(&whole(), free).iter().all(|(_, on)| on.is_empty()));
    let single = DerivationStrategy { parallel_execution: false, ..ORDERED };
    let chain = tied(&whole(), single);
    let before = chain.iter().map(|(id, _)| id.clone());
    let expected: Vec<String> = std::iter::once(String::new()).chain(before).take(7).collect();
    assert_eq!(chain.iter().map(|(_, on)| on.clone()).collect::<Vec<_>>(), expected);
}

#[test]
fn a_role_has_no_more_tasks_than_it_may_and_what_is_left_out_is_told() {
    let capped = DerivationStrategy { max_tasks_per_role: 1, ..ORDERED };
    let derived = derive(&whole(), &[], capped).unwrap();
    assert_eq!((derived.tasks.len(), derived.left_out), (6, 1));
    assert!(derived.tasks.iter().all(|task| task.task_id.ends_with("-001")));
}

#[test]
fn the_same_question_has_the_same_answer_and_another_has_another_name() {
    let once = derive(&whole(), &[], ORDERED).unwrap();
    assert_eq!(once, derive(&whole(), &[], ORDERED).unwrap());
    assert_eq!(once.id.len(), 16);
    let other = DerivationStrategy { max_tasks_per_role: 1, ..ORDERED };
    assert_ne!(once.id, derive(&whole(), &[], other).unwrap().id);
    let qa = once.tasks.iter().find(|task| task.role.as_str() == "QA").unwrap();
    assert_eq!((qa.priority, qa.case_id.as_str(), qa.plan_id.as_str()), (3, "C1", "P1"));
}

#[test]
fn a_role_that_the_plan_has_nothing_for_has_no_task() {
    let derived = derive(&whole(), &roles(&["dev", "LEGAL"]), ORDERED).unwrap();
    assert_eq!(derived.tasks.len(), 2);
    assert_eq!(derived.idle, roles(&["LEGAL"]));
    let told = derive(&whole(), &roles(&["LEGAL"]), ORDERED).unwrap_err();
    assert_eq!(told.kind(), orkestra_runtime::ErrorKind::NotFound);
    assert!(told.to_string().contains("says nothing to do for LEGAL"), "{told}");
}

#[test]
fn a_plan_without_parts_is_one_task_a_role() {
    let bare = plan(&json!({"plan_id": "P2", "roles": ["QA", "DEV"], "description": "a shop"}));
    assert_eq!(tied(&bare, ORDERED), pairs(&[("P2-dev-001", ""), ("P2-qa-001", "P2-dev-001")]));
    let silent = plan(&json!({"plan_id": "P3", "roles": ["DEV"]}));
    assert!(derive(&silent, &[], ORDERED).is_err());
}

#[test]
fn what_the_plan_says_of_its_order_counts_and_a_circle_is_refused() {
    let plan = plan(&json!({"plan_id": "P4", "subtasks": [
        {"id": "b", "role": "DEV", "description": "b", "depends_on": ["t"]},
        {"id": "t", "role": "QA", "description": "t"},
    ]}));
    let free = DerivationStrategy { dependency_order: false, ..ORDERED };
    assert_eq!(tied(&plan, free), pairs(&[("P4-qa-001", ""), ("P4-dev-001", "P4-qa-001")]));
    let told = derive(&plan, &[], ORDERED).unwrap_err().to_string();
    assert!(told.contains("in a circle (P4-dev-001, P4-qa-001)"), "{told}");
}
