//! Where everything that is to be shown comes together.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{AskError, Fabric as _, nats::Nats},
    names,
    supervise::log::Record,
};
use tokio::{
    sync::{broadcast, mpsc},
    time::{Interval, MissedTickBehavior},
};

use super::{Begun, process::Said, screen::Screen, servers::Servers};
use crate::{
    node::{NodeAnswer, NodeAsk, NodeRecord},
    output::{Console, is_reader_gone},
};

/// How often what has waited is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many lines of nodes may wait.
const LINES_MAX: usize = 4_096;
/// How long nodes that are there already may take to say so, and how many may.
const NODES_WITHIN: Duration = Duration::from_millis(700);
const NODES_MAX: usize = 1_024;

/// What is heard, and where it is shown.
pub(super) struct Stage {
    pub(super) screen: Screen,
    said: mpsc::Receiver<Said>,
    own: broadcast::Receiver<Arc<Record>>,
    of_nodes: BoxStream<'static, NodeRecord>,
    nats: Option<Nats>,
    ticks: Interval,
}

impl Stage {
    pub(super) fn new(
        screen: Screen,
        said: mpsc::Receiver<Said>,
        own: broadcast::Receiver<Arc<Record>>,
    ) -> Self {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { screen, said, own, of_nodes: futures::stream::pending().boxed(), nats: None, ticks }
    }

    /// Connects to the servers, and hears from then on what nodes tell. Refuses names that others
    /// have already.
    pub(super) async fn connect(
        &mut self,
        begun: &Begun<'_>,
        servers: &Servers,
        ours: &[String],
    ) -> Result<()> {
        let nats = self.nats.insert(Nats::connect(servers.login(begun.settings)?).await?);
        let messages = nats.messages();
        if matches!(servers, Servers::Named) {
            let ask = serde_json::to_vec(&NodeAsk::Status {}).unwrap_or_default();
            let subject = names::nodes_ask()?;
            let asked = messages.gather(&subject, Bytes::from(ask), NODES_WITHIN, NODES_MAX).await;
            let answers = match asked {
                Ok(answers) => answers,
                Err(AskError::NoOne) => Vec::new(),
                Err(error) => {
                    let message = "cannot ask which nodes are there already";
                    return Err(Error::new(ErrorKind::Unavailable, message).because(error));
                }
            };
            let names = answers.iter().filter_map(|answer| {
                serde_json::from_slice::<NodeAnswer>(answer).ok().map(|answer| answer.node)
            });
            refuse_taken(names.map(|name| name.to_string()), ours, begun)?;
        }
        let heard = messages.subscribe(&names::supervisions()?, None, LINES_MAX).await?;
        // What is not readable is nobody's line; what was lost stands in the files of the nodes.
        let read =
            heard.filter_map(async |message| serde_json::from_slice(&message.ok()?.body).ok());
        self.of_nodes = read.boxed();
        Ok(())
    }

    /// Shows what comes next. Dropping it loses nothing.
    pub(super) async fn show(&mut self, console: &mut Console) -> Result<()> {
        tokio::select! {
            Some(said) = self.said.recv() => self.screen.said(&said, console),
            Ok(record) = self.own.recv() => self.screen.own(&record, console),
            Some(line) = self.of_nodes.next() => self.screen.record(line, console),
            _ = self.ticks.tick() => self.screen.flush(false, console),
        }
    }

    /// Whether nobody reads any longer.
    pub(super) fn is_unread(console: &Console) -> bool {
        console.is_closed() || is_reader_gone()
    }

    /// Shows what is left to show, and lets go of the servers.
    pub(super) async fn close(&mut self, console: &mut Console) -> Result<()> {
        while let Ok(record) = self.own.try_recv() {
            self.screen.own(&record, console)?;
        }
        self.screen.flush(true, console)?;
        if let Some(nats) = self.nats.take() {
            nats.close().await;
        }
        Ok(())
    }
}

fn refuse_taken(
    mut there: impl Iterator<Item = String>,
    ours: &[String],
    begun: &Begun<'_>,
) -> Result<()> {
    let Some(taken) = there.find(|name| ours.contains(name)) else { return Ok(()) };
    let cluster = &begun.settings.config.cluster_name.0;
    let message = format!(
        "cluster {cluster} on these servers has a node {taken} already: end that one, or call this \
         cluster something else (ORKESTRA_CLUSTER_NAME=try)"
    );
    Err(Error::new(ErrorKind::Conflict, message))
}
