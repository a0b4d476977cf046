//! Puts the services behind the gate and serves them until the door is shut.

use std::{sync::Arc, time::Duration};

use orkestra_proto::{
    DESCRIPTOR,
    orchestrator::v1::orchestrator_service_server::OrchestratorServiceServer,
    orkestra::v1::{
        event_service_server::EventServiceServer, lock_service_server::LockServiceServer,
        status_service_server::StatusServiceServer, task_service_server::TaskServiceServer,
        vote_service_server::VoteServiceServer,
    },
};
use orkestra_runtime::{Error, ErrorKind, Result};
use tokio::{net::TcpListener, sync::watch};
use tonic::{
    server::NamedService,
    service::{Routes, RoutesBuilder},
    transport::Server,
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::Builder;

use super::{
    Door, Parts,
    cancelling::{Cancelling, cancelling},
    credential::Porter,
    follow::Hub,
    gate::Gate,
    listen::Listening,
    orchestrator::Orchestrator,
    orkestra::{Events, LockDesk, Means, NodeStatus, TaskDesk, VoteDesk},
    settings::Limits,
    standing::Standing,
    streams::Streams,
};

/// How often a connection is asked whether anybody is there still, and how long the answer may take.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// How many bytes of metadata a call may have.
const HEADERS_BYTES_MAX: u32 = 32 * 1024;
/// How long calls have to end once the door is being shut.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until the door is shut.
pub(super) async fn serve(
    door: Arc<Door>,
    parts: Parts,
    closing: watch::Receiver<bool>,
) -> Result<()> {
    let settings = &door.settings;
    let listener = door.listener.try_clone().and_then(TcpListener::from_std);
    let listener = listener.map_err(|error| {
        Error::new(ErrorKind::Io, "cannot listen for gRPC again").because(error)
    })?;
    let (connections_max, tls) = (settings.limits.connections_max, door.tls.clone());
    // Connections outlive the listening, so that calls can end; none outlives this.
    let open = watch::Sender::new(());
    let visits = Listening { listener, tls, connections_max }.visits(open.subscribe());
    let hub = Arc::new(Hub::new(Arc::clone(&parts.shards)));
    let (cancelling, canceller) = cancelling();
    let (health, mended) = tonic_health::server::health_reporter();
    let services = Services { parts: &parts, door: &door, closing: &closing };
    let routes = services.routes((&hub, cancelling), &health).await?;
    let routes = routes.add_service(mended);
    let porter = Porter::new(door.tokens.clone(), settings, Arc::clone(&parts.clock));
    let server = Server::builder()
        .max_concurrent_streams(settings.limits.streams_max)
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .http2_max_header_list_size(HEADERS_BYTES_MAX);
    let mut told = closing.clone();
    let shut = async move { drop(told.wait_for(|is_closing| *is_closing).await) };
    let serving = server.serve_with_incoming_shutdown(Gate::new(routes, porter), visits, shut);
    let canceller = canceller.run();
    tokio::pin!(canceller);
    tokio::select! {
        over = serving => over.map_err(|error| {
            Error::new(ErrorKind::Io, "gRPC cannot be served any more").because(error)
        })?,
        ended = hub.run() => ended?,
        () = &mut canceller => {}
        () = overdue(closing, &health) => {}
    }
    drop(open);
    // What was dropped with its connection is cancelled still.
    let _ = tokio::time::timeout(GRACE, canceller).await;
    Ok(())
}

/// Waits until the door is being shut, says so to whoever asks how it stands, and ends when calls have
/// had their moment.
async fn overdue(mut closing: watch::Receiver<bool>, health: &HealthReporter) {
    let _ = closing.wait_for(|is_closing| *is_closing).await;
    for name in NAMES {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
    tokio::time::sleep(GRACE).await;
}

/// What is told to whoever asks how it stands: the door as a whole, and each of its services.
const NAMES: [&str; 7] = [
    "",
    <OrchestratorServiceServer<Orchestrator> as NamedService>::NAME,
    <TaskServiceServer<TaskDesk> as NamedService>::NAME,
    <LockServiceServer<LockDesk> as NamedService>::NAME,
    <VoteServiceServer<VoteDesk> as NamedService>::NAME,
    <EventServiceServer<Events> as NamedService>::NAME,
    <StatusServiceServer<NodeStatus> as NamedService>::NAME,
];

struct Services<'a> {
    parts: &'a Parts,
    door: &'a Door,
    closing: &'a watch::Receiver<bool>,
}

/// Bounds the messages of a service.
macro_rules! bounded {
    ($server:ident, $desk:expr, $max:expr) => {
        $server::new($desk).max_decoding_message_size($max)
    };
}

impl Services<'_> {
    async fn routes(
        &self,
        (hub, cancelling): (&Arc<Hub>, Cancelling),
        health: &HealthReporter,
    ) -> Result<Routes> {
        let Parts { node, shards, clock, planning } = self.parts;
        let Limits { message_max, streams_max, connections_max: _ } = self.door.settings.limits;
        let streams = Streams::new(streams_max, self.closing.clone());
        let ways = (Arc::clone(shards), Arc::clone(clock));
        let standing = Arc::new(Standing::new(node.clone(), ways, self.closing.clone()));
        let means = Means {
            shards: Arc::clone(shards),
            streams,
            clock: Arc::clone(clock),
            planning: planning.clone(),
        };
        let events = Events { means: means.clone(), hub: Arc::clone(hub) };
        let status = NodeStatus { means: means.clone(), standing: Arc::clone(&standing) };
        let is_compatible = self.door.settings.unimplemented_without_council;
        let orchestrator =
            Orchestrator::new(means.clone(), standing, cancelling).compatible(is_compatible);
        for name in NAMES {
            health.set_service_status(name, ServingStatus::Serving).await;
        }
        let mut routes = RoutesBuilder::default();
        routes
            .add_service(bounded!(OrchestratorServiceServer, orchestrator, message_max))
            .add_service(bounded!(TaskServiceServer, TaskDesk(means.clone()), message_max))
            .add_service(bounded!(LockServiceServer, LockDesk(means.clone()), message_max))
            .add_service(bounded!(VoteServiceServer, VoteDesk(means), message_max))
            .add_service(bounded!(EventServiceServer, events, message_max))
            .add_service(bounded!(StatusServiceServer, status, message_max));
        let reflected = |error: tonic_reflection::server::Error| {
            Error::new(ErrorKind::Fault, "the descriptors cannot be read").because(error)
        };
        // Older clients know the draft of it only.
        routes.add_service(described().build_v1().map_err(reflected)?);
        routes.add_service(described().build_v1alpha().map_err(reflected)?);
        Ok(routes.routes())
    }
}

fn described<'b>() -> Builder<'b> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
