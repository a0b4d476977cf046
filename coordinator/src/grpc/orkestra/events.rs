//! Events, from any position that is kept.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, stream::unfold};
use orkestra_proto::orkestra::v1::{
    SubscribeRequest, event_service_server::EventService, subscribe_request::From,
};
use tonic::{Request, Response, Status};

use super::{Means, caller};
use crate::grpc::{
    follow::{Hub, Listener, Update, Wanted},
    status::invalid_field,
    streams::overdue,
};

/// How many kinds may be asked for.
const KINDS_MAX: usize = 64;

/// Whoever tells events.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Events {
    pub(in crate::grpc) means: Means,
    pub(in crate::grpc) hub: Arc<Hub>,
}

#[tonic::async_trait]
impl EventService for Events {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<Update, Status>> + Send>>;

    async fn subscribe(
        &self,
        call: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let caller = caller(&call)?;
        let stream = self.means.streams.begin(&call)?;
        let asked = call.into_inner();
        if asked.kinds.len() > KINDS_MAX {
            let why = format!("names {} kinds, and at most {KINDS_MAX} may be", asked.kinds.len());
            return Err(invalid_field("kinds", why));
        }
        let after = match asked.from {
            None => Some(0),
            Some(From::After(position)) => Some(position),
            Some(From::Latest(true)) => None,
            Some(From::Latest(false)) => {
                return Err(invalid_field("latest", "is false: name a position instead"));
            }
        };
        let kinds = asked.kinds.into_iter().collect();
        let wanted = Wanted { namespace: Arc::clone(&caller.namespace), kinds };
        let feed = self.hub.feed(&caller.namespace);
        let listener = Listener::begin(feed, wanted, after).await?;
        let deadline = stream.within.map(|within| Box::pin(tokio::time::sleep(within)));
        let told = unfold(Some((listener, stream, deadline)), |state| async move {
            let (mut listener, mut stream, mut deadline) = state?;
            let late = async {
                match deadline.as_mut() {
                    Some(deadline) => deadline.await,
                    None => std::future::pending().await,
                }
            };
            let next = tokio::select! {
                next = listener.next() => next,
                status = stream.closing() => Err(status),
                () = late => Err(overdue()),
            };
            Some(match next {
                Ok(update) => (Ok(update), Some((listener, stream, deadline))),
                Err(status) => (Err(status), None),
            })
        });
        Ok(Response::new(Box::pin(told)))
    }
}
