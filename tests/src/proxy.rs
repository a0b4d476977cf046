//! A way between two processes that can be troubled: slowed, cut one way or both, reset, closed.
//!
//! Promises: each connection keeps its bytes and their order; what is cut is held, not lost, and
//! goes on when the way is healed, as the network's own repetition would have it; a reset loses
//! what was on its way. Nothing of it outlives the proxy.

#![expect(clippy::unwrap_used, reason = "what cannot be set up ends the test")]

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use orkestra_runtime::{
    chance::Chance,
    time::{Clock as _, Moment, SystemClock},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
};

/// How many pieces may be on their way in each direction of a connection.
const PIECES: usize = 64;
/// How large a piece is at most.
const PIECE_BYTES: usize = 64 * 1024;

/// What a way is like at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Weather {
    delay: Duration,
    jitter: Duration,
    to_server_cut: bool,
    to_client_cut: bool,
    refuses: bool,
    /// Connections of an earlier age are reset.
    age: u64,
}

impl Weather {
    const fn is_cut(&self, way: Way) -> bool {
        match way {
            Way::ToServer => self.to_server_cut,
            Way::ToClient => self.to_client_cut,
        }
    }
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What clients say.
    ToServer,
    /// What the server says.
    ToClient,
}

/// A listener on loopback that passes connections on to a server, in any weather.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    open: watch::Receiver<usize>,
    // Ends with the proxy, and all connections with it.
    _listening: JoinSet<()>,
}

impl Proxy {
    /// A way to a port of loopback.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (weather, forecast) = watch::channel(Weather::default());
        let (count, open) = watch::channel(0);
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, target, forecast, count));
        Self { port, weather, open, _listening: listening }
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What a NATS client connects to.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Lets each piece arrive this much later, and up to `jitter` more, in order.
    pub fn delay(&self, delay: Duration, jitter: Duration) {
        self.weather.send_modify(|w| (w.delay, w.jitter) = (delay, jitter));
    }

    /// Lets nothing through in one direction; connections stay open.
    pub fn cut(&self, way: Way) {
        self.weather.send_modify(|w| match way {
            Way::ToServer => w.to_server_cut = true,
            Way::ToClient => w.to_client_cut = true,
        });
    }

    /// Lets nothing through at all; connections stay open, new ones open and stay silent.
    pub fn cut_both(&self) {
        self.weather.send_modify(|w| (w.to_server_cut, w.to_client_cut) = (true, true));
    }

    /// Resets all connections; new ones are let in.
    pub fn reset(&self) {
        self.weather.send_modify(|w| w.age += 1);
    }

    /// Resets whoever connects from now on; the connections that there are stay.
    pub fn refuse(&self) {
        self.weather.send_modify(|w| w.refuses = true);
    }

    /// Ends all trouble; what was held goes on.
    pub fn heal(&self) {
        self.weather.send_modify(|w| *w = Weather { age: w.age, ..Weather::default() });
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until there are this many connections.
    pub async fn until_connections(&self, count: usize) {
        self.open.clone().wait_for(|open| *open == count).await.unwrap();
    }
}

async fn listen(
    listener: TcpListener,
    target: u16,
    forecast: watch::Receiver<Weather>,
    count: watch::Sender<usize>,
) {
    let mut connections = JoinSet::new();
    let clock = SystemClock::start();
    for seed in 0.. {
        let client = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            Some(_) = connections.join_next() => {
                count.send_replace(connections.len());
                continue;
            }
        };
        if forecast.borrow().refuses {
            let _ = client.set_zero_linger();
            continue;
        }
        let (forecast, clock) = (forecast.clone(), Arc::clone(&clock));
        let chance = Chance::from_seed(seed);
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
                // The server is not there, and a client is to see the same of it as without a proxy.
                let _ = client.set_zero_linger();
                return;
            };
            pass(client, server, &Road { forecast, clock }, chance).await;
        });
        count.send_replace(connections.len());
    }
}

/// What both directions of a connection travel under.
struct Road {
    forecast: watch::Receiver<Weather>,
    clock: Arc<SystemClock>,
}

async fn pass(mut client: TcpStream, mut server: TcpStream, road: &Road, mut chance: Chance) {
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let mut forecast = road.forecast.clone();
    let age = forecast.borrow().age;
    let was_closed = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let other = chance.fork();
        let there = travel(from_client, to_server, road, Way::ToServer, chance);
        let back = travel(from_server, to_client, road, Way::ToClient, other);
        tokio::select! {
            ends = async { tokio::try_join!(there, back) } => ends.is_ok(),
            _ = forecast.wait_for(|weather| weather.age != age) => false,
        }
    };
    if !was_closed {
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}

/// One direction of one connection, until its sender has nothing more to say.
async fn travel(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    road: &Road,
    way: Way,
    mut chance: Chance,
) -> io::Result<()> {
    let (give, mut take) = mpsc::channel::<(Moment, Bytes)>(PIECES);
    let mut forecast = road.forecast.clone();
    let reading = async move {
        loop {
            let mut piece = BytesMut::with_capacity(PIECE_BYTES);
            if from.read_buf(&mut piece).await? == 0 {
                return io::Result::Ok(());
            }
            let wait = {
                let weather = road.forecast.borrow();
                weather.delay + chance.up_to(weather.jitter)
            };
            if give.send((road.clock.now().moment + wait, piece.freeze())).await.is_err() {
                return Ok(());
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = take.recv().await {
            tokio::time::sleep(due.since(road.clock.now().moment)).await;
            // A proxy that is gone has dropped this future as well.
            let _ = forecast.wait_for(|weather| !weather.is_cut(way)).await;
            to.write_all(&piece).await?;
        }
        // The end of what is said is also said later, when the way is cut.
        let _ = forecast.wait_for(|weather| !weather.is_cut(way)).await;
        to.shutdown().await
    };
    tokio::try_join!(reading, writing).map(|_| ())
}
