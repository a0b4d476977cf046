//! Endings of a run's tasks, as they come.

use orkestra_runtime::{id::Incarnation, machine::ReplyTo};
use tokio::sync::mpsc;

use super::{Tasks, WITHIN};
use crate::{
    reach::Endings,
    shard::{Pool, machine::Command},
    task::{Ended, TaskCommand},
};

/// Endings of a run's tasks as they become durable.
#[derive(Debug)]
pub struct Following(pub(super) Whence);

/// From where endings come.
#[derive(Debug)]
pub(super) enum Whence {
    /// From the reign in this process.
    Here { tasks: Tasks, to: ReplyTo, ended: mpsc::Receiver<Vec<Ended>> },
    /// From another node.
    There(Endings),
}

impl Following {
    /// The next endings; none when there will be no more.
    pub async fn next(&mut self) -> Option<Vec<Ended>> {
        match &mut self.0 {
            Whence::Here { ended, .. } => ended.recv().await,
            Whence::There(endings) => endings.next().await,
        }
    }

    /// Follows no more.
    pub async fn stop(self) {
        match self.0 {
            Whence::Here { tasks, to, ended: _ } => {
                tasks.followers.leave(&to, Incarnation(0));
                let command = Command::Task(TaskCommand::Unfollow { to });
                // A reign that has ended follows nobody.
                let _ = tasks.shard.tell(command, Pool::Control, WITHIN).await;
            }
            Whence::There(endings) => endings.stop().await,
        }
    }
}
