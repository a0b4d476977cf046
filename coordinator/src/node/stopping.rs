//! How a node ends in order, whatever servers and other nodes do meanwhile.

use std::time::Duration;

use orkestra_runtime::{ErrorKind, Result};

use super::{Node, Reached};

/// How long all parts together have to end in order, after the agents.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How much longer agents have than they may go on.
const AGENTS_WITHIN: Duration = Duration::from_secs(2);
/// How long what this node leads may take to go to others when it stops.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(3);

impl Node {
    /// Stops in order: what it leads goes to others, agents finish or hand back, everything that was
    /// taken is durable, the node says that it goes.
    ///
    /// Whatever servers and other nodes do, it ends within the time that agents may go on and twenty
    /// seconds more. What cannot be closed in order by then is left to whoever leads next, who finds
    /// all that was acknowledged.
    pub async fn stop(self) -> Result<()> {
        self.drain(true);
        let handed_over = async {
            while self.shards.iter().any(Reached::is_led_here) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // Where nobody else can lead, the shards are closed below.
        if self
            .members()
            .up()
            .any(|member| member.beat.roles.coordinator && member.beat.node != self.name)
        {
            let _ = tokio::time::timeout(HAND_OVER_WITHIN, handed_over).await;
        }
        let agents = tokio::time::timeout(self.drain_within + AGENTS_WITHIN, self.agents_ended());
        let _ = agents.await; // or they are ended with the rest
        // All at once: one after another could take many times as long, while servers are silent.
        for here in self.shards.iter().filter_map(Reached::handle) {
            here.begin_close();
        }
        let stopped = self.tree.stop(STOP_WITHIN).await;
        for shard in self.shards.iter() {
            shard.way.close();
        }
        self.log.flush().await;
        if let Some(fabric) = self.fabric {
            fabric.close().await;
        }
        stopped
    }

    /// Agents end while those who hear them are there still.
    async fn agents_ended(&self) -> Result<()> {
        let house = self.tree.below(&["house"]).await?;
        for part in ["hosting", "agents"] {
            match house.terminate_child(part).await {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}
