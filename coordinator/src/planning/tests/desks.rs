use futures::{FutureExt as _, StreamExt as _};
use orkestra_runtime::ErrorKind;
use serde_json::{Value, json};

use super::stage::{NAMESPACE, Stage, answer, approved, failure, roles};
use crate::planning::{
    DerivationStrategy,
    collect::{Counted, Ended},
    response::Response,
};

fn of(words: &[Value], field: &str) -> Vec<String> {
    words.iter().map(|word| word[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_plan_becomes_one_deliberation_a_role_and_each_end_is_told_once() {
    let stage = Stage::new().await;
    let planning = stage.planning();
    let done = planning.process(NAMESPACE, approved("P1", &["DEV", "QA"])).await.unwrap();
    assert_eq!(done.job_ids, ["P1-dev", "P1-qa"]);
    assert_eq!(stage.councils.begun.lock().unwrap().len(), 2);
    assert_eq!(of(&stage.kept("orchestration.task.dispatched"), "role"), ["DEV", "QA"]);
    assert_eq!(of(&stage.kept("orchestration.plan.approved"), "plan_id"), ["P1"]);
    stage.councils.end("QA", Ended::Completed);
    planning.sweep().await.unwrap();
    planning.sweep().await.unwrap();
    let ended = stage.kept("orchestration.deliberation.completed");
    assert_eq!(
        (of(&ended, "task_id"), of(&ended, "status")),
        (vec!["P1-qa".to_owned()], vec!["COMPLETED".to_owned()])
    );
    assert_eq!(of(&ended, "winner_id"), ["agent-QA-001"]);
    assert_eq!(ended[0]["results"], json!([{ "content": "the best" }]));
}

#[tokio::test]
async fn one_role_that_fails_does_not_stop_the_others() {
    let stage = Stage::new().await;
    stage.councils.missing.lock().unwrap().insert("LEGAL".to_owned());
    let planning = stage.planning();
    let event = approved("P1", &["LEGAL", "DEV"]);
    let done = planning.process(NAMESPACE, event).await.unwrap();
    assert_eq!(done.message, "the plan P1 was approved: 1 of 2 roles were given their work");
    assert_eq!(stage.councils.begun.lock().unwrap().len(), 1);
    planning.sweep().await.unwrap();
    let failed = stage.kept("orchestration.task.failed");
    assert_eq!(of(&failed, "role"), ["LEGAL"]);
    assert_eq!(of(&failed, "error_message"), ["there is no council LEGAL"]);
}

#[tokio::test]
async fn a_plan_that_was_half_given_out_is_given_out_whole_when_it_comes_again() {
    let stage = Stage::new().await;
    *stage.councils.away.lock().unwrap() = true;
    let event = approved("P1", &["DEV", "QA"]);
    let told = stage.planning().process(NAMESPACE, event.clone()).await.unwrap_err();
    assert!(told.is_retryable(), "{told}");
    *stage.councils.away.lock().unwrap() = false;
    *stage.streams.away.lock().unwrap() = true;
    // The deliberations begin, and it cannot be told that they did.
    assert!(stage.planning().process(NAMESPACE, event.clone()).await.is_err());
    *stage.streams.away.lock().unwrap() = false;
    stage.planning().process(NAMESPACE, event.clone()).await.unwrap();
    stage.planning().process(NAMESPACE, event).await.unwrap();
    assert_eq!(stage.councils.begun.lock().unwrap().len(), 2);
    assert_eq!(stage.kept("orchestration.task.dispatched").len(), 2);
}

#[tokio::test]
async fn a_plan_that_comes_again_when_all_is_forgotten_is_not_begun_anew() {
    let stage = Stage::new().await;
    let planning = stage.planning();
    let event = approved("P1", &["DEV"]);
    planning.process(NAMESPACE, event.clone()).await.unwrap();
    stage.councils.end("DEV", Ended::Completed);
    planning.sweep().await.unwrap();
    stage.pass(3_601);
    planning.sweep().await.unwrap();
    assert!(planning.store.jobs().await.unwrap().is_empty());
    stage.councils.begun.lock().unwrap().clear();
    let again = planning.process(NAMESPACE, event).await.unwrap();
    assert_eq!(again.job_ids, ["P1-dev"]);
    assert!(stage.councils.begun.lock().unwrap().is_empty());
    // Another plan of the same name is refused, whenever it comes.
    let other = planning.process(NAMESPACE, approved("P1", &["QA"])).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn an_agent_that_answers_twice_counts_once() {
    let mut stage = Stage::new().await;
    stage.settings.agents_elsewhere = 2;
    stage.councils.missing.lock().unwrap().insert("DEV".to_owned());
    let planning = stage.planning();
    planning.process(NAMESPACE, approved("P1", &["DEV"])).await.unwrap();
    assert_eq!(stage.kept("agent.cmd.dev")[0]["num_agents"], json!(2));
    let job = "P1-dev";
    assert_eq!(planning.heard(NAMESPACE, &answer(job, "a")).await.unwrap(), Counted::First);
    assert_eq!(planning.heard(NAMESPACE, &failure(job, "a")).await.unwrap(), Counted::Twice);
    assert!(stage.kept("orchestration.task.completed").is_empty());
    // Another life knows it too.
    let planning = stage.planning();
    assert_eq!(planning.heard(NAMESPACE, &answer(job, "a")).await.unwrap(), Counted::Twice);
    assert_eq!(planning.heard(NAMESPACE, &failure(job, "b")).await.unwrap(), Counted::First);
    let told = stage.kept("orchestration.deliberation.completed");
    assert_eq!(told[0]["successful_responses"], json!(1));
    assert_eq!(told[0]["failed_responses"], json!(1));
    assert_eq!(told[0]["failed_agents"], json!([{ "agent_id": "b", "error": "no model" }]));
    assert_eq!(planning.heard(NAMESPACE, &answer(job, "c")).await.unwrap(), Counted::Late);
    assert_eq!(stage.kept("orchestration.task.completed").len(), 1);
}

#[tokio::test]
async fn when_all_agents_failed_the_job_failed() {
    let stage = Stage::new().await;
    let planning = stage.planning();
    let of_others = |it: Response| Response { num_agents: Some(2), ..it };
    planning.heard(NAMESPACE, &of_others(failure("t1", "a"))).await.unwrap();
    planning.heard(NAMESPACE, &of_others(failure("t1", "b"))).await.unwrap();
    let failed = stage.kept("orchestration.task.failed");
    assert_eq!(of(&failed, "status"), ["FAILED"]);
    assert!(stage.kept("orchestration.deliberation.completed").is_empty());
    let mut live = stage.live;
    let mut heard = Vec::new();
    while let Some(Some(Ok(message))) = live.next().now_or_never() {
        heard.push(message.subject.as_str().to_owned());
    }
    assert_eq!(heard, ["deliberation.failed"]);
}

#[tokio::test]
async fn a_job_ends_at_its_time_with_what_there_is_be_it_nothing() {
    let mut stage = Stage::new().await;
    stage.settings.agents_elsewhere = 2;
    stage.councils.missing.lock().unwrap().extend(["DEV".to_owned(), "QA".to_owned()]);
    let planning = stage.planning();
    planning.process(NAMESPACE, approved("P1", &["DEV", "QA"])).await.unwrap();
    planning.heard(NAMESPACE, &answer("P1-dev", "a")).await.unwrap();
    stage.pass(299);
    planning.sweep().await.unwrap();
    assert!(stage.kept("orchestration.task.completed").is_empty());
    stage.pass(2);
    planning.sweep().await.unwrap();
    let part = stage.kept("orchestration.task.completed");
    assert_eq!(
        (of(&part, "task_id"), of(&part, "status")),
        (vec!["P1-dev".to_owned()], vec!["TIMEOUT".to_owned()])
    );
    assert_eq!(part[0]["successful_responses"], json!(1));
    let nothing = stage.kept("orchestration.task.failed");
    assert_eq!(
        (of(&nothing, "task_id"), of(&nothing, "status")),
        (vec!["P1-qa".to_owned()], vec!["TIMEOUT".to_owned()])
    );
    assert_eq!(nothing[0]["total_agents"], json!(2));
}

#[tokio::test]
async fn an_end_that_could_not_be_told_is_told_later() {
    let stage = Stage::new().await;
    let planning = stage.planning();
    let only = Response { num_agents: Some(1), ..answer("t1", "a") };
    *stage.streams.away.lock().unwrap() = true;
    assert!(planning.heard(NAMESPACE, &only).await.unwrap_err().is_retryable());
    *stage.streams.away.lock().unwrap() = false;
    assert_eq!(planning.heard(NAMESPACE, &only).await.unwrap(), Counted::Late);
    assert_eq!(stage.kept("orchestration.task.completed").len(), 1);
}

#[tokio::test]
async fn an_answer_to_a_job_that_nobody_gave_out_is_refused() {
    let stage = Stage::new().await;
    let told = stage.planning().heard(NAMESPACE, &answer("t1", "a")).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::NotFound);
    assert!(told.to_string().contains("says num_agents"), "{told}");
}

#[tokio::test]
async fn what_is_derived_is_told_only_when_that_is_asked_for() {
    let stage = Stage::new().await;
    let planning = stage.planning();
    let unknown = planning.derive(NAMESPACE, "P1", (&[], DerivationStrategy::default())).await;
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::NotFound);
    planning.process(NAMESPACE, approved("P1", &["DEV", "QA"])).await.unwrap();
    let before = stage.kept("orchestration.task.dispatched").len();
    let only = roles(&["QA"]);
    let quiet = DerivationStrategy::default();
    let derived = planning.derive(NAMESPACE, "P1", (&only, quiet)).await.unwrap();
    assert_eq!(derived.tasks.len(), 1);
    assert_eq!(stage.kept("orchestration.task.dispatched").len(), before);
    assert!(stage.councils.submitted.lock().unwrap().is_empty());
    let loud = DerivationStrategy { auto_publish_to_nats: true, ..quiet };
    let derived = planning.derive(NAMESPACE, "P1", (&only, loud)).await.unwrap();
    let told = stage.kept("orchestration.task.dispatched");
    assert_eq!(told.len(), before + 1);
    assert_eq!(told[before]["task_id"], json!(derived.tasks[0].task_id));
    assert_eq!(*stage.councils.submitted.lock().unwrap(), ["P1-qa-001"]);
    // Another namespace has plans of its own.
    let other = planning.derive("other", "P1", (&only, quiet)).await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::NotFound);
}
