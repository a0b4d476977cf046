//! A door that lets few in, each for a short time, and listens to little of what they say.
//!
//! Who is beyond the bound waits outside, in the queue of the operating system: nobody can take a
//! file, memory or time from the run by knocking often, speaking slowly, or never hanging up.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use futures::{FutureExt as _, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// How many connections there are at once.
pub(super) const CONNECTIONS_MAX: usize = 16;
/// How long one may last, from its beginning to its end.
pub(super) const CONNECTION_WITHIN: Duration = Duration::from_secs(10);
/// How much is read of one, in bytes.
pub(super) const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Lets connections in.
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    open: watch::Sender<()>,
}

impl Door {
    /// A door; when it is dropped, so are all connections that came in by it.
    pub(super) fn of(listener: TcpListener) -> Self {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Self { listener, places, open: watch::channel(()).0 }
    }
}

impl Listener for Door {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let mut open = self.open.subscribe();
        let over = async move {
            let closed = async { while open.changed().await.is_ok() {} };
            let _ = tokio::time::timeout(CONNECTION_WITHIN, closed).await; // either ends it
        };
        let visit = Visit { stream, _place: place, left: REQUEST_BYTES_MAX, over: over.boxed() };
        (visit, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// One connection, with its bounds.
pub(super) struct Visit {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
    left: usize,
    over: BoxFuture<'static, ()>,
}

impl Visit {
    /// Whether it must end now; if not, whoever polls is woken when it must.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.over.poll_unpin(context).is_ready() {
            // What is over must not be asked again.
            self.over = std::future::ready(()).boxed();
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the visit took too long"));
        }
        Ok(())
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        match self.left.checked_sub(read) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::other("the request is too large"))),
        }
        polled
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
