//! What a node says of itself in its heartbeats.

use std::{fmt, sync::Arc, time::Duration};

use orkestra_runtime::{
    Result,
    id::Incarnation,
    protocol::node::{NodeBeat, Staying},
};
use tokio::sync::watch;

use super::{NodeSpec, Reached, host::Capacities};

/// How often loads are looked at: they are told with the next beat anyway.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a node says first.
pub(super) fn first_beat(spec: &NodeSpec, boot: Incarnation) -> NodeBeat {
    let capacity = spec.members.iter().map(|member| member.profile.capacity);
    NodeBeat {
        node: spec.name.clone(),
        boot,
        number: 0,
        roles: spec.roles,
        since: spec.clock.now().wall,
        capacity: capacity.fold(0, u32::saturating_add),
        running: 0,
        led: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reads: spec.reads,
        staying: Staying::Stays,
    }
}

/// Keeps what this node says of itself true.
pub(super) struct Beating {
    pub(super) says: watch::Sender<NodeBeat>,
    pub(super) running: watch::Receiver<u32>,
    pub(super) capacities: watch::Receiver<Capacities>,
    pub(super) draining: watch::Receiver<bool>,
    pub(super) shards: Arc<Vec<Reached>>,
}

impl Beating {
    /// Runs until it is dropped; then the node says that it goes.
    pub(super) async fn run(mut self) -> Result<()> {
        loop {
            let led = self.shards.iter().filter(|shard| shard.is_led_here()).count();
            let running = *self.running.borrow_and_update();
            let capacity = total(&self.capacities.borrow_and_update());
            let is_draining = *self.draining.borrow_and_update();
            self.says.send_modify(|beat| {
                beat.led = u16::try_from(led).unwrap_or(u16::MAX);
                beat.running = running;
                beat.capacity = capacity;
                beat.staying = if is_draining { Staying::Draining } else { Staying::Stays };
            });
            tokio::select! {
                _ = self.draining.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

/// How many attempts all agents together can hold.
fn total(capacities: &Capacities) -> u32 {
    capacities.values().copied().fold(0, u32::saturating_add)
}

impl Drop for Beating {
    /// A node that stops says that it goes; one that dies does not.
    fn drop(&mut self) {
        self.says.send_modify(|beat| beat.staying = Staying::Leaving);
    }
}

impl fmt::Debug for Beating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beating").field("says", &*self.says.borrow()).finish_non_exhaustive()
    }
}
