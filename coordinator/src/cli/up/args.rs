//! What can be typed to try a cluster.

use std::path::PathBuf;

use clap::Args;

/// The most nodes that one machine is asked to carry.
const NODES_MAX: i64 = 32;

#[derive(Debug, Args)]
pub(in crate::cli) struct UpArgs {
    /// How many nodes.
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=NODES_MAX))]
    pub(in crate::cli) nodes: u16,
    /// How many of them host agents; by default all.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) agents: Option<u16>,
    /// Keep everything in this folder, and go on from what it holds; by default nothing is kept.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
    /// Let clients in over gRPC: at the first node at this address, at each further one at the port
    /// after that of the node before; without a port it is 50055, and port 0 takes any that are free.
    #[arg(long, value_name = "ADDR")]
    pub(in crate::cli) grpc: Option<String>,
}
