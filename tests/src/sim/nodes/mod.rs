//! The simulated cluster: several nodes, each with its own clock, one shard that any of them may
//! lead, and a store that answers late, twice over or not at all.
//!
//! The lease, presence, placement, the sequencer, promotion, warm folds and the journal are the real
//! ones; the log, the register, messages and clocks are simulated. Time is a queue of what happens:
//! everything that is sent arrives after a delay of its own, so it is reordered; it may be lost, come
//! twice, or land when its sender has given it up.
//!
//! As in the other worlds a history has two halves, and the [`Books`] of the clients know only what
//! clients saw. Beside them the world itself watches what no client can see: that never two nodes
//! believe in a term at once, and that an epoch has one writer.

mod bus;
mod lease;
mod node;
mod people;
mod plants;
mod reign;
mod weather;

use std::collections::BTreeMap;

use bytes::Bytes;
use node::{LocalClock, Node};
use orkestra_coordinator::shard::toy::{Command, Query};
use orkestra_runtime::{
    chance::Chance,
    fabric::Sequence,
    id::{Epoch, Incarnation, NodeId},
    leadership::{Revision, Seen, SetFault, Standing},
    machine::ReplyTo,
    protocol::node::NodeBeat,
};
pub use plants::{NODE_MUTANTS, NodePlant};

use super::{Books, Store, oracle::Wish};

/// Nanoseconds in a millisecond: the world's time is counted in nanoseconds.
const MS: u64 = 1_000_000;
/// How long things go wrong.
const FAULTY_FOR: u64 = 30_000 * MS;
/// How long it may take until all is at rest again.
const REST_WITHIN: u64 = 90_000 * MS;
const CLIENTS: usize = 4;
/// How much of what happened last is told with a fault.
const TOLD: usize = 60;

type Outcome = Result<(), String>;

/// What happened in a history of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodesHistory {
    /// Transfers that were acknowledged.
    pub done: u64,
    /// Settled reads.
    pub reads: u64,
    /// Reigns that began.
    pub reigns: u64,
    /// Leases that were given back in order.
    pub hand_overs: u64,
    /// Queries that were refused since a term was over.
    pub lapsed: u64,
    /// What went wrong, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many things happened.
    pub steps: u64,
    /// Everything that happened, in order.
    pub trace: Vec<String>,
}

/// What happens at a time.
#[derive(Clone, Debug)]
enum Happening {
    Wake(usize),
    Beat(usize, Incarnation),
    Heard(usize, NodeBeat),
    Watched(usize, Option<Seen>),
    /// A register call arrives at the store.
    Call(usize, Call),
    Looked(usize, u64, Option<Seen>),
    SetDone(usize, u64, Result<Revision, SetFault>),
    CallTimeout(usize, u64),
    /// An append arrives at the store.
    Append(usize, u64, Sequence, Bytes, bool),
    Appended(usize, u64, Result<Sequence, orkestra_runtime::fabric::AppendError>),
    AppendTimeout(usize, u64, Sequence),
    Begin(usize, Incarnation),
    CloseTimeout(usize, u64),
    Command(usize, Command, ReplyTo),
    Query(usize, Query, ReplyTo),
    Client(usize),
    Weather,
    Snapshot,
}

/// A call of a register.
#[derive(Clone, Debug)]
struct Call {
    number: u64,
    what: What,
    is_answered: bool,
}

#[derive(Clone, Debug)]
enum What {
    Look,
    Set { at: Option<Revision>, standing: Standing },
}

/// A client: one wish and one question at a time.
#[derive(Debug, Default)]
struct Client {
    wish: Option<Wish>,
    waits: Option<(ReplyTo, u64)>,
    reads: Option<(ReplyTo, u64, u64)>,
    /// Whom it asks.
    asks: usize,
}

/// Everything.
struct World {
    plant: NodePlant,
    chance: Chance,
    now: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    queued: u64,
    store: Store,
    /// The store answers nobody until then.
    out_until: u64,
    register: Option<Seen>,
    revision: u64,
    lives: u64,
    calls: u64,
    ids: u64,
    nodes: Vec<Node>,
    writers: BTreeMap<Epoch, (usize, Incarnation)>,
    /// Beats of lives that are over, to be heard late.
    late_beats: Vec<NodeBeat>,
    faulty: bool,
    clients: Vec<Client>,
    books: Books,
    tokens: u64,
    keys: u64,
    history: NodesHistory,
}

/// Runs one history of nodes. An error says what does not hold, or that nothing happened.
pub fn run_nodes(seed: u64, plant: NodePlant) -> Result<NodesHistory, String> {
    let mut world = World::new(seed, plant)?;
    world.run().map_err(|fault| {
        let told = world.history.trace.len().saturating_sub(TOLD);
        let last = world.history.trace.get(told..).unwrap_or_default().join("\n");
        format!("{fault}\nwhat happened last:\n{last}")
    })?;
    let mut history = world.history;
    history.done = world.books.done();
    if history.done < 5 || history.reigns < 2 || history.reads < 5 {
        return Err(format!("idle, and proves nothing: {} transfers", history.done));
    }
    Ok(history)
}

impl World {
    fn new(seed: u64, plant: NodePlant) -> Result<Self, String> {
        let mut chance = Chance::from_seed(seed ^ 0x6e6f_6465_7300);
        let store = Store::new(chance.fork());
        store.set_unfenced(plant == NodePlant::NoFence);
        let count = 3 + chance.below(3);
        let unlike = if plant == NodePlant::ClocksRunApart { 300_000 } else { 20_000 };
        let nodes = (0..count).map(|at| {
            let rate = 1_000_000 - unlike + chance.below(2 * unlike);
            let base = chance.below(1_000_000) * MS;
            let id = NodeId::new(format!("n{at}")).map_err(|error| error.to_string())?;
            Ok(Node::new(id, LocalClock { base, rate, slept: 0 }))
        });
        let nodes = nodes.collect::<Result<Vec<Node>, String>>()?;
        let mut world = Self {
            plant,
            store,
            chance,
            now: 0,
            queue: BTreeMap::new(),
            queued: 0,
            out_until: 0,
            register: None,
            revision: 0,
            lives: 0,
            calls: 0,
            ids: 0,
            nodes,
            writers: BTreeMap::new(),
            late_beats: Vec::new(),
            faulty: false,
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            books: Books::default(),
            tokens: 0,
            keys: 0,
            history: NodesHistory::default(),
        };
        for at in 0..world.nodes.len() {
            world.start(at);
        }
        Ok(world)
    }

    /// Both halves.
    fn run(&mut self) -> Outcome {
        self.until(5_000 * MS, |_| false)?;
        self.fund()?;
        self.faulty = true;
        self.store.set_faulty(true);
        for client in 0..CLIENTS {
            self.after(10 * MS, Happening::Client(client));
        }
        self.after(20 * MS, Happening::Weather);
        self.after(1_000 * MS, Happening::Snapshot);
        self.until(self.now + FAULTY_FOR, |_| false)?;
        self.heal();
        let rested = self.until(self.now + REST_WITHIN, Self::is_at_rest)?;
        if !rested {
            return Err(format!("it does not come to rest: {}", self.unrest()));
        }
        self.close()
    }

    /// Lets things happen until a time, or until something holds; says whether it did.
    fn until(&mut self, end: u64, holds: fn(&Self) -> bool) -> Result<bool, String> {
        while let Some(entry) = self.queue.first_entry() {
            let (at, _) = *entry.key();
            if at > end {
                break;
            }
            let happening = entry.remove();
            self.now = at;
            self.history.steps += 1;
            self.happen(happening)?;
            self.one_term()?;
            if self.history.steps.is_multiple_of(64) && holds(self) {
                return Ok(true);
            }
        }
        self.now = end;
        Ok(holds(self))
    }

    fn after(&mut self, delay: u64, happening: Happening) {
        self.queued += 1;
        self.queue.insert((self.now + delay, self.queued), happening);
    }

    /// What is addressed to a node that is paused waits for it.
    fn whom(happening: &Happening) -> Option<usize> {
        match happening {
            Happening::Wake(at)
            | Happening::Beat(at, _)
            | Happening::Heard(at, _)
            | Happening::Watched(at, _)
            | Happening::Looked(at, ..)
            | Happening::SetDone(at, ..)
            | Happening::CallTimeout(at, _)
            | Happening::Appended(at, ..)
            | Happening::AppendTimeout(at, ..)
            | Happening::Begin(at, _)
            | Happening::CloseTimeout(at, _)
            | Happening::Command(at, ..)
            | Happening::Query(at, ..) => Some(*at),
            Happening::Call(..)
            | Happening::Append(..)
            | Happening::Client(_)
            | Happening::Weather
            | Happening::Snapshot => None,
        }
    }

    fn happen(&mut self, happening: Happening) -> Outcome {
        let Some(at) = Self::whom(&happening) else { return self.outside(happening) };
        let Some(node) = self.nodes.get(at) else { return Ok(()) };
        if node.paused_until > self.now {
            // In any order, as mail that waited.
            let delay = node.paused_until - self.now + self.chance.below(MS);
            self.after(delay, happening);
            return Ok(());
        }
        if node.life.is_none() {
            return Ok(());
        }
        let stopped = std::mem::take(&mut self.nodes[at].stops);
        self.nodes[at].clock.slept += stopped;
        match happening {
            Happening::Wake(at) => self.wake(at)?,
            Happening::Beat(at, boot) => self.beat(at, boot)?,
            Happening::Heard(at, beat) => self.heard(at, beat)?,
            Happening::Watched(at, seen) => self.watched(at, seen)?,
            Happening::Looked(at, number, seen) => self.looked(at, number, seen)?,
            Happening::SetDone(at, number, result) => self.set_done(at, number, result)?,
            Happening::CallTimeout(at, number) => self.call_timed_out(at, number)?,
            Happening::Appended(at, id, result) => self.appended(at, id, result)?,
            Happening::AppendTimeout(at, id, end) => self.append_timed_out(at, id, end)?,
            Happening::Begin(at, boot) => self.begin(at, boot)?,
            Happening::CloseTimeout(at, id) => self.close_timed_out(at, id)?,
            Happening::Command(at, command, token) => self.command(at, command, token)?,
            Happening::Query(at, query, token) => self.query(at, query, token)?,
            Happening::Call(..)
            | Happening::Append(..)
            | Happening::Client(_)
            | Happening::Weather
            | Happening::Snapshot => {}
        }
        self.rewake(at);
        Ok(())
    }

    fn outside(&mut self, happening: Happening) -> Outcome {
        match happening {
            Happening::Call(at, call) => self.call_arrives(at, call),
            Happening::Client(client) => self.client_acts(client),
            Happening::Append(at, id, end, record, answered) => {
                return self.append_arrives(at, id, (end, record), answered);
            }
            Happening::Weather => return self.weather(),
            Happening::Snapshot => return self.snapshot(),
            _ => {}
        }
        Ok(())
    }

    fn fault(&mut self, kind: &'static str) {
        *self.history.faults.entry(kind).or_default() += 1;
    }

    fn trace(&mut self, line: impl FnOnce() -> String) {
        let at = self.now / MS;
        self.history.trace.push(format!("{at:>6} {}", line()));
    }
}
