//! The table: what each role may say and hear.

use super::Plan;
use crate::planning::streams::STREAMS;

/// A part of the server in which subjects mean what they mean there alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Messages; nothing is stored here.
    Bus,
    /// Journals, registers and blobs.
    Store,
}

/// What a user is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A node that leads shards, among the messages.
    Coordinator,
    /// The same node, in the store.
    CoordinatorStore,
    /// A node that hosts workers.
    Agents,
    /// Whoever submits, asks and hears what is public.
    Client,
    /// The command of a person who runs the cluster: also reads journals, asks nodes, drains.
    Operator,
    /// Whoever plans, and speaks for agents elsewhere: it is believed whose answer is whose.
    Planning,
    /// Whoever only looks: heartbeats, events, the services of nodes.
    Monitor,
    /// One agent in any language, by its name.
    Agent,
}

impl Role {
    /// Those that have one user each; agents have one by name.
    pub const ALL: [Self; 7] = [
        Self::Coordinator,
        Self::CoordinatorStore,
        Self::Agents,
        Self::Client,
        Self::Operator,
        Self::Planning,
        Self::Monitor,
    ];

    /// Where its users are.
    pub const fn account(self) -> Account {
        match self {
            Self::CoordinatorStore => Account::Store,
            Self::Coordinator
            | Self::Agents
            | Self::Client
            | Self::Operator
            | Self::Planning
            | Self::Monitor
            | Self::Agent => Account::Bus,
        }
    }

    const fn user(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::CoordinatorStore => "coordinator-store",
            Self::Agents => "agents",
            Self::Client => "client",
            Self::Operator => "operator",
            Self::Planning => "planning",
            Self::Monitor => "monitor",
            Self::Agent => "agent",
        }
    }

    /// What it is for, in a sentence.
    pub(super) const fn purpose(self) -> &'static str {
        match self {
            Self::Coordinator => "a node that leads shards: all messages of its cluster",
            Self::CoordinatorStore => "the same node's second login: journals, registers, blobs",
            Self::Agents => "a node that hosts workers: says what they say, keeps blobs",
            Self::Client => "submits, asks, hears public events",
            Self::Operator => "as a client, and asks nodes, drains, reads journals, keeps blobs",
            Self::Planning => {
                "tells of stories and plans, answers for agents elsewhere, hears both"
            }
            Self::Monitor => "hears heartbeats, supervision and events, asks services",
            Self::Agent => "one agent in any language: its own subjects only",
        }
    }
}

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The subjects to which it may publish.
    pub publish: Vec<String>,
    /// The subjects to which it may listen.
    pub subscribe: Vec<String>,
    /// Whether it may answer whoever asks it, for a while.
    pub answers: bool,
}

/// A subject of the store that the account of messages may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// As it is called among the messages.
    pub(super) asked: String,
    /// As it is called in the store.
    pub(super) subject: String,
}

/// A user of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What it logs in as.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// What it may do.
    pub grant: Grant,
}

impl User {
    /// What must stand before the subjects of its answers: the prefix of its inboxes.
    pub fn inbox(&self) -> String {
        format!("_INBOX.{}", self.name)
    }

    /// What holds its password in the configuration: a variable.
    pub fn variable(&self) -> String {
        format!("{}_password", self.name.replace('-', "_"))
    }
}

impl Plan {
    /// A user of a role; an agent's is bound to its name.
    pub(super) fn user(&self, role: Role, agent: Option<&str>) -> User {
        let name = match agent {
            Some(agent) => format!("{}-{agent}", role.user()),
            None => role.user().to_owned(),
        };
        let mut grant = match role {
            Role::Coordinator => self.coordinator(),
            Role::CoordinatorStore => self.store(),
            Role::Agents => self.agents_node(),
            Role::Client => self.client(),
            Role::Operator => self.operator(),
            Role::Planning => planning(),
            Role::Monitor => self.monitor(),
            Role::Agent => self.agent(agent.unwrap_or_default()),
        };
        // To hear oneself is how one knows that the server has taken what was said before.
        grant.publish.push(format!("_INBOX.{name}.>"));
        grant.subscribe.push(format!("_INBOX.{name}.>"));
        User { name, role, grant }
    }

    /// A subject of the cluster.
    fn own(&self, subject: &str) -> String {
        format!("ork.v1.{}.{subject}", self.cluster)
    }

    fn all_own(&self, subjects: &[&str]) -> Vec<String> {
        subjects.iter().map(|subject| self.own(subject)).collect()
    }

    fn journals(&self) -> impl Iterator<Item = String> {
        (0..self.shards).map(|shard| format!("ORK_JOURNAL_{}_shard-{shard}", self.cluster))
    }

    fn shelves(&self) -> [String; 2] {
        [format!("KV_ORK_STATE_{}", self.cluster), format!("ORK_BLOBS_{}", self.cluster)]
    }

    /// Trusted with every message of its cluster, and with answers to everybody.
    fn coordinator(&self) -> Grant {
        let mut publish = vec![self.own(">"), "_INBOX.>".to_owned(), "agents.>".to_owned()];
        publish.extend(service_asks());
        // What planning tells, and asks of agents elsewhere.
        let told = ["orchestration.>", "deliberation.*", "agent.requests", "agent.cmd.>"];
        publish.extend(told.map(str::to_owned));
        let mut subscribe = vec![self.own(">"), "agents.>".to_owned()];
        subscribe.extend(service_asks());
        Grant { publish, subscribe, answers: false }
    }

    /// The only user that may write what is stored. It makes streams and never changes or deletes
    /// them.
    fn store(&self) -> Grant {
        let mut publish = vec!["$JS.API.INFO".to_owned()];
        for stream in self.journals().chain(self.shelves()) {
            for verb in ["CREATE", "INFO", "PURGE", "MSG.GET"] {
                publish.push(format!("$JS.API.STREAM.{verb}.{stream}"));
            }
            publish.push(format!("$JS.API.DIRECT.GET.{stream}"));
            publish.push(format!("$JS.API.DIRECT.GET.{stream}.>"));
            publish.push(format!("$JS.API.CONSUMER.CREATE.{stream}"));
            publish.push(format!("$JS.API.CONSUMER.CREATE.{stream}.>"));
            for verb in ["INFO", "DELETE", "MSG.NEXT"] {
                publish.push(format!("$JS.API.CONSUMER.{verb}.{stream}.*"));
            }
            publish.push(format!("$JS.FC.{stream}.>"));
        }
        for stream in planning_streams() {
            for verb in ["CREATE", "INFO"] {
                publish.push(format!("$JS.API.STREAM.{verb}.{stream}"));
            }
            publish.push(format!("$JS.API.CONSUMER.CREATE.{stream}.>"));
            for verb in ["INFO", "MSG.NEXT"] {
                publish.push(format!("$JS.API.CONSUMER.{verb}.{stream}.*"));
            }
            publish.push(format!("$JS.ACK.{stream}.>"));
        }
        publish.push(format!("$KV.ORK_STATE_{}.>", self.cluster));
        publish.extend((0..self.shards).map(|shard| self.own(&format!("journal.shard-{shard}"))));
        publish.push(self.own("blob.>"));
        Grant { publish, subscribe: Vec::new(), answers: false }
    }

    /// What of the store is opened to nodes that host workers: what is kept there is read by its
    /// name, never delivered by a consumer, which could be made to deliver anywhere.
    pub(super) fn opened_to_agents(&self) -> Vec<Opening> {
        let mut openings: Vec<Opening> =
            self.shelves().iter().flat_map(|stream| self.readings(stream)).collect();
        let register = |key: &str| format!("$KV.ORK_STATE_{}.{key}", self.cluster);
        let written = [register("node.*"), register("lives"), self.own("blob.>")];
        openings.extend(written.map(|subject| Opening { asked: subject.clone(), subject }));
        openings
    }

    /// What of the store is opened to those who run the cluster: they read.
    pub(super) fn opened_to_operators(&self) -> Vec<Opening> {
        self.journals().flat_map(|stream| self.readings(&stream)).collect()
    }

    /// What planning and agents elsewhere say, and what is said to them, as streams keep it. Nothing
    /// of a cluster's own is among it.
    pub(super) fn opened_to_planning() -> Vec<Opening> {
        let kept = STREAMS.iter().map(|(_, subject, ..)| (*subject).to_owned());
        kept.map(|subject| Opening { asked: subject.clone(), subject }).collect()
    }

    /// The exact ways to read a stream. They are asked for under a name of the cluster's own: what
    /// an account without streams is asked by the usual names, the server answers itself.
    fn readings(&self, stream: &str) -> [Opening; 4] {
        let ask = |what: String| Opening {
            asked: self.own(&format!("store.{what}")),
            subject: format!("$JS.API.{what}"),
        };
        [
            ask(format!("STREAM.INFO.{stream}")),
            ask(format!("STREAM.MSG.GET.{stream}")),
            ask(format!("DIRECT.GET.{stream}")),
            ask(format!("DIRECT.GET.{stream}.>")),
        ]
    }

    fn agents_node(&self) -> Grant {
        let mut publish =
            self.all_own(&["hb.*", "sup.*", "shard.*.heard", "shard.*.ask", "agent.*.work"]);
        publish.extend(asked(self.opened_to_agents()));
        let mut subscribe = self.all_own(&[
            "hb.*",
            "node.*.work",
            "node.*.ask",
            "nodes.ask",
            "agents.roll",
            "shard.*.lost",
        ]);
        subscribe.extend(self.all_own(&["agent.*.join", "agent.*.beat", "agent.*.say"]));
        subscribe.extend(service_asks());
        Grant { publish, subscribe, answers: true }
    }

    fn client(&self) -> Grant {
        let mut publish = self.all_own(&["task.*", "run.*", "evt.read"]);
        // To steal a lock is for those who run the cluster.
        let verbs =
            ["open", "renew", "close", "acquire", "cancel", "release", "check", "get", "list"];
        publish.extend(verbs.map(|verb| self.own(&format!("lock.{verb}"))));
        // To close a vote before its time is for those who run the cluster.
        let verbs = ["call", "cast", "seal", "reveal", "voter", "get", "list"];
        publish.extend(verbs.map(|verb| self.own(&format!("vote.{verb}"))));
        // Who sits in councils is for those who run the cluster.
        let verbs = ["deliberate", "get", "minutes", "cancel", "list"];
        publish.extend(verbs.map(|verb| self.own(&format!("council.{verb}"))));
        publish.extend(service_asks());
        publish.extend(["prompt", "status"].map(|verb| self.synadia(verb)));
        let mut subscribe = self.all_own(&["evt.>"]);
        subscribe.push(self.synadia("hb"));
        Grant { publish, subscribe, answers: false }
    }

    /// The agents of this cluster as those of the Synadia Agent Protocol.
    fn synadia(&self, verb: &str) -> String {
        format!("agents.{verb}.orkestra.{}.*", self.cluster)
    }

    fn operator(&self) -> Grant {
        let mut grant = self.client();
        let asks = ["lock.steal", "vote.close", "council.*"];
        grant.publish.extend(self.all_own(&asks));
        let asks = ["shard.*.ask", "node.*.ask", "nodes.ask", "agents.roll"];
        grant.publish.extend(self.all_own(&asks));
        grant.publish.extend(asked(self.opened_to_operators()));
        // What a run brings with it; whoever reads a blob sees by its name whether it is still whole.
        grant.publish.push(self.own("blob.>"));
        for stream in self.shelves() {
            grant.publish.extend(asked(self.readings(&stream)));
        }
        grant.subscribe.extend(self.all_own(&["hb.*", "sup.*", "shard.*.lost"]));
        grant
    }

    fn monitor(&self) -> Grant {
        let subscribe = self.all_own(&["hb.*", "sup.*", "evt.>"]);
        Grant { publish: service_asks(), subscribe, answers: false }
    }

    fn agent(&self, agent: &str) -> Grant {
        let own = |what: &str| self.own(&format!("agent.{agent}.{what}"));
        let publish = vec![own("join"), own("beat"), own("say")];
        Grant { publish, subscribe: vec![own("work")], answers: true }
    }
}

/// Nothing of the cluster's own: what it says is kept in streams of others, and read strictly.
fn planning() -> Grant {
    let all = |subjects: &[&str]| subjects.iter().map(|&subject| subject.to_owned()).collect();
    Grant {
        publish: all(&["planning.>", "agent.response.*"]),
        subscribe: all(&["orchestration.>", "deliberation.*", "agent.requests", "agent.cmd.>"]),
        answers: false,
    }
}

fn planning_streams() -> impl Iterator<Item = &'static str> {
    STREAMS.iter().map(|(name, ..)| *name)
}

fn asked(openings: impl IntoIterator<Item = Opening>) -> impl Iterator<Item = String> {
    openings.into_iter().map(|opening| opening.asked)
}

/// Where micro services are asked who they are.
fn service_asks() -> Vec<String> {
    let verbs = ["PING", "INFO", "STATS"];
    verbs.iter().flat_map(|verb| [format!("$SRV.{verb}"), format!("$SRV.{verb}.>")]).collect()
}
