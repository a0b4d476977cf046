//! The stories: each of the first ones is a way in which such a collector was once broken.

use std::{sync::atomic::Ordering, time::Duration};

use orkestra_coordinator::planning::{
    PlanningSettings,
    event::{PLAN_APPROVED, STORY_TRANSITIONED},
    response::{COMPLETED, FAILED},
    streams::STREAMS,
};
use orkestra_tests::nats::Servers;
use serde_json::{Value, json};

use super::given::{Councils, Elsewhere, live, settings};

const APPROVALS: (&str, &str) = ("PLANNING_EVENTS", "orch-planning-plan-approved");

fn plan(id: &str, roles: &[&str]) -> String {
    json!({ "plan_id": id, "story_id": "S1", "approved_by": "ada", "roles": roles }).to_string()
}

fn answer(task: &str, agent: &str) -> String {
    json!({ "task_id": task, "agent_id": agent, "result": { "content": agent } }).to_string()
}

fn failure(task: &str, agent: &str) -> String {
    json!({ "task_id": task, "agent_id": agent, "error": "no model" }).to_string()
}

fn field<'a>(words: &'a [Value], name: &str) -> Vec<&'a str> {
    words.iter().map(|word| word[name].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn every_job_that_is_answered_is_told_and_the_next_one_after_it() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["DEV", "QA"]);
    let _life = live(&servers, &councils, settings()).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["DEV", "QA"])).await;
    elsewhere.told("orchestration.task.dispatched", 2).await;
    for task in ["P1-dev", "P1-qa"] {
        for agent in ["a", "b"] {
            elsewhere.says(COMPLETED, answer(task, agent)).await;
        }
    }
    let told = elsewhere.told("orchestration.deliberation.completed", 2).await;
    let mut tasks = field(&told, "task_id");
    tasks.sort_unstable();
    assert_eq!(tasks, ["P1-dev", "P1-qa"]);
    for word in &told {
        assert_eq!((&word["successful_responses"], &word["total_agents"]), (&json!(2), &json!(2)));
    }
}

#[tokio::test]
async fn a_job_that_nobody_answers_times_out_all_the_same() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["DEV"]);
    let short = PlanningSettings { answer_within: Duration::from_millis(300), ..settings() };
    let _life = live(&servers, &councils, short).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["DEV"])).await;
    let told = elsewhere.told("orchestration.task.failed", 1).await;
    assert_eq!(
        (field(&told, "task_id"), field(&told, "status")),
        (vec!["P1-dev"], vec!["TIMEOUT"])
    );
    assert_eq!(told[0]["results"], json!([]));
}

#[tokio::test]
async fn what_came_in_time_is_told_when_the_rest_does_not() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["DEV"]);
    let short = PlanningSettings { answer_within: Duration::from_secs(2), ..settings() };
    let _life = live(&servers, &councils, short).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["DEV"])).await;
    elsewhere.told("orchestration.task.dispatched", 1).await;
    elsewhere.says(COMPLETED, answer("P1-dev", "a")).await;
    let told = elsewhere.told("orchestration.deliberation.completed", 1).await;
    assert_eq!(field(&told, "status"), ["TIMEOUT"]);
    assert_eq!(told[0]["results"], json!([{ "agent_id": "a", "result": { "content": "a" } }]));
}

#[tokio::test]
async fn an_agent_that_answers_twice_is_not_taken_for_two() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["DEV"]);
    let _life = live(&servers, &councils, settings()).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["DEV"])).await;
    elsewhere.told("orchestration.task.dispatched", 1).await;
    elsewhere.says(COMPLETED, answer("P1-dev", "a")).await;
    elsewhere.says(COMPLETED, answer("P1-dev", "a")).await;
    elsewhere.is_settled("AGENT_RESPONSES", "orch-agent-response-completed").await;
    assert!(elsewhere.kept("orchestration.task.completed").await.is_empty());
    elsewhere.says(FAILED, failure("P1-dev", "b")).await;
    let told = elsewhere.told("orchestration.task.completed", 1).await;
    let counted = ["successful_responses", "failed_responses"].map(|name| told[0][name].clone());
    assert_eq!(counted, [json!(1), json!(1)]);
}

#[tokio::test]
async fn when_all_agents_fail_the_job_fails() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["DEV"]);
    let _life = live(&servers, &councils, settings()).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["DEV"])).await;
    elsewhere.told("orchestration.task.dispatched", 1).await;
    for agent in ["a", "b"] {
        elsewhere.says(FAILED, failure("P1-dev", agent)).await;
    }
    let told = elsewhere.told("orchestration.task.failed", 1).await;
    assert_eq!(field(&told, "error_message"), ["every agent failed: a: no model; b: no model"]);
    assert!(elsewhere.kept("orchestration.deliberation.completed").await.is_empty());
}

#[tokio::test]
async fn what_could_not_be_done_is_not_acknowledged_and_is_done_later() {
    let servers = Servers::one().await;
    let councils = Councils::without(&[]);
    councils.is_away.store(true, Ordering::Relaxed);
    let _life = live(&servers, &councils, settings()).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["DEV"])).await;
    // What comes after it is not held up, nor is it lost.
    elsewhere.says(STORY_TRANSITIONED, story()).await;
    elsewhere.told("orchestration.phase.changed", 1).await;
    assert_eq!(elsewhere.waiting(APPROVALS.0, APPROVALS.1).await, 1);
    councils.is_away.store(false, Ordering::Relaxed);
    elsewhere.is_settled(APPROVALS.0, APPROVALS.1).await;
    assert_eq!(councils.begun(), ["DEV"]);
}

#[tokio::test]
async fn a_plan_that_is_no_json_begins_nothing_and_is_refused_for_good() {
    let servers = Servers::one().await;
    let councils = Councils::without(&[]);
    let _life = live(&servers, &councils, settings()).await;
    let elsewhere = Elsewhere::on(&servers).await;
    for body in ["approved!", "[]", "{\"plan_id\": 7}", "{\"roles\": [\"DEV\"]}"] {
        elsewhere.says(PLAN_APPROVED, body).await;
    }
    let told = elsewhere.told("orchestration.event.refused", 4).await;
    assert_eq!(field(&told, "subject"), [PLAN_APPROVED; 4]);
    assert!(field(&told, "reason")[0].contains("no JSON object"), "{told:?}");
    elsewhere.is_settled(APPROVALS.0, APPROVALS.1).await;
    assert_eq!(councils.begun(), [""; 0]);
    // And the next good one is taken.
    elsewhere.says(PLAN_APPROVED, plan("P1", &["DEV"])).await;
    elsewhere.told("orchestration.plan.approved", 1).await;
    assert_eq!(councils.begun(), ["DEV"]);
}

#[tokio::test]
async fn one_role_that_fails_does_not_stop_the_others() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["LEGAL"]);
    let alone = PlanningSettings { agents_elsewhere: 0, ..settings() };
    let _life = live(&servers, &councils, alone).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["LEGAL", "DEV", "QA"])).await;
    let failed = elsewhere.told("orchestration.task.failed", 1).await;
    assert_eq!(field(&failed, "error_message"), ["role LEGAL has no council"]);
    let given = elsewhere.told("orchestration.task.dispatched", 2).await;
    assert_eq!(field(&given, "role"), ["DEV", "QA"]);
    elsewhere.is_settled(APPROVALS.0, APPROVALS.1).await;
    assert_eq!(councils.begun(), ["DEV", "QA"]);
}

#[tokio::test]
async fn another_life_goes_on_where_the_one_before_it_ended() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["QA"]);
    let elsewhere = Elsewhere::on(&servers).await;
    let life = live(&servers, &councils, settings()).await;
    elsewhere.says(PLAN_APPROVED, plan("P1", &["QA"])).await;
    elsewhere.told("orchestration.task.dispatched", 1).await;
    elsewhere.says(COMPLETED, answer("P1-qa", "a")).await;
    elsewhere.is_settled("AGENT_RESPONSES", "orch-agent-response-completed").await;
    elsewhere.is_settled(APPROVALS.0, APPROVALS.1).await;
    drop(life);
    // Said while nobody hears.
    elsewhere.says(PLAN_APPROVED, plan("P2", &["DEV"])).await;
    elsewhere.says(COMPLETED, answer("P1-qa", "a")).await;
    elsewhere.says(COMPLETED, answer("P1-qa", "b")).await;
    let _life = live(&servers, &councils, settings()).await;
    let told = elsewhere.told("orchestration.task.completed", 1).await;
    assert_eq!(field(&told, "task_id"), ["P1-qa"]);
    assert_eq!(told[0]["successful_responses"], json!(2));
    let plans = elsewhere.told("orchestration.plan.approved", 2).await;
    assert_eq!(field(&plans, "plan_id"), ["P1", "P2"]);
}

#[tokio::test]
async fn two_coordinators_do_everything_once() {
    let servers = Servers::one().await;
    let councils = Councils::without(&["QA"]);
    let _one = live(&servers, &councils, settings()).await;
    let _two = live(&servers, &councils, settings()).await;
    let elsewhere = Elsewhere::on(&servers).await;
    for number in 1..=5 {
        elsewhere.says(PLAN_APPROVED, plan(&format!("P{number}"), &["QA"])).await;
    }
    elsewhere.told("orchestration.task.dispatched", 5).await;
    for number in 1..=5 {
        for agent in ["a", "b"] {
            elsewhere.says(COMPLETED, answer(&format!("P{number}-qa"), agent)).await;
        }
    }
    elsewhere.told("orchestration.task.completed", 5).await;
    elsewhere.is_settled("AGENT_RESPONSES", "orch-agent-response-completed").await;
    assert_eq!(elsewhere.kept("orchestration.task.completed").await.len(), 5);
    assert_eq!(elsewhere.kept("orchestration.plan.approved").await.len(), 5);
}

#[tokio::test]
async fn the_streams_are_those_that_others_expect() {
    let servers = Servers::one().await;
    let _life = live(&servers, &Councils::without(&[]), settings()).await;
    let elsewhere = Elsewhere::on(&servers).await;
    elsewhere.says(STORY_TRANSITIONED, story()).await;
    let changed = elsewhere.told("orchestration.phase.changed", 1).await;
    assert_eq!(
        (field(&changed, "from_state"), field(&changed, "to_state")),
        (vec!["open"], vec!["done"])
    );
    let context = async_nats::jetstream::new(super::super::stage::stranger(&servers).await);
    for (name, subject, seconds, count) in STREAMS {
        let stream = context.get_stream(name).await.unwrap();
        let config = &stream.cached_info().config;
        assert_eq!(config.subjects, [subject]);
        assert_eq!(config.max_age, Duration::from_secs(seconds));
        assert_eq!(config.max_messages, i64::try_from(count).unwrap());
        assert_eq!(config.discard, async_nats::jetstream::stream::DiscardPolicy::Old);
    }
}

fn story() -> String {
    json!({ "story_id": "S1", "from_state": "open", "to_state": "done" }).to_string()
}
