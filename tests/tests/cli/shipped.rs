//! Repositories that a run brings to a cluster: on no machine of it there is anything at their paths.

use std::fs;

use orkestra_tests::command::Running;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{cluster::Stage, example, repository::Repository, review::clean};

/// A node in a folder of its own, which hosts programs too.
fn node(stage: &Stage, name: &str, roles: &str) -> Running {
    let url = stage.servers.url();
    stage.desk.write(
        &format!("{name}.toml"),
        &format!(
            "data_dir = '{name}'\n[node]\nname = '{name}'\nroles = '{roles}'\n\
             [agents]\nhost = 'all'\n[nats]\nurl = ['{url}']\n"
        ),
    );
    let mut node = stage.desk.start(&["node", "--config", &format!("{name}.toml")]);
    node.await_line("\"event\":\"up\"");
    node
}

/// Begins a run whose tasks wait, since no node has agents yet.
fn submitted(stage: &Stage, scenario: &str, run: &str) -> Running {
    let url = stage.servers.url();
    let args = ["run", scenario, "--set", "repo=repo", "--report", "report.md", "-o", "ndjson"];
    let running = stage.desk.start(&Stage::at(&url, &args));
    let list = ["task", "list", "--run", run];
    stage.await_that(&list, |tasks| tasks.as_array().is_some_and(|all| !all.is_empty()));
    running
}

/// How many commits a node has laid out.
fn laid_out(stage: &Stage, node: &str) -> usize {
    fs::read_dir(stage.desk.path(node).join("repositories")).map_or(0, Iterator::count)
}

#[test]
fn a_release_is_reviewed_on_machines_on_which_its_repository_is_not() {
    let stage = Stage::new();
    let _lead = node(&stage, "lead", "coordinator");
    let repository = Repository::with(&stage.desk.path("repo"), &clean());
    repository.git(&["tag", "v0.2.0"]);
    repository.write("NEWS.md", b"# News\n");
    repository.commit();
    let running = submitted(&stage, &example("release-review.toml"), "release-review-1");
    fs::rename(stage.desk.path("repo"), stage.desk.path("elsewhere")).unwrap();

    let _workers = [node(&stage, "one", "agents"), node(&stage, "two", "agents")];
    let said = running.end().expect(0);
    let said = said.says(&["repo at commit", "is shipped with its history"]);
    let ended = said.lines().pop().unwrap();
    assert_eq!((&ended["verdict"], &ended["counts"]["failed"]), (&true.into(), &0.into()));
    let report = stage.desk.read("report.md");
    assert!(report.starts_with("# Ready to release\n"), "{report}");
    assert!(report.contains("## Blockers\n\nNone."), "{report}");
    assert_eq!(["one", "two"].map(|node| laid_out(&stage, node)), [1, 1], "once for all attempts");
    let history = stage.json(&["task", "get", "history"]);
    let told = history.to_string();
    assert!(told.contains("1 commit since tag v0.2.0"), "the history went along: {history:#}");
    let integrity = stage.json(&["task", "get", "integrity"]);
    assert_eq!(integrity["state"], "completed", "git looked at the whole of it: {integrity:#}");
}

/// One look, and many tries of it.
const LOOK: &str = r#"
[scenario]
name = "look"

[inputs.repo]
type = "repository"

[agents.inventory]
kind = "function"
function = "inventory"

[[tasks]]
id = "look"
input = { repository = "{{ inputs.repo }}" }
retry = { max = 900, base = "200ms", factor = 1, cap = "200ms" }
"#;

/// The blob that a task names.
fn blob_of(task: &Value) -> String {
    let text = task.to_string();
    let (_, rest) = text.split_once("/orkestra.repository/v1/").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[test]
fn a_shipped_repository_that_is_damaged_is_told_and_shipped_anew_by_the_same_command() {
    let stage = Stage::new();
    let _lead = node(&stage, "lead", "coordinator");
    Repository::with(&stage.desk.path("repo"), &clean());
    stage.desk.write("look.toml", LOOK);
    let first = submitted(&stage, "look.toml", "look-1");
    let blob = blob_of(&stage.json(&["task", "get", "look"]));
    Runtime::new().unwrap().block_on(async {
        let client = async_nats::connect(stage.servers.url()).await.unwrap();
        let stored = async_nats::jetstream::new(client);
        let part = format!("ork.v1.main.blob.{blob}.0");
        stored.publish(part, "junk".into()).await.unwrap().await.unwrap();
    });
    let _worker = node(&stage, "worker", "agents");
    stage.await_that(&["audit", "list", "--limit", "50"], |lines| {
        let told = lines.to_string();
        told.contains("cannot lay out repository") && told.contains("ships it anew")
    });
    assert_eq!(laid_out(&stage, "worker"), 0, "nothing half is left");

    let again = ["run", "look.toml", "--set", "repo=repo"];
    stage.run(&again).expect(0).says(&["goes on where it was", "1 completed"]);
    first.end().expect(0);
    assert_eq!(laid_out(&stage, "worker"), 1);
}
