//! Junk on every subject of a cluster that works: refused, counted, and nobody is harmed.

use std::path::Path;

use orkestra_runtime::id::{AgentId, ShardId};
use orkestra_tests::{
    junk::{listened, outside, throw_junk},
    nats::Servers,
};

use super::nodes::{echoing, node, runs_through, until};

/// Frames of the versions before, as an older program sent them.
fn earlier(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(name);
    let kept = std::fs::read_to_string(path).unwrap();
    let frame = |line: &str| {
        let hex = line.split_once(' ').unwrap().1;
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    };
    kept.lines().map(frame).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_every_subject_of_a_cluster_at_work_is_refused_and_counted_and_harms_nobody() {
    let servers = Servers::one().await;
    let folder = tempfile::tempdir().unwrap();
    let a = node(&servers, &folder, "a", Vec::new()).await;
    let w = node(&servers, &folder, "w", vec![echoing("ann", 4)]).await;
    runs_through(a.tasks_of(""), "before", 20).await;
    let stranger = async_nats::connect(servers.url()).await.unwrap();
    let agent = AgentId::new("ann").unwrap();
    let works = async {
        for at in 0..5 {
            runs_through(a.tasks_of(""), &format!("meanwhile-{at}"), 100).await;
        }
    };
    let throws = async {
        for (node, shard) in [(a.name(), ShardId(0)), (w.name(), ShardId(1))] {
            for subject in listened(node, &agent, shard) {
                throw_junk(&stranger, &format!("ork.v1.main.{subject}")).await;
            }
        }
        for subject in outside() {
            throw_junk(&stranger, &subject).await;
        }
        for verb in ["prompt", "status"] {
            throw_junk(&stranger, &format!("agents.{verb}.orkestra.main.nobody")).await;
        }
        for (subject, kept) in [
            ("node.w.work", "agent.to.v2.txt"),
            ("shard.0.heard", "agent.from.v2.txt"),
            ("shard.1.heard", "agent.from.v3.txt"),
        ] {
            for frame in earlier(kept) {
                let subject = format!("ork.v1.main.{subject}");
                stranger.publish(subject, frame.into()).await.unwrap();
            }
        }
    };
    futures::join!(works, throws);
    // Some of the junk at the subjects of each is no frame in any version.
    until("all is counted", async || a.refused() >= 100 && w.refused() >= 100).await;
    runs_through(w.tasks_of(""), "after", 100).await;
    let names: Vec<_> = a.members().iter().map(|at| at.beat.node.as_str().to_owned()).collect();
    assert_eq!(names, ["a", "w"], "nobody came of junk");
    for node in [w, a] {
        node.stop().await.unwrap();
    }
}
