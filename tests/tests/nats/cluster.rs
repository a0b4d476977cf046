//! Nodes over a real server: what is submitted ends, whatever becomes of the server.

use orkestra_tests::nats::Servers;

use super::nodes::{echoing, node, runs_through};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_through_nodes_over_a_real_server_and_over_its_restart() {
    let servers = Servers::one().await;
    let folder = tempfile::tempdir().unwrap();
    let a = node(&servers, &folder, "a", Vec::new()).await;
    let b = node(&servers, &folder, "b", Vec::new()).await;
    let w = node(&servers, &folder, "w", vec![echoing("ann", 8), echoing("bob", 8)]).await;
    for (at, namespace) in ["", "x", "y", "z"].into_iter().enumerate() {
        runs_through(w.tasks_of(namespace), &format!("before-{at}"), 500).await;
    }
    let mut servers = servers;
    servers.kill(0).await;
    servers.restart(0).await;
    for (at, namespace) in ["", "x", "y", "z"].into_iter().enumerate() {
        runs_through(a.tasks_of(namespace), &format!("after-{at}"), 500).await;
    }
    for node in [w, a, b] {
        node.stop().await.unwrap();
    }
}
