//! An actor that does one thing to its end: a future under supervision.
//!
//! The future ends well: the actor ends in order. It fails: the actor ends as failed, and its
//! supervisor decides. The actor is killed: the future is dropped at its next await.

use std::{fmt, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use ractor::ActorCell;

use crate::{
    error::{Error, ErrorKind, Result},
    machine::Machine,
    shell::{self, Hands, Outbox, Parts},
    time::{Clock, Now},
};

/// Starts a duty under a supervisor.
pub async fn spawn_linked(
    duty: impl Future<Output = Result<()>> + Send + 'static,
    clock: Arc<dyn Clock>,
    supervisor: ActorCell,
) -> Result<ActorCell> {
    let hands = DutyHands { duty: Some(Box::pin(duty)) };
    let parts = Parts { machine: Duty, hands, clock };
    let (address, _) = shell::spawn_linked(parts, supervisor).await.map_err(|error| {
        Error::new(ErrorKind::Fault, "cannot start an actor for a duty").because(error)
    })?;
    Ok(address.cell())
}

/// Knows nothing but that it was done.
#[derive(Debug)]
struct Duty;

impl Machine for Duty {
    type Event = Result<()>;
    type Effect = Result<()>;

    fn step(&mut self, _: Now, event: Self::Event, effects: &mut Vec<Self::Effect>) {
        effects.push(event);
    }
}

struct DutyHands {
    duty: Option<BoxFuture<'static, Result<()>>>,
}

impl fmt::Debug for DutyHands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DutyHands").finish_non_exhaustive()
    }
}

impl Hands for DutyHands {
    type Machine = Duty;
    type Mail = ();

    fn receive(&mut self, (): ()) -> Option<Result<()>> {
        None
    }

    fn started(&mut self, outbox: &mut Outbox<Result<()>>) {
        if let Some(duty) = self.duty.take() {
            outbox.spawn(async move {
                let done = AssertUnwindSafe(duty).catch_unwind().await;
                Some(done.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))))
            });
        }
    }

    fn carry_out(&mut self, ended: Result<()>, outbox: &mut Outbox<Result<()>>) {
        match ended {
            Ok(()) => outbox.stop(None),
            Err(error) => outbox.fail(error.to_string()),
        }
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Error::new(ErrorKind::Fault, format!("it panicked: {}", said.unwrap_or("without a word")))
}
