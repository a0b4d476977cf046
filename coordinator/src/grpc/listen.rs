//! Lets connections in: few enough, each with its handshake done in time.
//!
//! Whoever comes when the house is full is sent away at once, and can ask elsewhere; a connection
//! that says nothing during its handshake is given up. When the door is dropped, so is everybody who
//! came in by it.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    FutureExt as _, Stream, StreamExt as _,
    future::BoxFuture,
    stream::{FuturesUnordered, unfold},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::Connected;

use super::credential::Shown;

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// How many handshakes go on at once; who comes then waits in the queue of the operating system.
const HANDSHAKES_MAX: usize = 64;
/// How long is waited after the system could not let anybody in.
const AGAIN: Duration = Duration::from_millis(100);

/// Who came in, as far as the connection knows.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// From where.
    pub(super) address: SocketAddr,
    /// What its certificate says, if it showed one.
    pub(super) shown: Option<Arc<Shown>>,
}

/// A door that listens.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) connections_max: u32,
}

struct Doorman {
    listening: Listening,
    places: Arc<Semaphore>,
    shaking: FuturesUnordered<BoxFuture<'static, Option<Visit>>>,
    /// Every visit ends when whoever could say so is gone.
    open: watch::Receiver<()>,
}

impl Listening {
    /// Everybody who comes in, until the stream is dropped: it never ends by itself. Each visit lasts
    /// at most until the other end of `open` is dropped.
    pub(super) fn visits(
        self,
        open: watch::Receiver<()>,
    ) -> impl Stream<Item = io::Result<Visit>> + Send {
        let places = Arc::new(Semaphore::new(self.connections_max as usize));
        let doorman = Doorman { listening: self, places, shaking: FuturesUnordered::new(), open };
        unfold(doorman, |mut doorman| async move {
            let visit = doorman.next().await;
            Some((Ok(visit), doorman))
        })
    }
}

impl Doorman {
    async fn next(&mut self) -> Visit {
        loop {
            let has_room = self.shaking.len() < HANDSHAKES_MAX;
            tokio::select! {
                Some(shaken) = self.shaking.next() => {
                    if let Some(visit) = shaken {
                        return visit;
                    }
                }
                accepted = self.listening.listener.accept(), if has_room => match accepted {
                    Ok((stream, address)) => {
                        if let Some(visit) = self.greet(stream, address) {
                            return visit;
                        }
                    }
                    Err(error) => {
                        // No files are left, or the other side is gone already.
                        tracing::debug!(%error, "nobody could be let in");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        }
    }

    /// Lets somebody in who needs no handshake; begins it with everybody else.
    fn greet(&self, stream: TcpStream, address: SocketAddr) -> Option<Visit> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::debug!(%address, "the house is full: a connection is sent away");
            return None;
        };
        // Small answers are not held back until more is to be sent.
        let _ = stream.set_nodelay(true);
        let over = over(self.open.clone());
        let peer = Peer { address, shown: None };
        let Some(tls) = self.listening.tls.clone() else {
            return Some(Visit { way: Way::Clear(stream), peer, over, _place: place });
        };
        self.shaking.push(
            async move {
                let shaken = tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await;
                let stream = match shaken {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        tracing::debug!(%address, %error, "a handshake failed");
                        return None;
                    }
                    Err(_) => return None,
                };
                let certificates = stream.get_ref().1.peer_certificates();
                let shown = certificates.and_then(<[_]>::first).map(Shown::of).map(Arc::new);
                let peer = Peer { shown, ..peer };
                Some(Visit { way: Way::Sealed(Box::new(stream)), peer, over, _place: place })
            }
            .boxed(),
        );
        None
    }
}

fn over(mut open: watch::Receiver<()>) -> BoxFuture<'static, ()> {
    async move { while open.changed().await.is_ok() {} }.boxed()
}

enum Way {
    Clear(TcpStream),
    Sealed(Box<TlsStream<TcpStream>>),
}

/// One connection, which holds a place until it ends.
pub(super) struct Visit {
    way: Way,
    peer: Peer,
    over: BoxFuture<'static, ()>,
    _place: OwnedSemaphorePermit,
}

impl Visit {
    /// Whether it must end now; if not, whoever polls is woken when it must.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.over.poll_unpin(context).is_ready() {
            // What is over must not be asked again.
            self.over = std::future::ready(()).boxed();
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the door is shut"));
        }
        Ok(())
    }
}

impl Connected for Visit {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        match &mut self.way {
            Way::Clear(stream) => Pin::new(stream).poll_read(context, buffer),
            Way::Sealed(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.way {
            Way::Clear(stream) => Pin::new(stream).poll_write(context, bytes),
            Way::Sealed(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.way {
            Way::Clear(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Way::Sealed(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.way {
            Way::Clear(stream) => stream.is_write_vectored(),
            Way::Sealed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Clear(stream) => Pin::new(stream).poll_flush(context),
            Way::Sealed(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Clear(stream) => Pin::new(stream).poll_shutdown(context),
            Way::Sealed(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("peer", &self.peer).finish_non_exhaustive()
    }
}
