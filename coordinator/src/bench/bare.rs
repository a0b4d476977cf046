//! A bare ractor actor, which does nothing: what an agent is measured by.

use orkestra_runtime::{Error, ErrorKind, Result};
use ractor::{Actor, ActorProcessingErr, ActorRef};

struct Bare;

impl Actor for Bare {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// Starts one.
pub(super) async fn spawn() -> Result<ActorRef<()>> {
    let spawned = Actor::spawn(None, Bare, ()).await;
    let (actor, _) = spawned.map_err(|error| {
        Error::new(ErrorKind::Fault, "cannot start a bare actor").because(error)
    })?;
    Ok(actor)
}
