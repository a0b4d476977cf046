//! Nodes whose servers are away.

use std::{net::TcpListener, time::Duration};

use orkestra_tests::{command::Signal, nats::Servers};
use tokio::runtime::Runtime;

use crate::desk;

/// How long a node that waits may take to end.
const AT_ONCE: Duration = Duration::from_secs(10);

fn config(name: &str, url: &str) -> String {
    format!("data_dir = '{name}'\n[node]\nname = '{name}'\n[nats]\nurl = '{url}'\n")
}

#[test]
fn a_node_whose_server_is_away_tries_again_and_ends_at_once_when_it_is_told_to() {
    let desk = desk();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    desk.write("n.toml", &config("n", &url));
    let node = desk.start(&["node", "--config", "n.toml"]);
    // Whoever is let in and hears nothing but the end of the line comes again.
    for _ in 0..5 {
        drop(listener.accept().unwrap());
    }
    let told = node.age();
    node.signal(Signal::TERM);
    let ended = node.end_and_age();
    ended.0.expect(130).says(&["connecting to NATS at"]);
    assert!(ended.1 < told + AT_ONCE, "told at {told:?}, it ended at {:?}", ended.1);
}

#[test]
fn a_node_that_was_started_before_its_server_is_up_when_that_comes() {
    let runtime = Runtime::new().unwrap();
    let mut servers = runtime.block_on(Servers::one());
    runtime.block_on(servers.kill(0));
    let desk = desk();
    desk.write("n.toml", &config("n", &servers.url()));
    let mut node = desk.start(&["node", "--config", "n.toml"]);
    runtime.block_on(servers.start(0));
    node.await_line("\"event\":\"up\"");
    // It waits for one that is silent as well, and ends all the same.
    servers.pause(0);
    let told = node.age();
    node.signal(Signal::TERM);
    let (said, age) = node.end_and_age();
    servers.resume(0);
    said.says(&["stopped"]);
    assert!(age < told + Duration::from_mins(1), "told at {told:?}, it ended at {age:?}");
}
