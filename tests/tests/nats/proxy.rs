//! The chaos proxy itself: each trouble does what it says, and heals.

use std::time::Duration;

use orkestra_runtime::time::{Clock as _, SystemClock};
use orkestra_tests::proxy::{Proxy, Way};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// How long nothing has to come for a way to count as cut.
const SILENCE: Duration = Duration::from_millis(150);
/// How long anything may take that has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that says whatever it hears, and a way to it.
struct Echo {
    proxy: Proxy,
    _serving: JoinSet<()>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut visits = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                visits.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Self { proxy: Proxy::to(port).await, _serving: serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.proxy.port())).await.unwrap()
    }
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn hear(stream: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    timeout(PATIENCE, stream.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, text.as_bytes());
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.peek(&mut [0])).await.is_err()
}

/// The error that a reset is to its reader.
async fn is_reset(stream: &mut TcpStream) -> bool {
    let read = timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn in_fair_weather_everything_arrives_in_order_and_ends_are_passed_on() {
    let echo = Echo::start().await;
    let mut stream = echo.connect().await;
    let text: String = (0..20_000).fold(String::new(), |text, n| text + &n.to_string() + " ");
    let (mut from, mut to) = stream.split();
    let saying = async {
        to.write_all(text.as_bytes()).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut heard = String::new();
    let hearing = from.read_to_string(&mut heard);
    let (read, ()) = timeout(PATIENCE, async { tokio::join!(hearing, saying) }).await.unwrap();
    read.unwrap();
    assert_eq!(heard, text);
    timeout(PATIENCE, echo.proxy.until_connections(0)).await.unwrap();
}

#[tokio::test]
async fn a_slow_way_takes_its_time_and_keeps_the_order() {
    let echo = Echo::start().await;
    let mut stream = echo.connect().await;
    echo.proxy.delay(Duration::from_millis(40), Duration::from_millis(30));
    let clock = SystemClock::start();
    let before = clock.now().moment;
    for word in ["one ", "two ", "three "] {
        say(&mut stream, word).await;
        tokio::task::yield_now().await;
    }
    hear(&mut stream, "one two three ").await;
    let took = clock.now().moment.since(before);
    assert!(took >= Duration::from_millis(80), "there and back took only {took:?}");
}

#[tokio::test]
async fn a_way_that_is_cut_in_one_direction_still_works_in_the_other() {
    let echo = Echo::start().await;
    let mut stream = echo.connect().await;
    say(&mut stream, "a").await;
    hear(&mut stream, "a").await;
    echo.proxy.cut(Way::ToClient);
    say(&mut stream, "b").await;
    assert!(is_silent(&mut stream).await);
    // What was on its way to the server arrived: only the answer was held.
    echo.proxy.heal();
    hear(&mut stream, "b").await;
    echo.proxy.cut(Way::ToServer);
    say(&mut stream, "c").await;
    assert!(is_silent(&mut stream).await);
    echo.proxy.heal();
    hear(&mut stream, "c").await;
}

#[tokio::test]
async fn a_half_open_way_holds_connections_and_says_nothing_until_it_heals() {
    let echo = Echo::start().await;
    let mut old = echo.connect().await;
    say(&mut old, "a").await;
    hear(&mut old, "a").await;
    echo.proxy.cut_both();
    let mut new = echo.connect().await;
    say(&mut old, "b").await;
    say(&mut new, "c").await;
    assert!(is_silent(&mut old).await && is_silent(&mut new).await);
    assert_eq!(echo.proxy.connections(), 2);
    echo.proxy.heal();
    hear(&mut old, "b").await;
    hear(&mut new, "c").await;
}

#[tokio::test]
async fn a_reset_breaks_every_connection_and_lets_new_ones_in() {
    let echo = Echo::start().await;
    let mut old = echo.connect().await;
    say(&mut old, "a").await;
    hear(&mut old, "a").await;
    echo.proxy.reset();
    assert!(is_reset(&mut old).await);
    let mut new = echo.connect().await;
    say(&mut new, "b").await;
    hear(&mut new, "b").await;
}

#[tokio::test]
async fn who_is_refused_is_reset_and_who_is_in_stays() {
    let echo = Echo::start().await;
    let mut old = echo.connect().await;
    say(&mut old, "a").await;
    hear(&mut old, "a").await;
    echo.proxy.refuse();
    let mut new = echo.connect().await;
    assert!(is_reset(&mut new).await);
    say(&mut old, "b").await;
    hear(&mut old, "b").await;
    echo.proxy.heal();
    let mut new = echo.connect().await;
    say(&mut new, "c").await;
    hear(&mut new, "c").await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_seen_as_such() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let proxy = Proxy::to(nobody).await;
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    assert!(is_reset(&mut stream).await);
}
