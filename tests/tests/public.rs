//! What anybody with a NATS client may ask and hear, and agents in any language.

#![expect(clippy::unwrap_used, reason = "what cannot be set up ends the test")]

#[path = "public/agents.rs"]
mod agents;
#[path = "public/cluster.rs"]
mod cluster;
#[path = "public/events.rs"]
mod events;
#[path = "public/locks.rs"]
mod locks;
#[path = "public/page.rs"]
mod page;
#[path = "public/python.rs"]
mod python;
#[path = "public/python_grpc.rs"]
mod python_grpc;
#[path = "public/python_lock.rs"]
mod python_lock;
#[path = "public/requests.rs"]
mod requests;
#[path = "public/stage.rs"]
mod stage;
#[path = "public/synadia.rs"]
mod synadia;
#[path = "public/votes.rs"]
mod votes;
