//! Metrics: figures of a node that runs, for Prometheus and whoever reads its text.
//!
//! Promises: a scrape costs as much as there are series, not as there are tasks; it asks the shard
//! two questions, and waits a second for the answers at most; the number of series is bounded, since
//! no label holds the name of a task, of a run, or anything that a user wrote but the names of
//! agents, of which [`AGENTS_MAX`] are told apart. The door takes few connections, each for a short
//! time, and reads little of them: see the listener.
//!
//! What happened is counted from the journal by a [`Monitor`](crate::health::Monitor), from the
//! start of this process on; what is, is asked for when somebody scrapes. [`METRICS`] has every
//! metric, and `docs/metrics.md` what each means.

mod catalogue;
mod counters;
mod exporter;
mod listener;
mod process;
mod readings;
mod routes;

use std::{net::SocketAddr, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result, duty,
    supervise::{ChildSpec, Started, Starting},
    time::Clock,
};

pub use catalogue::{Kind, METRICS, Metric};
pub(crate) use counters::Counters;
pub(crate) use exporter::{Exporter, Source};
pub use readings::{AGENTS_MAX, OTHER};

/// Where metrics are to be had: an address that was bound, before anything else begins.
#[derive(Debug)]
pub struct Metrics {
    listener: std::net::TcpListener,
    address: SocketAddr,
    pub(crate) counters: Arc<Counters>,
}

impl Metrics {
    /// Takes an address; port 0 takes any that is free.
    ///
    /// An error of kind `Invalid` means that it cannot be had: somebody else has it, or it is not
    /// this machine's.
    pub fn bind(address: SocketAddr) -> Result<Self> {
        let cannot = |error: std::io::Error| {
            let what = format!("cannot listen on {address} for whoever reads metrics");
            Error::new(ErrorKind::Invalid, what).because(error)
        };
        let listener = std::net::TcpListener::bind(address).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, address, counters: Arc::new(Counters::default()) })
    }

    /// The address that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What answers there, as a child of the supervisor of doors.
    pub(crate) fn child(
        self: &Arc<Self>,
        exporter: &Arc<Exporter>,
        clock: &Arc<dyn Clock>,
    ) -> ChildSpec {
        let (metrics, exporter, clock) =
            (Arc::clone(self), Arc::clone(exporter), Arc::clone(clock));
        ChildSpec::worker("metrics", move |starting: Starting| {
            let (metrics, exporter, clock) =
                (Arc::clone(&metrics), Arc::clone(&exporter), Arc::clone(&clock));
            async move {
                let listener = metrics.listener.try_clone().map_err(|error| error.to_string())?;
                let duty = routes::serve(listener, exporter);
                let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
                Ok(Started::from(cell))
            }
        })
    }
}
