//! Every key: its name, its type, its default, its meaning. Written once.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, time::Duration};

use orkestra_runtime::{id::NodeId, protocol::node::Hosts};

use super::{
    layers::{Found, Origin},
    reach::{ClusterName, MaybePath, NodeRoles, Replicas, Shards, Urls},
    words::{Bytes, Checks, Every, GrpcListen, Listen, LogLevel, Word},
};

/// A key, for whoever asks what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name: `tasks.lease`.
    pub name: &'static str,
    /// The kind of its value, for people.
    pub kind: &'static str,
    /// Its default, as it is written.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! keys {
    ($($name:literal, $field:ident: $type:ty = $default:literal, $meaning:literal;)*) => {
        /// Every key, in the order in which `config/cluster.toml` has them.
        pub const KEYS: &[Key] = &[$(Key {
            name: $name,
            kind: <$type as Word>::KIND,
            default: $default,
            meaning: $meaning,
        }),*];

        /// The configuration of a node, checked.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $(#[doc = concat!("`", $name, "`: ", $meaning, ".")] pub $field: $type,)*
            pub(super) origins: BTreeMap<&'static str, Origin>,
        }

        impl Config {
            /// Reads what was found for each key; `fault` is told of what cannot be read.
            pub(super) fn of(
                found: &BTreeMap<&'static str, Found>,
                mut fault: impl FnMut(&Found, String),
            ) -> Option<Self> {
                $(let $field = found.get($name).and_then(|found| {
                    <$type as Word>::read(&found.text).map_err(|why| fault(found, why)).ok()
                });)*
                let origins = found.iter().map(|(key, found)| (*key, found.origin.clone()));
                Some(Self { $($field: $field?,)* origins: origins.collect() })
            }

            /// The value of a key as it would be written; none if there is no such key.
            pub fn value(&self, key: &str) -> Option<String> {
                match key {
                    $($name => Some(self.$field.show()),)*
                    _ => None,
                }
            }
        }
    };
}

keys! {
    "data_dir", data_dir: PathBuf = ".orkestra",
        "the folder that holds all state";
    "node.name", node_name: NodeId = "local",
        "what this node is called; unique in its cluster";
    "node.roles", node_roles: NodeRoles = "coordinator, agents",
        "what this node does: lead shards, host agents, or both";
    "node.agents", node_agents: MaybePath = "",
        "a scenario file whose agents this node hosts from its start on";
    "cluster.name", cluster_name: ClusterName = "main",
        "which cluster this is; two clusters on the same servers never meet";
    "cluster.shards", cluster_shards: Shards = "16",
        "into how many parts tasks are divided; fixed by the first node of the cluster";
    "nats.url", nats_url: Urls = "",
        "where the servers of NATS are; nothing: no cluster, but a folder on this machine";
    "nats.user", nats_user: String = "",
        "as whom to log in; the password is in nats.password_file, or in NATS_PASSWORD";
    "nats.password_file", nats_password_file: MaybePath = "",
        "a file that holds the password and nothing else";
    "nats.nkey_file", nats_nkey_file: MaybePath = "",
        "a file that holds the seed of an nkey";
    "nats.creds_file", nats_creds_file: MaybePath = "",
        "a file with a JWT and a seed, as nsc writes it";
    "nats.tls.ca_file", nats_tls_ca_file: MaybePath = "",
        "a PEM file with those who may vouch for a server; nothing: those that this machine trusts";
    "nats.tls.cert_file", nats_tls_cert_file: MaybePath = "",
        "a PEM file with the certificate that this side shows";
    "nats.tls.key_file", nats_tls_key_file: MaybePath = "",
        "a PEM file with the key of that certificate";
    "nats.tls.required", nats_tls_required: bool = "false",
        "whether a server without TLS is refused; a tls:// address asks for it too";
    "nats.insecure", nats_insecure: bool = "false",
        "whether to speak in the clear to another machine";
    "nats.inbox", nats_inbox: String = "",
        "what stands before the subjects of answers; nothing: _INBOX, and the user where there is one";
    "nats.store.user", nats_store_user: String = "",
        "as whom a coordinator logs in where journals, registers and blobs are, if that is another account; the password is in nats.store.password_file, or in NATS_STORE_PASSWORD";
    "nats.store.password_file", nats_store_password_file: MaybePath = "",
        "a file that holds that password and nothing else";
    "nats.store.nkey_file", nats_store_nkey_file: MaybePath = "",
        "a file that holds the seed of an nkey for there";
    "nats.store.creds_file", nats_store_creds_file: MaybePath = "",
        "a file with a JWT and a seed for there";
    "nats.store.inbox", nats_store_inbox: String = "",
        "what stands before the subjects of answers there; nothing: _INBOX, and the user where there is one";
    "nats.store.opened", nats_store_opened: bool = "false",
        "whether of another account only that is reached which is opened to this one: a node that only hosts agents, or a command";
    "nats.replicas", nats_replicas: Replicas = "1",
        "on how many servers each stream is kept that this node makes";
    "nats.servers_sync", nats_servers_sync: bool = "false",
        "whether all servers are known to write to disk before they acknowledge (sync_interval: always)";
    "leadership.lease", leadership_lease: Duration = "1s 200ms",
        "how long a leader that does not renew is left its shard; it renews every quarter of it";
    "leadership.stable_after", leadership_stable_after: Duration = "3s",
        "how long a node must have been there before shards are handed over to it";
    "presence.beat_every", presence_beat_every: Every = "300ms",
        "how often a node says that it is there";
    "presence.down_after", presence_down_after: Duration = "1s 200ms",
        "how long a node may be silent before it counts as down; at least twice presence.beat_every";
    "agents.host", agents_host: Hosts = "functions",
        "which agents that others offer this node hosts: none, built-in functions, or programs as well";
    "log.level", log_level: LogLevel = "warn",
        "what is logged: error, warn, info, debug, trace, or directives";
    "journal.snapshot_every_records", journal_snapshot_every_records: NonZeroU32 = "10000",
        "after how many records of the journal a snapshot is taken";
    "journal.snapshot_every_bytes", journal_snapshot_every_bytes: Bytes = "128MiB",
        "after how many bytes of records a snapshot is taken, if that is sooner";
    "journal.keep_records", journal_keep_records: u64 = "100000",
        "how many records behind the older of two snapshots are kept for audits";
    "journal.keep_bytes", journal_keep_bytes: Bytes = "1GiB",
        "how many bytes of records are kept for audits, if that is less";
    "tasks.lease", tasks_lease: Duration = "30s",
        "how long an attempt is believed to go on without a sign of its worker";
    "tasks.beat_every", tasks_beat_every: Duration = "5s",
        "how often a worker gives a sign; at most a third of tasks.lease";
    "tasks.retain_for", tasks_retain_for: Duration = "7days",
        "how long ended runs, and ended tasks of a stream, are kept in memory";
    "tasks.retain_runs", tasks_retain_runs: NonZeroU32 = "100",
        "how many ended runs are kept in memory";
    "tasks.retain_count", tasks_retain_count: u64 = "100000",
        "how many ended tasks of a stream are kept in memory";
    "tasks.poison_after", tasks_poison_after: NonZeroU32 = "5",
        "after how many failures of any kind, over all its lives, a task is not tried again";
    "tasks.losses_max", tasks_losses_max: NonZeroU32 = "100",
        "how often in a row a task may be lost with its node before it is not tried again";
    "breaker.failures", breaker_failures: u64 = "3",
        "how many tasks in a row must fail on an agent before it is given nothing for a while; 0: never";
    "breaker.cooldown", breaker_cooldown: Duration = "5m",
        "how long that is; then one task is tried on it";
    "sweeps.assign_every", sweeps_assign_every: Every = "30s",
        "how often ready tasks are looked at though nothing happened: a safety net";
    "sweeps.health_every", sweeps_health_every: Every = "5m",
        "how often the health of the team is judged though nobody asks; a change is logged";
    "sweeps.recovery_every", sweeps_recovery_every: Every = "10m",
        "how often tasks in progress that nobody holds are looked for";
    "locks.lease", locks_lease: Duration = "1h",
        "for how long a session that holds locks lives without a renewal, if whoever opens it does not say";
    "locks.delay", locks_delay: Duration = "15s",
        "for how long a lock is kept back that was stolen, or whose holder went without a word";
    "checks.off", checks_off: Checks = "",
        "checks before and after tasks that this node does not make, unless a task asks for them";
    "context.snapshot_every", context_snapshot_every: Every = "10m",
        "how long after something happened a snapshot of the context is taken";
    "agents.blocking_threads", agents_blocking_threads: NonZeroU32 = "32",
        "how many threads run blocking functions";
    "agents.lost_threads_max", agents_lost_threads_max: NonZeroU32 = "8",
        "how many of them may hang before an agent is unavailable";
    "agents.output_max", agents_output_max: Bytes = "1MiB",
        "how much a command agent may put out, unless its scenario says otherwise";
    "supervision.intensity", supervision_intensity: u64 = "10",
        "how many restarts within supervision.period a supervisor bears";
    "supervision.period", supervision_period: Duration = "10s",
        "the window in which restarts are counted";
    "planning.enabled", planning_enabled: bool = "false",
        "whether this coordinator reads what planning and agents elsewhere say on NATS, and makes the streams for it that are missing";
    "planning.namespace", planning_namespace: String = "default",
        "whose the plans are that come from NATS";
    "planning.answer_within", planning_answer_within: Duration = "5m",
        "how long agents elsewhere are waited for that were given a job on NATS";
    "planning.keep_for", planning_keep_for: Duration = "1h",
        "how long a job that ended is known, so that a late answer is known to be late";
    "planning.agents_elsewhere", planning_agents_elsewhere: u64 = "0",
        "to how many agents on NATS a role of a plan is given that has no council, at most 16; 0: to none, and it fails";
    "planning.sweep_every", planning_sweep_every: Every = "2s",
        "how often it is looked whether a job of a plan is over";
    "metrics.listen", metrics_listen: Listen = "",
        "where a run lets its metrics be read, like 127.0.0.1:9464; nothing: nowhere";
    "grpc.listen", grpc_listen: GrpcListen = "",
        "where clients come in over gRPC, like 127.0.0.1:50055, which is the port where none is named; nothing: nowhere";
    "grpc.tls.cert", grpc_tls_cert: MaybePath = "",
        "a PEM file with the certificate that the door of gRPC shows";
    "grpc.tls.key", grpc_tls_key: MaybePath = "",
        "a PEM file with the key of the certificate of that door";
    "grpc.tls.client_ca", grpc_tls_client_ca: MaybePath = "",
        "a PEM file with those who may vouch for clients; their certificates then say whose tasks they see";
    "grpc.jwt.keys", grpc_jwt_keys: MaybePath = "",
        "a file with the public keys of those whose tokens are believed: a JSON Web Key Set, or PEM; EdDSA and ES256";
    "grpc.jwt.issuer", grpc_jwt_issuer: String = "",
        "who must have issued a token (iss)";
    "grpc.jwt.audience", grpc_jwt_audience: String = "",
        "for whom a token must be (aud)";
    "grpc.insecure", grpc_insecure: bool = "false",
        "whether anybody on other machines may come in over gRPC";
    "grpc.message_max", grpc_message_max: Bytes = "4MiB",
        "how large a message over gRPC may be";
    "grpc.streams_max", grpc_streams_max: NonZeroU32 = "2048",
        "how many streams over gRPC go on at once, and how many calls on one connection";
    "grpc.connections_max", grpc_connections_max: NonZeroU32 = "1024",
        "how many connections over gRPC there are at once";
    "grpc.unimplemented_without_council", grpc_unimplemented_without_council: bool = "false",
        "whether councils answer UNIMPLEMENTED as long as there is none, as older services did";
    "shutdown.drain_within", shutdown_drain_within: Duration = "30s",
        "how long running attempts may go on once a stop was asked for";
}

/// What the name of a key begins with, or is, that says nothing where there is no cluster.
const OF_CLUSTERS: [&str; 8] = [
    "cluster.",
    "nats.",
    "leadership.",
    "presence.",
    "node.roles",
    "node.agents",
    "agents.host",
    "planning.",
];

impl Key {
    /// Whether it says something only to a node of a cluster, and to who speaks with one.
    pub fn is_of_clusters(&self) -> bool {
        OF_CLUSTERS.iter().any(|begin| self.name.starts_with(begin))
    }
}

/// The text of `config/embedded.toml`: every key that counts on one machine, commented out, with its
/// meaning and default.
pub fn embedded() -> String {
    let head = "# Every key of Orkestra on one machine, with its meaning and its default.\n\
         # What is commented out is what holds anyway. Flags and ORKESTRA_ variables come first.\n";
    written(head, |key| !key.is_of_clusters())
}

/// The text of `config/cluster.toml`: every key there is.
pub fn cluster() -> String {
    let head = "# Every key of a node of a cluster (`orkestra node --config FILE`), with its meaning and its\n\
         # default. What is commented out is what holds anyway. Flags and ORKESTRA_ variables come first;\n\
         # the usual variables of NATS count too: NATS_URL, NATS_USER, NATS_PASSWORD, NATS_NKEY,\n\
         # NATS_CREDS, NATS_CA, NATS_CERT, NATS_KEY, and NATS_STORE_PASSWORD. No key holds a secret:\n\
         # files do.\n";
    written(head, |_| true)
}

fn written(head: &str, wanted: impl Fn(&Key) -> bool) -> String {
    let mut parts = vec![head.to_owned()];
    // A table is written once, though its keys are not all together in the list.
    let mut sections: Vec<&str> = Vec::new();
    for key in KEYS.iter().filter(|key| wanted(key)) {
        let section = section(key);
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for table in sections {
        if !table.is_empty() {
            parts.push(format!("\n[{table}]\n"));
        }
        for key in KEYS.iter().filter(|key| wanted(key) && section(key) == table) {
            let Key { name, kind, default, meaning } = key;
            let name = name.split_once('.').map_or(*name, |(_, name)| name);
            let is_number =
                !default.is_empty() && default.bytes().all(|byte| byte.is_ascii_digit());
            let is_plain = is_number || ["true", "false"].contains(default);
            let default = if is_plain { (*default).to_owned() } else { format!("{default:?}") };
            parts.push(format!("\n# {meaning} ({kind})\n# {name} = {default}\n"));
        }
    }
    parts.concat()
}

fn section(key: &Key) -> &'static str {
    key.name.split_once('.').map_or("", |(section, _)| section)
}
