//! Repositories that a run brings to a cluster: on no machine of it there is anything at their paths.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use orkestra_runtime::fabric::BlobName;
use orkestra_tests::command::Running;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{cluster::Stage, desk, example, repository::Repository, review::clean};

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
fn submitted(stage: &Stage, (scenario, more): (&str, &[&str]), run: &str) -> Running {
    let url = stage.servers.url();
    let args = ["run", scenario, "--set", "repo=repo", "-o", "ndjson"];
    let running = stage.desk.start(&Stage::at(&url, &[&args[..], more].concat()));
    let list = ["task", "list", "--run", run];
    stage.await_that(&list, |tasks| tasks.as_array().is_some_and(|all| !all.is_empty()));
    running
}

/// How many commits a node has laid out.
fn laid_out(stage: &Stage, node: &str) -> usize {
    fs::read_dir(stage.desk.path(node).join("repositories")).map_or(0, Iterator::count)
}

/// What was shipped, as an agent in any language reads it.
async fn fetched(url: &str, blob: &str) -> Vec<u8> {
    let store = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    let kept = store.get_stream_no_info("ORK_BLOBS_main").await.unwrap();
    let last = async |part: String| {
        let subject = format!("ork.v1.main.blob.{blob}.{part}");
        kept.direct_get_last_for_subject(subject).await.unwrap().payload
    };
    let head: Value = serde_json::from_slice(&last("head".to_owned()).await).unwrap();
    let number = |key: &str| head[key].as_u64().unwrap();
    let mut bytes = Vec::new();
    for part in 0..number("bytes").div_ceil(number("part")) {
        bytes.extend_from_slice(&last(part.to_string()).await);
    }
    assert_eq!(BlobName::of(&bytes).as_str(), blob);
    bytes
}

/// Makes a repository of it by the steps that the page on NATS tells.
fn laid_out_by_hand(folder: &Path, shipped: &[u8]) {
    let end = shipped.windows(2).position(|two| two == b"\n\n").unwrap();
    let (head, pack) = shipped.split_at(end + 2);
    let head = std::str::from_utf8(head).unwrap();
    let commit = head.lines().find_map(|line| line.strip_prefix("commit ")).unwrap();
    fs::create_dir(folder).unwrap();
    let git = |arguments: &[&str], input: &[u8]| {
        let mut git = Command::new("git");
        git.current_dir(folder).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = git.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        assert!(child.wait().unwrap().success(), "{arguments:?}");
    };
    git(&["init", "-q"], b"");
    git(&["index-pack", "--stdin"], pack);
    git(&["checkout", "-q", commit], b"");
    git(&["fsck", "--no-progress"], b"");
    assert!(folder.join("NEWS.md").exists());
}

#[test]
fn a_release_is_reviewed_on_machines_on_which_its_repository_is_not() {
    let stage = Stage::new();
    let _lead = node(&stage, "lead", "coordinator");
    let repository = Repository::with(&stage.desk.path("repo"), &clean());
    repository.git(&["tag", "v0.2.0"]);
    repository.write("NEWS.md", b"# News\n");
    repository.commit();
    let scenario = example("release-review.toml");
    let running = submitted(&stage, (&scenario, &["--report", "report.md"]), "release-review-1");
    fs::rename(stage.desk.path("repo"), stage.desk.path("elsewhere")).unwrap();
    let blob = blob_of(&stage.json(&["task", "get", "history"]));
    let fetched = Runtime::new().unwrap().block_on(fetched(&stage.servers.url(), &blob));
    laid_out_by_hand(&stage.desk.path("by-hand"), &fetched);

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
pub(crate) const LOOK: &str = r#"
[scenario]
name = "look"

[inputs.repo]
type = "repository"

[agents.inventory]
kind = "function"
function = "inventory"

[[tasks]]
id = "look"
agents = ["inventory"]
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
    let first = submitted(&stage, ("look.toml", &[]), "look-1");
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

#[test]
fn a_repository_that_is_too_large_to_be_shipped_is_refused_before_anybody_is_asked() {
    let desk = desk();
    desk.write("look.toml", LOOK);
    let mut state = 88_172_645_463_325_252_u64;
    let mut noise = Vec::with_capacity(66 * 1024 * 1024);
    while noise.len() < 66 * 1024 * 1024 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    Repository::with(&desk.path("repo"), &[("film.bin", noise)]);
    let nowhere = ["run", "look.toml", "--set", "repo=repo", "--nats", "nats://127.0.0.1:1"];
    let refused = desk.run(&nowhere).expect(2);
    refused.says(&["more than 64 MiB when packed", "Git LFS", "without a server"]);
}
