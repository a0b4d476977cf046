//! Calls over gRPC: how a node stands, asked beside a team at work, and events, told to a thousand.
//!
//! The baseline of a call is a service of the same shape that does nothing, by the same library, in
//! the same process and the same run.

use std::{net::SocketAddr, sync::Arc};

use futures::future::try_join_all;
use orkestra_proto::orkestra::v1::{
    EventUpdate, GetStatusRequest, GetStatusResponse, ListNodesRequest, ListNodesResponse,
    SubscribeRequest,
    event_service_client::EventServiceClient,
    event_update::Update,
    status_service_client::StatusServiceClient,
    status_service_server::{StatusService, StatusServiceServer},
    subscribe_request::From,
};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::RunId,
    protocol::{payload::Json, task::TaskSpec},
    time::Clock,
};
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};

use super::{
    Figure, Place, cannot,
    figure::{Durations, number, rate},
    locks::{MEASURED, WARM},
    tasks,
};
use crate::{
    grpc::{Door, Settings},
    system::System,
    task::RunOpening,
};

/// How many ask at once, and over how many connections.
const CALLERS: usize = 64;
const CONNECTIONS: usize = 4;
/// How many tasks the team has in hand meanwhile.
const IN_FLIGHT: u32 = 16;
/// How many listen to events, over how many connections, and how many events each is told.
const LISTENERS: usize = 1_000;
const EARS: usize = 10;
const TOLD: usize = 100;

/// A service that does nothing.
#[derive(Debug)]
struct Empty;

#[tonic::async_trait]
impl StatusService for Empty {
    async fn get_status(
        &self,
        _: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        Ok(Response::new(GetStatusResponse::default()))
    }

    async fn list_nodes(
        &self,
        _: Request<ListNodesRequest>,
    ) -> Result<Response<ListNodesResponse>, Status> {
        Ok(Response::new(ListNodesResponse::default()))
    }
}

/// How often a second a node can say how it stands, while its team works.
pub(super) async fn status(place: &Place) -> Result<Vec<Figure>> {
    let mut served = JoinSet::new();
    let listener = TcpListener::bind(any_port()).await;
    let listener = listener.map_err(|error| cannot("listen", error))?;
    let address = listener.local_addr().map_err(|error| cannot("listen", error))?;
    let empty = Server::builder().add_service(StatusServiceServer::new(Empty));
    served.spawn(empty.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
    let bare = ask(address, &place.clock).await?;
    served.shutdown().await;

    let (system, address) = node(place, "grpc.status").await?;
    let (tasks, run) = (system.tasks(), RunId::new("at-work")?);
    tasks.open(&run, RunOpening { stream: true, ..RunOpening::default() }).await?;
    let following = tasks.follow(&run).await?;
    let at_work = tasks::carry((place, tasks, run), following, IN_FLIGHT as usize);
    let (asked, at_work) = tokio::join!(ask(address, &place.clock), Box::pin(at_work));
    system.stop().await?;
    let (ended, took, _) = at_work?;
    let asked = asked?;

    let bare_rate = Figure::new("empty service.rate", rate(bare.len(), MEASURED), "/s");
    let asked_rate = Figure::new("grpc.status.rate", rate(asked.len(), MEASURED), "/s");
    let mut figures = vec![asked_rate.beside(&bare_rate)];
    let beside = asked.figures("grpc.status").into_iter().zip(bare.figures("empty service"));
    figures.extend(beside.map(|(figure, bare)| figure.beside(&bare)));
    figures.push(Figure::new("grpc.status.tasks_meanwhile", rate(ended, took), "/s"));
    Ok(figures)
}

/// How many events a second a thousand who listen are told.
pub(super) async fn events(place: &Place) -> Result<Vec<Figure>> {
    let (system, address) = node(place, "grpc.events").await?;
    let channels = connect(address, EARS).await?;
    let listening = (0..LISTENERS).map(|at| listen(channels[at % EARS].clone()));
    let streams = try_join_all(listening).await?;
    let (tasks, run) = (system.tasks(), RunId::new("told")?);
    tasks.open(&run, RunOpening { stream: true, ..RunOpening::default() }).await?;
    let spec = |at| TaskSpec::named(format!("t{at}")).map(Arc::new);
    let specs = (0..TOLD).map(spec).collect::<Result<_>>()?;
    let began = place.clock.now().moment;
    tasks.submit(&run, specs).await?;
    let heard = try_join_all(streams.into_iter().map(hear)).await?;
    let took = place.clock.now().moment.since(began);
    system.stop().await?;
    Ok(vec![
        Figure::new("grpc.events.streams", number(heard.len()), "streams"),
        Figure::new("grpc.events.rate", rate(heard.iter().sum(), took), "/s"),
    ])
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A node with a door and somebody who has nothing to do with each task.
async fn node(place: &Place, name: &str) -> Result<(System, SocketAddr)> {
    let door = Door::bind(Settings::bare(any_port()))?;
    let address = door.address();
    let system = System::builder()
        .data_dir(place.room(name))?
        .function("noop", IN_FLIGHT, |_, _| async { Ok(Json::null()) })?
        .grpc(door)
        .start()
        .await?;
    Ok((system, address))
}

async fn connect(address: SocketAddr, connections: usize) -> Result<Vec<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    let endpoint = endpoint.map_err(|error| cannot("name a door", error))?;
    let connecting = (0..connections).map(|_| endpoint.connect());
    try_join_all(connecting).await.map_err(|error| cannot("come in at a door", error))
}

/// Asks for a while how a node stands, again and again: how long each took.
async fn ask(address: SocketAddr, clock: &Arc<dyn Clock>) -> Result<Durations> {
    let channels = connect(address, CONNECTIONS).await?;
    let mut callers = JoinSet::new();
    for at in 0..CALLERS {
        let mut client = StatusServiceClient::new(channels[at % CONNECTIONS].clone());
        let clock = Arc::clone(clock);
        callers.spawn(async move {
            let began = clock.now().moment;
            let mut took = Durations::default();
            loop {
                let from = clock.now().moment;
                let answer = client.get_status(GetStatusRequest {}).await;
                answer.map_err(|status| cannot("ask how a node stands", status))?;
                let now = clock.now().moment;
                let so_far = now.since(began);
                if so_far >= WARM + MEASURED {
                    return Ok::<_, Error>(took);
                }
                if so_far >= WARM {
                    took.push(now.since(from));
                }
            }
        });
    }
    let mut together = Durations::default();
    while let Some(one) = callers.join_next().await {
        together.extend(one.map_err(|error| cannot("ask how a node stands", error))??);
    }
    Ok(together)
}

async fn listen(channel: Channel) -> Result<Streaming<EventUpdate>> {
    let kinds = vec!["task-completed".to_owned()];
    let asked = SubscribeRequest { from: Some(From::Latest(true)), kinds };
    let stream = EventServiceClient::new(channel).subscribe(asked).await;
    stream.map(Response::into_inner).map_err(|status| cannot("listen to events", status))
}

/// Listens until everything is told that was to be.
async fn hear(mut stream: Streaming<EventUpdate>) -> Result<usize> {
    let mut heard = 0;
    while heard < TOLD {
        let update = stream.message().await;
        let update = update.map_err(|status| cannot("listen to events", status))?;
        let Some(update) = update else {
            return Err(Error::new(ErrorKind::Fault, "a stream of events ended in its middle"));
        };
        heard += usize::from(matches!(update.update, Some(Update::Event(_))));
    }
    Ok(heard)
}
