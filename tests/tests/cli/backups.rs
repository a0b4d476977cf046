//! What a cluster keeps, copied while it works, and brought to other servers.

use crate::cluster::Stage;

#[test]
fn what_a_cluster_keeps_is_backed_up_while_it_works_and_restored_on_other_servers() {
    let (stage, other) = (Stage::new(), Stage::new());
    let _node = stage.node("node-1");
    stage.run(&["run", "slow.toml", "--set", "ms=1"]).expect(0);
    stage.run(&["node", "drain", "node-1"]).expect(0);
    stage.run(&["node", "resume", "node-1"]).expect(0);
    let backup = stage.desk.path("backup").display().to_string();
    let taken = stage.run(&["backup", "--into", &backup]).expect(0);
    taken.shows(&[
        "those of 16 shards of cluster main",
        "1 runs with 30 tasks, 0 of them not ended",
    ]);
    stage.run(&["backup", "--into", &backup]).expect(2).says(&["something is there"]);

    let restored = other.run(&["restore", "--from", &backup]).expect(0);
    restored.says(&["its nodes can be started now"]);
    let _there = other.node("node-1");
    let tasks = other.await_that(&["task", "list", "--state", "completed"], |tasks| {
        tasks.as_array().is_some_and(|tasks| tasks.len() == 30)
    });
    assert_eq!(tasks[0]["id"], "nap-0", "{tasks}");
    // The agents that the cluster hosted are hosted there, and numbers go on.
    other.desk.write("one.json", r#"{"id": "extra", "input": {"ms": 1}}"#);
    other.run(&["task", "submit", "--file", "one.json", "--wait"]).expect(0);
    other.run(&["restore", "--from", &backup]).expect(4).says(&["is on these servers"]);

    // A folder is made of it as well, and the other way round it is refused.
    let folder = stage.desk.path("folder").display().to_string();
    let here = ["restore", "--from", &backup, "--data-dir", &folder];
    stage.desk.run(&here).expect(0).shows(&["those of 16 shards of cluster main"]);
    let alone = stage.desk.run(&["run", "slow.toml", "--data-dir", &folder]).expect(2);
    alone.says(&["here are the journals of a cluster"]);
    stage.desk.run(&["run", "slow.toml", "--set", "ms=1"]).expect(0);
    stage.desk.run(&["backup", "--into", "of-a-folder"]).expect(0);
    let of_a_folder = stage.desk.path("of-a-folder").display().to_string();
    let refused = other.run(&["restore", "--from", &of_a_folder]).expect(2);
    refused.says(&["is the backup of a folder", "--data-dir"]);
}
