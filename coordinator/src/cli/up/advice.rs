//! What to try with a cluster that is up.

use std::fmt::Write as _;

/// What is told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster<'a> {
    /// How this program was called.
    pub(super) program: &'a str,
    /// Where the servers are, as it may be shown.
    pub(super) url: &'a str,
    /// The cluster's name, where it is not the usual one.
    pub(super) name: Option<&'a str>,
    /// A node, and its process.
    pub(super) victim: Option<(&'a str, u32)>,
}

/// Commands to copy, and what they do.
pub(super) fn advice(cluster: Cluster<'_>) -> String {
    let Cluster { program, url, name, victim } = cluster;
    let mut tries = vec![
        (format!("{program} node list --nats {url}"), "who is there".to_owned()),
        (
            format!("{program} run examples/release-review.toml --nats {url}"),
            "have it work".to_owned(),
        ),
        (
            format!("{program} supervision log --follow --nats {url}"),
            "who starts and ends".to_owned(),
        ),
    ];
    if let Some((node, pid)) = victim {
        let what = format!("kill {node}: others take its shards, and it comes back");
        tries.push((format!("kill -9 {pid}"), what));
    }
    let mut text = "\nTry, in another terminal:\n\n".to_owned();
    if let Some(name) = name {
        let _ = writeln!(text, "  export ORKESTRA_CLUSTER_NAME={name}");
    }
    for (command, what) in tries {
        let _ = writeln!(text, "  # {what}\n  {command}");
    }
    text.push_str("\nCtrl-C ends all of it. What happens to the nodes:");
    text
}
