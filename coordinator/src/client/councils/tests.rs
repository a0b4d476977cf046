//! Stories of councils, over a whole node with agents that behave.

use std::{sync::Arc, time::Duration};

use orkestra_agents::{
    Context, DynAgent, Work, builtin, kinds::function::FunctionAgent,
    testing::behaviours::Behaviour,
};
use orkestra_runtime::{
    fabric::{Fabric, embedded::Embedded},
    id::{AgentId, RunId, TaskId},
    protocol::{
        council::{
            CHECKS_CAPABILITY, ChecksSpec, LintSpec, Pattern, PolicySpec, TaskCouncil, TextFormat,
        },
        payload::Json,
        task::{Failure, TaskSpec},
    },
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::{
    council::{CouncilConfig, view::DeliberationStatus},
    system::{Member, System, SystemSpec},
};

const SOON: Duration = Duration::from_mins(1);

fn member(name: &str, capability: &str, agent: Arc<dyn DynAgent>) -> Member {
    let id = AgentId::new(name).unwrap();
    let mut member = Member::new(id, "function", 4, Arc::new(move || Arc::clone(&agent)));
    member.profile.capabilities = vec![capability.parse().unwrap()];
    member
}

/// Who checks what stands in a proposal and how it is built: the one that is shipped.
fn checker() -> Member {
    let shipped = builtin::find("proposal-checks").unwrap();
    let check = move |work: Work, context: Context| async move { (shipped.run)(&work, &context) };
    member("checker", CHECKS_CAPABILITY, Arc::new(FunctionAgent::new(check)))
}

fn behaving(agents: &[(&str, Behaviour)]) -> Vec<Member> {
    let members = agents.iter().map(|(name, behaves)| member(name, "council", behaves.agent()));
    members.chain([checker()]).collect()
}

async fn node(fabric: &Arc<Embedded>, members: Vec<Member>) -> System {
    let fabric: Arc<dyn Fabric> = Arc::<Embedded>::clone(fabric);
    let mut spec = SystemSpec::new(fabric, std::env::temp_dir()).unwrap();
    spec.members = members;
    System::start(spec).await.unwrap()
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it comes to its end")
}

/// What a plan must say and how it must be built.
fn checks() -> ChecksSpec {
    let required = ["tests", "a way back"].map(Pattern::literal).into();
    let lint =
        LintSpec { format: TextFormat::Markdown, max_line: Some(200), ..LintSpec::default() };
    let policy = PolicySpec { required, ..PolicySpec::default() };
    ChecksSpec { policy, lint, dry_run: None }
}

/// A council of DEV whose seats these agents take, in that order.
fn council(agents: &[&str]) -> NewCouncil {
    let config = CouncilConfig { checks: checks(), ..CouncilConfig::default() };
    let agents = agents.iter().map(|name| AgentId::new(name).unwrap()).collect();
    NewCouncil { role: "DEV".to_owned(), agents, config, ..NewCouncil::default() }
}

fn request(id: &str) -> DeliberationRequest {
    DeliberationRequest {
        id: id.to_owned(),
        role: "dev".to_owned(),
        task: "Write a plan.".to_owned(),
        requirements: vec!["tests".to_owned(), "a way back".to_owned()],
        ..DeliberationRequest::default()
    }
}

async fn done(councils: &Councils, request: DeliberationRequest) -> DeliberationView {
    let begun = councils.deliberate(request).await.unwrap();
    soon(councils.wait("", &begun.id)).await.unwrap()
}

/// Waits until the agents of the councils are there.
async fn ready(councils: &Councils, seats: usize) {
    soon(async {
        loop {
            let all = councils.list("", None).await.unwrap();
            let seats_of = all.iter().flat_map(|council| &council.seats);
            if seats_of.filter(|seat| seat.status.as_str() == "ready").count() >= seats {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Makes the council as soon as the team is there.
async fn created(councils: &Councils, agents: &[&str]) -> CouncilView {
    soon(async {
        loop {
            match councils.create(council(agents)).await {
                Ok(made) => return made,
                Err(CouncilError::Refused(CouncilRefusal::NoAgents { .. })) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a093_excellent_wins_against_normal_error_prone_fails_checks_and_stubborn_stays() {
    let fabric = Arc::new(Embedded::memory());
    let team = [
        ("a-normal", Behaviour::Normal),
        ("b-excellent", Behaviour::Excellent),
        ("c-error-prone", Behaviour::ErrorProne),
        ("d-stubborn", Behaviour::Stubborn),
    ];
    let system = node(&fabric, behaving(&team)).await;
    let councils = system.councils();
    let names = team.map(|(name, _)| name);
    let made = created(&councils, &names).await;
    assert_eq!(made.seats.len(), 4);
    ready(&councils, 4).await;
    let view = done(&councils, DeliberationRequest { num_agents: 4, ..request("plan") }).await;
    assert_eq!(view.status, DeliberationStatus::Completed, "{view:#?}");
    assert_eq!(view.winner_id.unwrap().as_str(), "agent-dev-002");
    assert_eq!((view.results[0].score, view.results[0].rank), (1.0, 1));
    let of = |seat: &str| {
        view.results.iter().find(|one| one.proposal.author_id.as_str() == seat).unwrap()
    };
    let faulty = of("agent-dev-003");
    assert!(!faulty.checks.lint.passed && faulty.checks.lint.error_count > 0, "{faulty:?}");
    assert!(!of("agent-dev-001").checks.policy.passed, "the last requirement was forgotten");
    let stubborn = &of("agent-dev-004").proposal;
    assert_eq!(stubborn.revisions, std::slice::from_ref(&stubborn.content));
    let minutes = councils.minutes("", "plan").await.unwrap().unwrap().join("\n");
    for told in
        ["agent-dev-002 wins: first by score", "a way back", "criticises", "it ended: completed"]
    {
        assert!(minutes.contains(told), "{told} is not in:\n{minutes}");
    }
    let metrics = councils.metrics(None).await.unwrap();
    assert_eq!((metrics.total_deliberations, metrics.completed, metrics.open), (1, 1, 0));
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a094_a_name_that_is_drawn_has_16_hexadecimal_digits_and_asking_again_finds_it() {
    let fabric = Arc::new(Embedded::memory());
    let system = node(&fabric, behaving(&[("ann", Behaviour::Excellent)])).await;
    let councils = system.councils();
    created(&councils, &["ann"]).await;
    ready(&councils, 1).await;
    let begun = councils.deliberate(request("")).await.unwrap();
    assert!(begun.id.len() == 16 && begun.id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let other = councils.deliberate(request("")).await.unwrap();
    assert_ne!(begun.id, other.id);
    let again = councils.deliberate(request(&begun.id)).await.unwrap();
    assert!(again.existed);
    let gone = soon(councils.wait("", "never-asked")).await.unwrap_err();
    assert!(matches!(gone, CouncilError::Refused(CouncilRefusal::NotFound { .. })), "{gone}");
    for id in [begun.id, other.id] {
        assert_eq!(
            soon(councils.wait("", &id)).await.unwrap().status,
            DeliberationStatus::Completed
        );
    }
    system.stop().await.unwrap();
}

/// Agents that answer as usual but for one phase, in which they wait for a gate.
fn gated(
    name: &'static str,
    gate: &watch::Sender<bool>,
    begun: &watch::Sender<Vec<String>>,
) -> Member {
    let (gate, begun) = (gate.clone(), begun.clone());
    let agent = FunctionAgent::new(move |work: Work, _: Context| {
        let (mut gate, begun) = (gate.subscribe(), begun.clone());
        async move {
            begun.send_modify(|begun| begun.push(work.id.to_string()));
            if work.id.as_str().starts_with("critique") {
                gate.wait_for(|open| *open)
                    .await
                    .map_err(|_| Failure::error("the test is over"))?;
            }
            Behaviour::Excellent.answer(&work)
        }
    });
    member(name, "council", Arc::new(agent))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_in_the_middle_goes_on_where_it_was_and_asks_nobody_twice() {
    let fabric = Arc::new(Embedded::memory());
    let (gate, begun) = (watch::Sender::new(false), watch::Sender::new(Vec::new()));
    let team = || {
        let members = ["ann", "bob", "eve"].map(|name| gated(name, &gate, &begun));
        members.into_iter().chain([checker()]).collect::<Vec<_>>()
    };
    let system = node(&fabric, team()).await;
    let councils = system.councils();
    created(&councils, &["ann", "bob", "eve"]).await;
    ready(&councils, 3).await;
    councils.deliberate(request("plan")).await.unwrap();
    let in_critique = |begun: &Vec<String>| begun.iter().any(|task| task.starts_with("critique"));
    soon(begun.subscribe().wait_for(in_critique)).await.unwrap();
    let before = councils.result("", "plan").await.unwrap().unwrap();
    assert_eq!(before.status, DeliberationStatus::InProgress);
    gate.send_replace(true);
    // Whatever is at work is let end or is taken up again by the next life of the node.
    system.stop().await.unwrap();
    let system = node(&fabric, team()).await;
    let view = soon(system.councils().wait("", "plan")).await.unwrap();
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Completed, 3));
    let drafts = begun.borrow().iter().filter(|task| task.starts_with("draft")).count();
    assert_eq!(drafts, 3, "a draft was asked for twice");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_agent_that_fails_stops_nobody_and_who_cancels_stops_all() {
    let fabric = Arc::new(Embedded::memory());
    let failing = FunctionAgent::new(|_: Work, _: Context| async {
        Err::<Json, _>(Failure::error("no key for its model").for_good())
    });
    let mut team = behaving(&[("ann", Behaviour::Excellent), ("bob", Behaviour::Normal)]);
    team.push(member("broken", "council", Arc::new(failing)));
    let (gate, begun) = (watch::Sender::new(false), watch::Sender::new(Vec::new()));
    team.push(gated("slow", &gate, &begun));
    let system = node(&fabric, team).await;
    let councils = system.councils();
    created(&councils, &["ann", "bob", "broken", "slow"]).await;
    ready(&councils, 4).await;
    let view = done(&councils, request("plan")).await;
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Completed, 2));
    assert!(view.out[0].why.contains("no key for its model"), "{:?}", view.out);
    councils.deliberate(DeliberationRequest { num_agents: 4, ..request("long") }).await.unwrap();
    let in_critique = |begun: &Vec<String>| begun.iter().any(|task| task.starts_with("critique"));
    soon(begun.subscribe().wait_for(in_critique)).await.unwrap();
    assert!(councils.cancel("", "long", "ada", "enough").await.unwrap());
    let view = soon(councils.wait("", "long")).await.unwrap();
    assert_eq!(view.status, DeliberationStatus::Failed);
    assert_eq!(view.error_message.as_deref(), Some("cancelled by ada: enough"));
    // Nothing of its run goes on: it ends.
    soon(system.tasks().wait(&RunId::new("deliberation:long").unwrap())).await.unwrap();
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_a_deliberation_has_what_wins_as_its_result() {
    let fabric = Arc::new(Embedded::memory());
    let team = [("ann", Behaviour::Normal), ("bob", Behaviour::Excellent)];
    let system = node(&fabric, behaving(&team)).await;
    let councils = system.councils();
    created(&councils, &["ann", "bob"]).await;
    ready(&councils, 2).await;
    let asked = json!({
        "role": "DEV", "task": "Write a plan.", "requirements": ["tests", "a way back"],
    });
    let deliberation = |name: &str, asked: &Value| {
        let mut spec = TaskSpec::named(name).unwrap();
        let request = Json::of(asked).unwrap();
        spec.council = Some(Box::new(TaskCouncil { request }));
        spec
    };
    let run = RunId::new("release").unwrap();
    let nobody = json!({ "role": "QA", "task": "Test it." });
    let tasks = vec![deliberation("plan", &asked), deliberation("nobody", &nobody)];
    system.tasks().begin(&run, tasks).await.unwrap();
    let ended = soon(system.tasks().wait(&run)).await.unwrap();
    assert_eq!((ended.counts.completed, ended.counts.failed), (1, 1));
    let output = system.tasks().output(&run, &TaskId::new("plan").unwrap()).await.unwrap().unwrap();
    let output: Value = output.read().unwrap();
    assert_eq!(output["winner_id"], "agent-dev-002");
    assert!(output["content"].as_str().unwrap().contains("a way back"), "{output}");
    assert!(output["minutes"].to_string().contains("agent-dev-002 wins"), "{output}");
    let empty = deliberation("empty", &json!({ "role": "DEV", "task": "" }));
    let other = RunId::new("other").unwrap();
    let refused = system.tasks().begin(&other, vec![empty]).await.unwrap_err().to_string();
    assert!(refused.contains("task is empty: say what is to be done"), "{refused}");
    system.stop().await.unwrap();
}
