//! What can be typed to run a cluster.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(in crate::cli) struct NodeArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<NodeCommand>,
    /// What the node does: coordinator, agents, or both with a comma between.
    #[arg(long, value_name = "ROLES")]
    pub(in crate::cli) role: Option<String>,
    /// End when the standard input ends: whoever started this node is gone then.
    #[arg(long, hide = true)]
    pub(in crate::cli) leash: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NodeCommand {
    /// List the nodes of a cluster: who is there, what each leads and works on.
    #[command(after_help = "Example:\n  orkestra node list --nats nats://127.0.0.1:4222")]
    List,
    /// Have a node lead nothing more and take no more work, before its machine goes away; it stays so
    /// when it is started again.
    #[command(after_help = "Example:\n  orkestra node drain node-2 --nats nats://127.0.0.1:4222")]
    Drain {
        /// The node.
        node: String,
    },
    /// Have a drained node lead and work again.
    #[command(visible_alias = "undrain")]
    Resume {
        /// The node.
        node: String,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ShardCommand {
    /// List the shards of a cluster and who leads each; ends with 1 while one is led by nobody.
    #[command(after_help = "Example:\n  orkestra shard list --nats nats://127.0.0.1:4222")]
    List,
    /// Say which node shall lead a shard while it is there.
    #[command(after_help = "Examples:
  orkestra shard move 3 --to node-2
  orkestra shard move 3 --anywhere")]
    Move {
        /// The shard, by its number.
        shard: u16,
        /// The node.
        #[arg(long, value_name = "NODE", required_unless_present = "anywhere")]
        to: Option<String>,
        /// Leave it to the cluster again.
        #[arg(long, conflicts_with = "to")]
        anywhere: bool,
    },
}
