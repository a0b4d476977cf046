//! One agent at one node, and what it says of itself.

use std::sync::{Arc, atomic::Ordering};

use orkestra_runtime::{
    id::{AgentId, NodeId},
    names::token,
    time::Wall,
};
use serde_json::{Value, json};

use super::{BEAT_EVERY, Figures, HARNESS, QUEUE, SERVICE, prompt};

/// The version of the protocol.
const PROTOCOL: &str = "0.3";

/// Where an agent is.
#[derive(Debug)]
pub(super) struct Place {
    /// As a token.
    pub(super) cluster: String,
    pub(super) node: NodeId,
    /// When the service was begun: each of its lives has other instances.
    pub(super) started: Wall,
}

/// One agent at one node.
#[derive(Debug)]
pub(super) struct Instance {
    place: Arc<Place>,
    agent: AgentId,
    description: String,
    name: String,
    id: String,
    pub(super) figures: Figures,
}

impl Instance {
    pub(super) fn new(place: &Arc<Place>, agent: AgentId, description: String) -> Self {
        let name = token(agent.as_str());
        let (node, started) = (token(place.node.as_str()), place.started.as_ms());
        let id = format!("{node}-{started}-{name}");
        let (place, figures) = (Arc::clone(place), Figures::default());
        Self { place, agent, description, name, id, figures }
    }

    pub(super) const fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// The last token of its subjects.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the other one says the same of itself.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.id, &self.description) == (&other.id, &other.description)
    }

    pub(super) fn subject(&self, verb: &str) -> String {
        format!("agents.{verb}.{HARNESS}.{}.{}", self.place.cluster, self.name)
    }

    /// The heartbeat, and the answer to whoever asks how it is.
    pub(super) fn beat(&self, now: Wall) -> Value {
        json!({
            "agent": HARNESS,
            "owner": self.place.cluster,
            "session": self.agent,
            "instance_id": self.id,
            "ts": now.to_string(),
            "interval_s": BEAT_EVERY.as_secs(),
        })
    }

    pub(super) fn ping(&self) -> Value {
        json!({
            "type": "io.nats.micro.v1.ping_response",
            "name": SERVICE,
            "id": self.id,
            "version": env!("CARGO_PKG_VERSION"),
            "metadata": {
                "agent": HARNESS,
                "owner": self.place.cluster,
                "session": self.agent,
                "protocol_version": PROTOCOL,
                "node": self.place.node,
            },
        })
    }

    pub(super) fn info(&self) -> Value {
        let mut info = self.ping();
        info["type"] = json!("io.nats.micro.v1.info_response");
        info["description"] = json!(self.description);
        info["endpoints"] = json!([self.prompt(), self.status()]);
        info
    }

    pub(super) fn stats(&self) -> Value {
        let mut stats = self.ping();
        stats["type"] = json!("io.nats.micro.v1.stats_response");
        stats["started"] = json!(self.place.started.to_string());
        let (mut prompt, mut asked) = (self.prompt(), self.status());
        if let Value::Object(figures) = self.figures.of_prompts() {
            for (name, figure) in figures {
                prompt[name] = figure;
            }
        }
        asked["num_requests"] = json!(self.figures.status.load(Ordering::Relaxed));
        for none in ["num_errors", "processing_time", "average_processing_time"] {
            asked[none] = json!(0);
        }
        asked["last_error"] = json!("");
        stats["endpoints"] = json!([prompt, asked]);
        stats
    }

    fn prompt(&self) -> Value {
        let max_payload = format!("{}KB", prompt::PROMPT_BYTES_MAX / 1024);
        json!({
            "name": "prompt",
            "subject": self.subject("prompt"),
            "queue_group": QUEUE,
            "metadata": { "max_payload": max_payload, "attachments_ok": false },
        })
    }

    fn status(&self) -> Value {
        json!({
            "name": "status",
            "subject": self.subject("status"),
            "queue_group": QUEUE,
            "metadata": {},
        })
    }
}
