//! The close of a supervisor whose mailbox is no longer read.

use std::pin::pin;

use futures::future::{Either, select};
use ractor::{ActorCell, ActorId};
use tokio::sync::mpsc;

use super::{Outcome, State};
use crate::{
    machine::Machine,
    restart::Exit,
    supervise::{child::Started, event::Event},
};

/// What a closing supervisor waits for.
enum Next {
    Ended(ActorId),
    Outcome(Outcome),
}

impl State {
    /// Stops the children last to first, each within its limit. Their ends are watched one by one,
    /// since ractor's events lie in a queue that nobody reads; so how they ended is not known,
    /// and told as asked for.
    pub(super) async fn close_by_hand(&mut self) {
        if self.machine.is_closed() {
            return;
        }
        let (tell, mut ends) = mpsc::unbounded_channel();
        for cell in self.crew.cells() {
            self.watch(cell, &tell);
        }
        self.act(Event::Close);
        while !self.machine.is_closed() {
            let now = self.env.clock.now().moment;
            let wait = self.machine.wakeup().map(|at| at.since(now));
            let results = &mut self.results;
            let next = async {
                match select(pin!(ends.recv()), pin!(results.recv())).await {
                    Either::Left((actor, _)) => actor.map(Next::Ended),
                    Either::Right((outcome, _)) => outcome.map(Next::Outcome),
                }
            };
            let next = match wait {
                Some(wait) => tokio::time::timeout(wait, next).await.ok(),
                None => Some(next.await),
            };
            match next {
                None => self.tick(),
                Some(Some(Next::Ended(actor))) => self.actor_ended(actor, Exit::Shutdown),
                Some(Some(Next::Outcome(outcome))) => {
                    if let Ok(Started::Running(running)) = &outcome.how {
                        self.watch(running.cell.clone(), &tell);
                    }
                    self.start_ended(outcome);
                }
                // Both senders are held here, so neither channel closes.
                Some(None) => return,
            }
        }
    }

    fn watch(&mut self, cell: ActorCell, tell: &mpsc::UnboundedSender<ActorId>) {
        let tell = tell.clone();
        self.tasks.spawn(async move {
            // Without a limit there is no error.
            let _ = cell.wait(None).await;
            let _ = tell.send(cell.get_id());
        });
    }
}
