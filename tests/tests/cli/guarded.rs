//! The command on a server as `config/nats` sets it up: one account for messages and one for what is
//! kept, and a user for each role.

use orkestra_tests::{command::Running, nats::guarded::Guarded};
use tokio::runtime::Runtime;

use crate::{SLOW, desk, repository::Repository, review::clean, shipped::LOOK};

/// A configuration as one of the roles; the keys of the store are given.
fn config(guarded: &Guarded, user: &str, store: &str) -> String {
    let path = |name: &str| guarded.path(name).display().to_string();
    format!(
        "data_dir = '{user}'\n\
         [cluster]\nshards = 2\n\
         [node]\nname = '{user}'\nroles = '{role}'\n\
         [nats]\nurl = '{url}'\nuser = '{user}'\npassword_file = '{user}.password'\n{store}\
         tls.ca_file = '{ca}'\ntls.cert_file = '{cert}'\ntls.key_file = '{key}'\n",
        role = if user == "agents" { "agents" } else { "coordinator" },
        url = guarded.url(),
        ca = path("tls/ca.pem"),
        cert = path("tls/client.pem"),
        key = path("tls/client.key"),
    )
}

#[test]
fn nodes_and_commands_work_by_the_logins_of_the_configuration_that_is_shipped() {
    let runtime = Runtime::new().unwrap();
    let guarded = runtime.block_on(Guarded::start());
    let desk = desk();
    desk.write("slow.toml", SLOW);
    for user in ["coordinator", "coordinator-store", "agents", "operator"] {
        desk.write(&format!("{user}.password"), &guarded.password(user));
    }
    let login =
        "store.user = 'coordinator-store'\nstore.password_file = 'coordinator-store.password'\n";
    desk.write("coordinator.toml", &config(&guarded, "coordinator", login));
    for user in ["agents", "operator"] {
        desk.write(&format!("{user}.toml"), &config(&guarded, user, "store.opened = true\n"));
    }
    let both = format!("{login}store.opened = true\n");
    desk.write("both.toml", &config(&guarded, "coordinator", &both));
    let refused = desk.run(&["node", "--config", "both.toml"]).expect(2);
    refused.says(&["nats.store.opened and a login of nats.store are set"]);

    let node = |name: &str| -> Running {
        let mut node = desk.start(&["node", "--config", &format!("{name}.toml")]);
        node.await_line("\"event\":\"up\"");
        node
    };
    let _nodes = [node("coordinator"), node("agents")];
    let ask = |args: &[&str]| desk.run(&[args, &["--config", "operator.toml"]].concat());
    ask(&["node", "list"]).expect(0).shows(&["coordinator", "agents"]);
    ask(&["run", "slow.toml", "--set", "ms=1"]).expect(0).says(&["30 completed"]);
    // What a run brings with it is all that they write.
    desk.write("look.toml", LOOK);
    Repository::with(&desk.path("repo"), &clean());
    ask(&["run", "look.toml", "--set", "repo=repo"]).expect(0).says(&["1 completed"]);
    desk.write("one.json", r#"{"id": "extra", "input": {"ms": 1}}"#);
    let submitted = ask(&["task", "submit", "--file", "one.json", "--wait"]).expect(0);
    submitted.says(&["1 tasks (1 completed"]);
    ask(&["audit", "list", "--limit", "2"]).expect(0).shows(&["run_opened"]);
    // Whoever runs the cluster may read all that is kept, and write none of it but blobs.
    ask(&["backup", "--into", "copy"]).expect(0).shows(&["those of 2 shards of cluster main"]);
    ask(&["node", "drain", "agents"]).expect(0).says(&["node agents is drained"]);
    ask(&["node", "undrain", "agents"]).expect(0).says(&["leads and works again"]);
}
