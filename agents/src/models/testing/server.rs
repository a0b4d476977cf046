//! The server itself.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode, Uri, header::CONTENT_TYPE},
};
use futures::{StreamExt as _, stream};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::format::{Error, Format, Manner, Said, format};
use crate::models::Provider;

/// A question that was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Where it went to, with what follows the path.
    pub path: String,
    /// With which headers.
    pub headers: HeaderMap,
    /// What it asked.
    pub body: Value,
}

struct Shared {
    provider: Provider,
    key: String,
    next: Mutex<VecDeque<Manner>>,
    always: Mutex<Option<Manner>>,
    heard: Mutex<Vec<Heard>>,
    /// How many calls are going on, and were at most.
    going: AtomicUsize,
    going_most: AtomicUsize,
    /// How many ended because the caller hung up.
    hung_up: watch::Sender<usize>,
}

/// A server that speaks the format of one provider, on a port of this machine. It stops when it is
/// dropped.
pub struct ProviderServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl std::fmt::Debug for ProviderServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ProviderServer {
    /// Starts one.
    pub async fn start(provider: Provider) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            provider,
            key: format!("a+key/of-{provider}.{}", address.port()),
            next: Mutex::default(),
            always: Mutex::default(),
            heard: Mutex::default(),
            going: AtomicUsize::new(0),
            going_most: AtomicUsize::new(0),
            hung_up: watch::Sender::new(0),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the server of a test ended");
            }
        });
        Ok(Self { address, shared, _tasks: tasks })
    }

    /// The base URL that its provider's agents are to be given.
    pub fn url(&self) -> String {
        let path = match self.shared.provider {
            Provider::Anthropic | Provider::Gemini => "",
            Provider::Openai | Provider::Xai | Provider::Compatible => "/v1",
            Provider::Github => "/inference",
        };
        format!("http://{}{path}", self.address)
    }

    /// The one key that it knows.
    pub fn key(&self) -> &str {
        &self.shared.key
    }

    /// What it answers next, after what it was told before.
    pub fn next(&self, manner: Manner) {
        lock(&self.shared.next).push_back(manner);
    }

    /// What it answers next: this, at once.
    pub fn says(&self, said: Said) {
        self.next(Manner::AtOnce(said));
    }

    /// What it answers when it was told nothing.
    pub fn always(&self, manner: Manner) {
        *lock(&self.shared.always) = Some(manner);
    }

    /// What it heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.heard).clone()
    }

    /// How many calls went on at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.shared.going_most.load(Ordering::SeqCst)
    }

    /// Waits until so many callers have hung up on it before they had their answer.
    pub async fn hung_up(&self, count: usize) {
        let mut hung_up = self.shared.hung_up.subscribe();
        // The sender lives as long as this.
        let _ = hung_up.wait_for(|so_far| *so_far >= count).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that goes on; dropped before its end, the caller has hung up.
struct Going {
    shared: Arc<Shared>,
    is_whole: AtomicBool,
}

impl Going {
    fn begin(shared: &Arc<Shared>) -> Self {
        let now = shared.going.fetch_add(1, Ordering::SeqCst) + 1;
        shared.going_most.fetch_max(now, Ordering::SeqCst);
        Self { shared: Arc::clone(shared), is_whole: AtomicBool::new(false) }
    }

    /// It has its answer.
    fn end(&self) {
        self.is_whole.store(true, Ordering::SeqCst);
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.shared.going.fetch_sub(1, Ordering::SeqCst);
        if !self.is_whole.load(Ordering::SeqCst) {
            self.shared.hung_up.send_modify(|count| *count += 1);
        }
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response<Body> {
    let going = Going::begin(&shared);
    let format = format(shared.provider);
    let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let given = key(&headers).unwrap_or_default().to_owned();
    let heard = Heard { path: path.clone(), headers, body: body.clone() };
    lock(&shared.heard).push(heard);
    let refused = if given == shared.key || (given.is_empty() && !shared.provider.needs_key()) {
        format.check(&path, &body).err().map(|why| format.wrong(&why))
    } else {
        Some(format.wrong_key(&given))
    };
    if let Some(error) = refused {
        going.end();
        return failed(error);
    }
    let told = lock(&shared.next).pop_front().or_else(|| lock(&shared.always).clone());
    let manner = told.unwrap_or_else(|| Manner::AtOnce(Said::text("nothing was to be said")));
    if format.is_streamed(&path, &body) {
        streamed(going, format, manner, &body)
    } else {
        whole(going, format, manner, &body).await
    }
}

fn key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| text("x-api-key")).or_else(|| text("x-goog-api-key"))
}

/// What comes of the pieces of a body.
enum Piece {
    Text(String),
    Wait(Duration),
    Break,
    HangOn,
}

async fn whole(
    going: Going,
    format: &'static dyn Format,
    manner: Manner,
    body: &Value,
) -> Response<Body> {
    let json = |said: &Said| format.whole(said, body).to_string();
    let pieces = match manner {
        Manner::AtOnce(said) => vec![Piece::Text(json(&said))],
        Manner::Slowly(said, pause) => {
            tokio::time::sleep(pause).await;
            vec![Piece::Text(json(&said))]
        }
        Manner::BrokenAfter(said, bytes) => {
            let text = json(&said).chars().take(bytes).collect();
            vec![Piece::Text(text), Piece::Break]
        }
        Manner::BusyAfter(_, _) => {
            going.end();
            return failed(format.trouble(&super::Trouble::Overloaded));
        }
        Manner::Never => std::future::pending().await,
        Manner::Endless => return endless(going, "application/json", " ".repeat(4_096)),
        Manner::Junk(text) => vec![Piece::Text(text.to_owned())],
        Manner::Trouble(trouble) => {
            going.end();
            return failed(format.trouble(&trouble));
        }
    };
    respond(going, "application/json", pieces)
}

fn streamed(
    going: Going,
    format: &'static dyn Format,
    manner: Manner,
    body: &Value,
) -> Response<Body> {
    let texts = |said: &Said| format.pieces(said, body).into_iter().map(Piece::Text);
    let pieces: Vec<Piece> = match manner {
        Manner::AtOnce(said) => texts(&said).collect(),
        Manner::Slowly(said, pause) => {
            texts(&said).flat_map(|text| [Piece::Wait(pause), text]).collect()
        }
        Manner::BrokenAfter(said, count) => {
            texts(&said).take(count).chain([Piece::Break]).collect()
        }
        Manner::BusyAfter(said, count) => {
            texts(&said).take(count).chain([Piece::Text(format.busy())]).collect()
        }
        Manner::Never => vec![Piece::HangOn],
        Manner::Endless => {
            return endless(going, "text/event-stream", format!(": {}\n\n", " ".repeat(4_096)));
        }
        Manner::Junk(text) => vec![Piece::Text(text.to_owned())],
        Manner::Trouble(trouble) => {
            going.end();
            return failed(format.trouble(&trouble));
        }
    };
    respond(going, "text/event-stream", pieces)
}

fn respond(going: Going, kind: &'static str, pieces: Vec<Piece>) -> Response<Body> {
    let body = stream::unfold((going, pieces.into_iter()), |(going, mut pieces)| async move {
        loop {
            match pieces.next() {
                None => {
                    going.end();
                    return None;
                }
                Some(Piece::Text(text)) => return Some((Ok(text), (going, pieces))),
                Some(Piece::Wait(pause)) => tokio::time::sleep(pause).await,
                Some(Piece::HangOn) => std::future::pending::<()>().await,
                Some(Piece::Break) => {
                    going.end();
                    return Some((Err(std::io::Error::other("broken off")), (going, pieces)));
                }
            }
        }
    });
    with_kind(kind, Body::from_stream(body))
}

fn endless(going: Going, kind: &'static str, text: String) -> Response<Body> {
    let body = stream::repeat(text).map(move |text| {
        // It goes on until the caller hangs up.
        let _ = &going;
        Ok::<_, std::io::Error>(text)
    });
    with_kind(kind, Body::from_stream(body))
}

fn with_kind(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(kind));
    response
}

fn failed(error: Error) -> Response<Body> {
    let Error { status, headers, body } = error;
    let mut response = with_kind("application/json", Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
