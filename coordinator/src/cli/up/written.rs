//! The configuration files of nodes.

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use serde_json::json;

use crate::config::{Config, Origin};

/// The keys that differ from node to node, or that are said here in any case.
const OWN: [&str; 7] = [
    "data_dir",
    "node.name",
    "node.roles",
    "node.agents",
    "nats.url",
    "agents.host",
    "grpc.listen",
];
/// What the keys begin with that say how servers are reached.
const OF_SERVERS: &str = "nats.";

/// What the configuration of a node says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// What it is called.
    pub(super) name: &'a str,
    /// Where its things lie.
    pub(super) data_dir: &'a Path,
    /// Whether it hosts agents.
    pub(super) hosts_agents: bool,
    /// Where the servers are.
    pub(super) urls: &'a [String],
    /// Whether they are those of somebody else, to whom one may have to log in.
    pub(super) are_named: bool,
    /// Where clients come in over gRPC.
    pub(super) grpc: Option<SocketAddr>,
}

/// The text of a node's configuration: what is said of this node, and whatever else this command
/// was configured with, as far as it is no default.
pub(super) fn text(wanted: Wanted<'_>, config: &Config) -> String {
    let roles = if wanted.hosts_agents { "coordinator, agents" } else { "coordinator" };
    let mut text = "# Written by `orkestra up`, anew at each start.\n\n".to_owned();
    let mut line = |key: &str, value: serde_json::Value| {
        // What JSON calls a text, and a list of texts, TOML calls so too.
        let _ = writeln!(text, "{key} = {value}");
    };
    line("data_dir", json!(wanted.data_dir.to_string_lossy()));
    line("node.name", json!(wanted.name));
    line("node.roles", json!(roles));
    line("nats.url", json!(wanted.urls));
    if let Some(address) = wanted.grpc {
        line("grpc.listen", json!(address.to_string()));
    }
    let shown = config.show();
    let is_said = |key: &str| shown.iter().any(|it| it.key == key && it.origin != Origin::Default);
    let hosts = if is_said("agents.host") { config.value("agents.host") } else { None };
    line("agents.host", json!(hosts.unwrap_or_else(|| "all".to_owned())));
    for said in &shown {
        let is_of_servers = said.key.starts_with(OF_SERVERS);
        let is_left_out = OWN.contains(&said.key) || (is_of_servers && !wanted.are_named);
        if said.origin != Origin::Default && !is_left_out {
            line(said.key, json!(said.value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn config(env: &[(&str, &str)], file: &str) -> Config {
        let env: Vec<(String, String)> =
            env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Config::load(&Layers { file: Some(("up.toml", file)), env: &env, flags: &[] }).unwrap()
    }

    const fn wanted<'a>(urls: &'a [String], data_dir: &'a Path) -> Wanted<'a> {
        Wanted { name: "node-2", data_dir, hosts_agents: false, urls, are_named: false, grpc: None }
    }

    #[test]
    fn a_node_is_told_who_it_is_and_what_else_was_configured() {
        let urls = ["nats://127.0.0.1:4222".to_owned()];
        let given = config(
            &[("ORKESTRA_NODE__NAME", "other"), ("NATS_USER", "ada")],
            "data_dir = \"elsewhere\"\n[tasks]\npoison_after = 7\n[nats]\nreplicas = 3\n",
        );
        let text = text(wanted(&urls, Path::new("/a \"b\"/data")), &given);
        let read = config(&[], &text);
        assert_eq!(read.node_name.as_str(), "node-2");
        assert_eq!(read.data_dir, Path::new("/a \"b\"/data"));
        assert!(read.node_roles.coordinator && !read.node_roles.agents);
        assert_eq!(read.nats_url.0, urls);
        assert_eq!(read.tasks_poison_after.get(), 7);
        // These are of somebody else's servers.
        assert_eq!((read.nats_user.as_str(), read.nats_replicas.0), ("", 1));
        assert_eq!(read.value("agents.host").as_deref(), Some("all"));
    }

    #[test]
    fn a_login_goes_with_servers_that_were_named_and_a_host_that_was_said_counts() {
        let urls = ["nats://a:1".to_owned(), "nats://b:2".to_owned()];
        let given = config(&[("NATS_USER", "ada")], "[agents]\nhost = \"none\"\n");
        let wanted =
            Wanted { are_named: true, hosts_agents: true, ..wanted(&urls, Path::new("/data")) };
        let read = config(&[], &text(wanted, &given));
        assert_eq!(read.nats_user, "ada");
        assert_eq!(read.nats_url.0, urls);
        assert!(read.node_roles.agents);
        assert_eq!(read.value("agents.host").as_deref(), Some("none"));
    }
}
