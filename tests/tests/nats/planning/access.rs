//! Planning under the configuration that is shipped: who plans is kept by the store without being let
//! into it, and nobody else speaks for agents elsewhere.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use orkestra_coordinator::planning::{Door, Planning, PlanningSettings, Store, Team, Tellers};
use orkestra_runtime::{
    Result,
    fabric::{Fabric as _, nats::Nats},
    time::SystemClock,
};
use orkestra_tests::nats::guarded::Guarded;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    super::{roles::settings, stage::within},
    given::Councils,
};

#[tokio::test]
async fn who_plans_is_heard_by_its_own_login_and_others_are_refused() {
    let guarded = Guarded::start().await;
    let fabric = Nats::connect(settings(&guarded, "coordinator")).await.unwrap();
    let inboxes = fabric.inboxes().unwrap();
    let tellers = Tellers { inboxes: Some(Arc::clone(&inboxes)), outside: fabric.outside() };
    let team: Arc<dyn Team> = Councils::without(&[]);
    let store = Store::new(fabric.registers());
    let own = PlanningSettings::default();
    let planning = Planning::new(store, team, tellers, SystemClock::start(), own);
    let door = Arc::new(Door::new(planning, inboxes, Duration::from_millis(50)));
    let mut running: JoinSet<Result<()>> = JoinSet::new();
    running.spawn(door.run());

    let plans = guarded.enter("planning").await;
    let mut told = plans.client.subscribe("orchestration.>").await.unwrap();
    plans.client.flush().await.unwrap();
    let plan = json!({ "plan_id": "P1", "roles": ["DEV"] }).to_string();
    let context = async_nats::jetstream::new(plans.client.clone());
    let kept = async {
        // The stream is made a moment after the door is opened.
        loop {
            let sent =
                context.publish("planning.plan.approved", plan.clone().into()).await.unwrap();
            if sent.await.is_ok() {
                return;
            }
        }
    };
    within(kept).await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let message = within(told.next()).await.unwrap();
        let body: Value = serde_json::from_slice(&message.payload).unwrap();
        heard.push(body["event_type"].as_str().unwrap().to_owned());
    }
    assert_eq!(heard, ["orchestration.task.dispatched", "orchestration.plan.approved"]);

    for user in ["client", "agent-example", "monitor"] {
        let mut guest = guarded.enter(user).await;
        for subject in ["planning.plan.approved", "agent.response.completed", "agent.cmd.dev"] {
            guest.client.publish(subject, "{}".into()).await.unwrap();
            let told = guest.refusal().await.to_lowercase();
            assert!(told.contains("permissions violation for publish"), "{user}: {told}");
        }
    }
    drop(running);
    fabric.close().await;
}
