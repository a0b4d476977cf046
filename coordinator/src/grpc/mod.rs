//! The door for clients in any language: gRPC, with `orchestrator.v1` and `orkestra.v1`.
//!
//! Promises: nobody beyond this machine comes in unless he says who he is and is believed, and he sees
//! only what is of his namespace; messages, connections, calls and streams are bounded, and who comes
//! beyond a bound is told so; a call that is dropped, or whose deadline passes, ends what it began,
//! down to the agents; events are told in order, each once, from any position that is kept. When the
//! door is shut, calls have a moment to end, and streams are told that they must.
//!
//! Begin with [`Settings`], take the address with [`Door::bind`], and hand the door to a
//! [`SystemSpec`](crate::system::SystemSpec) or a [`NodeSpec`](crate::node::NodeSpec).
//!
//! ```text
//! listen ─ visits ─▶ gate ─ who calls ─▶ orchestrator/ ─┐
//!    tls, limits      credential/        orkestra/     ─┴─▶ clients of tasks, locks, votes, councils
//!                                        follow/        ──▶ one reader of a journal for all who listen
//! ```

mod cancelling;
mod credential;
mod follow;
mod gate;
mod listen;
mod orchestrator;
mod orkestra;
mod serve;
mod settings;
mod standing;
mod status;
mod streams;
mod tls;

#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result, duty,
    id::NodeId,
    supervise::{ChildSpec, Running, Started, Starting},
    time::Clock,
};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use credential::Tokens;
pub use settings::{JwtSettings, Limits, PORT, Settings, TlsFiles};

use crate::{planning::Planning, public::Shards};

/// What the door is called in its tree.
const NAME: &str = "grpc";

/// A door that has its address, before anything else begins.
pub struct Door {
    listener: std::net::TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    tokens: Tokens,
    settings: Settings,
}

/// What a door opens to.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// What the node is called.
    pub(crate) node: NodeId,
    /// What of the cluster it reaches.
    pub(crate) shards: Arc<dyn Shards>,
    /// Where time comes from.
    pub(crate) clock: Arc<dyn Clock>,
    /// What is done with plans.
    pub(crate) planning: Planning,
}

impl Door {
    /// Takes an address; port 0 takes any that is free.
    ///
    /// An error of kind `Invalid` means that it cannot be had: somebody else has it, or it is not
    /// this machine's; that other machines could come in without saying who they are; or that a file
    /// of certificates or keys cannot be used. It says what to change.
    pub fn bind(settings: Settings) -> Result<Self> {
        settings.check()?;
        let cannot = |error: std::io::Error| {
            let what = format!("cannot listen on {} for gRPC", settings.listen);
            Error::new(ErrorKind::Invalid, what).because(error)
        };
        let believes = settings.jwt.is_some();
        let tls = settings.tls.as_ref().map(|files| tls::acceptor(files, believes)).transpose()?;
        let tokens = Tokens::of(&settings)?;
        let listener = std::net::TcpListener::bind(settings.listen).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, address, tls, tokens, settings })
    }

    /// The address that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether what is said there is sealed.
    pub const fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What answers there, as a child of the supervisor of doors. It is started again with patience,
    /// and its ends never add up to the end of the node.
    pub(crate) fn child(self: &Arc<Self>, parts: Parts) -> ChildSpec {
        let door = Arc::clone(self);
        let child = ChildSpec::worker(NAME, move |starting: Starting| {
            let (door, parts) = (Arc::clone(&door), parts.clone());
            async move {
                let clock = Arc::clone(&parts.clock);
                let close = Arc::new(watch::Sender::new(false));
                let closing = close.subscribe();
                let kept = Arc::clone(&close);
                let duty = Box::pin(async move {
                    let served = serve::serve(door, parts, closing).await;
                    drop(kept); // Only now nobody could shut it any more.
                    served
                });
                let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
                let running = Running::new(cell).stopped_by(move || {
                    close.send_replace(true);
                });
                Ok(Started::from(running))
            }
        });
        crate::system::patient(child)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("address", &self.address)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
