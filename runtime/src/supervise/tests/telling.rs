//! What is told: the supervision log and the tree.

use super::stage::{Do, MINUTE, Stage, supervisor};
use crate::{
    restart::Restart,
    supervise::event::What::{Ended, Restarted, Started, Stopped},
};

#[tokio::test(start_paused = true)]
async fn every_start_end_and_restart_is_told_in_order_with_who_and_why() {
    let mut stage = Stage::paused();
    let mut lines = stage.env.log.watch();
    let spec = supervisor("node").supervisor(supervisor("agents").child(stage.player("secrets")));
    let node = stage.start(spec).await;
    stage.says(1).await;
    stage.tell("secrets", Do::Fail("no key"));
    stage.says(1).await;
    while node.tree().await.unwrap().children[0].children[0].restarts == 0 {}
    node.stop(MINUTE).await.unwrap();
    stage.env.log.flush().await;
    let mut told = Vec::new();
    while let Ok(line) = lines.try_recv() {
        told.push((line.seq, line.who.clone(), line.what, line.attempt));
    }
    let line = |seq, who: &str, what, attempt| (seq, who.to_owned(), what, attempt);
    assert_eq!(
        told,
        [
            line(1, "node/agents/secrets", Started, 1),
            line(2, "node/agents", Started, 1),
            line(3, "node/agents/secrets", Ended, 1),
            line(4, "node/agents/secrets", Restarted, 2),
            line(5, "node/agents/secrets", Stopped, 2),
            line(6, "node/agents", Stopped, 1),
            line(7, "node/agents", Stopped, 1),
            line(8, "node", Stopped, 1),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_drawn_with_states_restarts_and_reasons() {
    let mut stage = Stage::paused();
    let spec = supervisor("node")
        .supervisor(supervisor("agents").child(stage.player("secrets")))
        .child(stage.player("door").restart(Restart::Transient));
    let node = stage.start(spec).await;
    stage.said();
    stage.tell("secrets", Do::Fail("no key"));
    stage.tell("door", Do::Stop(None));
    stage.says(2).await;
    while node.count_children().await.unwrap().active > 1 {}
    while node.tree().await.unwrap().children[0].children[0].restarts == 0 {}
    let drawn = node.tree().await.unwrap().to_string();
    let expected = "node  running\n  agents  running\n    secrets  running, restarted 1 times (last: no key)\n  door  stopped (last: normal)\n";
    assert_eq!(drawn, expected);
}
