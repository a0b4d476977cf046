//! Says to the stewards of all shards what this node wants, whenever who is there changes.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use futures::StreamExt as _;
use orkestra_runtime::{
    Result,
    fabric::{Registers, Value},
    id::{NodeId, ShardId},
    leadership::{
        Role, Seat,
        placement::{Candidate, place},
    },
    names,
    presence::{Members, Presence},
    protocol::node::Staying,
    time::{Clock, Moment},
};
use tokio::sync::watch;

/// How often placement is looked at though nothing was heard: nodes become stable by time alone.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What placing is made of.
pub(crate) struct Placing {
    pub(crate) node: NodeId,
    pub(crate) seats: Vec<(ShardId, Seat)>,
    pub(crate) presence: Presence,
    pub(crate) registers: Arc<dyn Registers>,
    /// Whether this node is to lead nothing more.
    pub(crate) draining: watch::Receiver<bool>,
    pub(crate) stable: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Placing {
    /// Runs until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) -> Result<()> {
        let mut members = self.presence.members();
        let mut draining = self.draining.clone();
        let mut pins = Pins::follow(&self.registers)?;
        loop {
            let now = self.clock.now().moment;
            let candidates = self.candidates(&members.borrow_and_update().clone(), now);
            for (shard, seat) in &self.seats {
                let place = place(&self.node, *shard, pins.of(*shard), &candidates, self.stable);
                seat.wish(place.wish).await;
                let leads = matches!(*seat.role().borrow(), Role::Leading { .. });
                if let Some(heir) = place.hand_over.filter(|_| leads) {
                    tracing::info!(shard = shard.0, %heir, "handing over");
                    seat.hand_over(Some(heir)).await;
                }
            }
            tokio::select! {
                _ = members.changed() => {}
                _ = draining.changed() => {}
                () = pins.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn candidates(&self, members: &Members, now: Moment) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = members
            .up()
            .filter(|member| member.beat.roles.coordinator && member.beat.node != self.node)
            .filter(|member| member.beat.staying != Staying::Leaving)
            .map(|member| Candidate {
                node: member.beat.node.clone(),
                up_for: member.up_for(now).unwrap_or_default(),
                draining: member.beat.staying == Staying::Draining,
            })
            .collect();
        // A node knows of itself without hearing itself.
        candidates.push(Candidate {
            node: self.node.clone(),
            up_for: now.since(Moment::START),
            draining: *self.draining.borrow(),
        });
        candidates
    }
}

impl fmt::Debug for Placing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placing").field("node", &self.node).finish_non_exhaustive()
    }
}

/// Who shall lead what by order of a person.
struct Pins {
    registers: Arc<dyn Registers>,
    watched: orkestra_runtime::fabric::WatchUnder,
    by_shard: BTreeMap<ShardId, NodeId>,
}

impl Pins {
    fn follow(registers: &Arc<dyn Registers>) -> Result<Self> {
        let watched = registers.watch_under(&names::pins_key()?);
        Ok(Self { registers: Arc::clone(registers), watched, by_shard: BTreeMap::new() })
    }

    fn of(&self, shard: ShardId) -> Option<&NodeId> {
        self.by_shard.get(&shard)
    }

    /// Waits for the next change. A watch that ends is begun again a while later.
    async fn changed(&mut self) {
        if let Some(Ok((key, value))) = self.watched.next().await {
            let Some(shard) = names::pinned_shard(&key) else { return };
            match value.as_ref().and_then(pinned) {
                Some(node) => drop(self.by_shard.insert(shard, node)),
                None => drop(self.by_shard.remove(&shard)),
            }
        } else {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Ok(again) = Self::follow(&self.registers) {
                self.watched = again.watched;
            }
        }
    }
}

fn pinned(value: &Value) -> Option<NodeId> {
    NodeId::new(std::str::from_utf8(&value.bytes).ok()?).ok()
}
