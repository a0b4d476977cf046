//! What every call goes through: who makes it is found out, and how many there are is bounded.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::Semaphore;
use tonic::{
    Status,
    body::Body,
    codegen::{
        Service,
        http::{Request, Response},
    },
    service::Routes,
};

use super::{
    credential::Porter,
    listen::Peer,
    status::{Reason, refused},
    streams::{overdue, within},
};

/// What is told without a credential: whether the door is open.
const OPEN: &str = "/grpc.health.v1.Health/";
/// How many calls are begun and not answered yet, over all connections. A stream counts until it is
/// begun; streams have a bound of their own.
const CALLS_MAX: usize = 8_192;

/// What is in the headers of a refusal that was made here, and not by the codec.
const DETAILS: &str = "grpc-status-details-bin";

/// All services, behind whoever looks at credentials.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    routes: Routes,
    porter: Arc<Porter>,
    places: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new(routes: Routes, porter: Porter) -> Self {
        let places = Arc::new(Semaphore::new(CALLS_MAX));
        Self { routes: routes.prepare(), porter: Arc::new(porter), places }
    }

    /// Lets a call in, with who makes it beside it.
    fn admit(&self, call: &mut Request<Body>) -> Result<(), Status> {
        if call.uri().path().starts_with(OPEN) {
            return Ok(());
        }
        let Some(peer) = call.extensions().get::<Peer>() else {
            return Err(refused(Reason::Internal, "nobody knows where a call came from"));
        };
        let caller = self.porter.admit(call.headers(), peer)?;
        call.extensions_mut().insert(caller);
        Ok(())
    }
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes are always ready; who comes when there is no place is told so.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: Request<Body>) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let why = format!("{CALLS_MAX} calls are under way at this node");
            return std::future::ready(Ok(refused(Reason::Full, why).into_http())).boxed();
        };
        if let Err(status) = self.admit(&mut call) {
            return std::future::ready(Ok(status.into_http())).boxed();
        }
        let within = within(call.headers());
        let answered = self.routes.call(call);
        async move {
            // The server would end it too, and say that it was cancelled.
            let answered = match within {
                Some(within) => tokio::time::timeout(within, answered).await,
                None => Ok(answered.await),
            };
            drop(place);
            Ok(answered.map_or_else(|_| overdue().into_http(), |Ok(answered)| bounded(answered)))
        }
        .boxed()
    }
}

/// A message that is too large is told as one that is out of range: it is told as clients expect it.
fn bounded(answered: Response<Body>) -> Response<Body> {
    let headers = answered.headers();
    let is_out_of_range = headers.get(Status::GRPC_STATUS).is_some_and(|code| code == "11");
    if !is_out_of_range || headers.contains_key(DETAILS) {
        return answered;
    }
    let why = "a message is larger than grpc.message_max: send less at a time, or raise it";
    refused(Reason::TooLarge, why).into_http()
}
