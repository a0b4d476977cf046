//! Locks and the sessions that hold them.

use std::{pin::Pin, time::Duration};

use futures::{Stream, stream::unfold};
use orkestra_proto::orkestra::v1::{
    AcquireRequest, AcquireResponse, CheckTokenResponse, CloseSessionResponse, GetLockRequest,
    Grant as GrantSaid, ListLocksRequest, ListLocksResponse, Lock, OpenSessionRequest,
    ReleaseRequest, ReleaseResponse, Session, SessionRequest, Wanted,
    lock_service_server::LockService, wanted::Mode as ModeSaid,
};
use orkestra_runtime::id::{RequestNo, SessionNo, Token};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};

use super::{
    Means, WAIT_MAX, caller, key_of, limit,
    own_locks::{kept_key, kept_session, own, prefix, told_key},
};
use crate::{
    client::locks::{LockError, Locks},
    grpc::{
        credential::Caller,
        status::{Reason, failed, refused},
        streams::overdue,
    },
    lock::{
        Acquire, Grant, LockAnswer, LockCommand, LockQuery, LockReason, LockRefusal, LockReply,
        Mode, Opening, Patience, Release, Want, view::LockView,
    },
    public::why_not,
};

/// How long what does not wait may take.
const WITHIN: Duration = Duration::from_secs(30);
/// How many holders and waiters of one lock are shown.
const ROWS: u64 = 100;

/// Whoever answers for locks.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct LockDesk(pub(in crate::grpc) Means);

impl LockDesk {
    fn locks(&self, caller: &Caller) -> Locks {
        self.0.of(caller).locks
    }
}

#[tonic::async_trait]
impl LockService for LockDesk {
    type KeepAliveStream = Pin<Box<dyn Stream<Item = Result<Session, Status>> + Send>>;

    async fn open_session(
        &self,
        call: Request<OpenSessionRequest>,
    ) -> Result<Response<Session>, Status> {
        let (caller, key) = (caller(&call)?, key_of(&call)?);
        let asked = call.into_inner();
        let session = kept_session(&caller, "name", &asked.name)?;
        let nonce = match (asked.nonce, key) {
            (Some(nonce), _) => nonce,
            (None, Some(key)) => number_of(&format!("{}{key}", prefix(&caller))),
            (None, None) => crate::reach::nobodys_token().map_err(|error| failed(&error))?,
        };
        let lease_ms = (asked.lease_ms > 0).then_some(asked.lease_ms);
        let opening = Opening { session, nonce, lease_ms, by: caller.by.to_string() };
        let open = |to| LockCommand::Open { to, opening: opening.clone() };
        match told(self.locks(&caller).asked(open, WITHIN).await)? {
            LockReply::Opened { session, lease_ms, existed } => Ok(Response::new(Session {
                name: asked.name,
                number: session.0,
                lease_ms,
                losses: 0,
                existed,
            })),
            reply => Err(odd(&reply)),
        }
    }

    async fn renew_session(
        &self,
        call: Request<SessionRequest>,
    ) -> Result<Response<Session>, Status> {
        let caller = caller(&call)?;
        let (locks, asked) = (self.locks(&caller), call.into_inner());
        let session = own(&locks, &caller, Some(&asked)).await?;
        renewed(&locks, session, asked.name).await.map(Response::new)
    }

    async fn keep_alive(
        &self,
        call: Request<SessionRequest>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        let (caller, stream) = (caller(&call)?, self.0.streams.begin(&call)?);
        let (locks, asked) = (self.locks(&caller), call.into_inner());
        let session = own(&locks, &caller, Some(&asked)).await?;
        let deadline = stream.within.map(|within| Box::pin(tokio::time::sleep(within)));
        let state = Some((locks, asked.name, Duration::ZERO, (stream, deadline)));
        let renewals = unfold(state, move |state| async move {
            let (locks, name, wait, (mut stream, mut deadline)) = state?;
            let late = async {
                match deadline.as_mut() {
                    Some(deadline) => deadline.await,
                    None => std::future::pending().await,
                }
            };
            let next = tokio::select! {
                next = async {
                    tokio::time::sleep(wait).await;
                    renewed(&locks, session, name.clone()).await
                } => next,
                status = stream.closing() => Err(status),
                () = late => Err(overdue()),
            };
            Some(match next {
                Ok(renewed) => {
                    // Two renewals may be lost before the lease runs out.
                    let wait = Duration::from_millis(renewed.lease_ms) / 3;
                    (Ok(renewed), Some((locks, name, wait, (stream, deadline))))
                }
                Err(status) => (Err(status), None),
            })
        });
        Ok(Response::new(Box::pin(renewals)))
    }

    async fn close_session(
        &self,
        call: Request<SessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        let caller = caller(&call)?;
        let locks = self.locks(&caller);
        let session = own(&locks, &caller, Some(call.get_ref())).await?;
        match told(locks.asked(|to| LockCommand::Close { to, session }, WITHIN).await)? {
            LockReply::Closed => Ok(Response::new(CloseSessionResponse {})),
            reply => Err(odd(&reply)),
        }
    }

    /// Answers when the locks are given or will not be, and after a while in any case: then whoever
    /// wants to wait on asks the same again, and keeps its place.
    async fn acquire(
        &self,
        call: Request<AcquireRequest>,
    ) -> Result<Response<AcquireResponse>, Status> {
        let caller = caller(&call)?;
        let (keeper, asked) = (self.locks(&caller), call.into_inner());
        let session = own(&keeper, &caller, asked.session.as_ref()).await?;
        let wants = asked.locks.iter().enumerate().map(|(at, wanted)| want(&caller, at, wanted));
        let locks = wants.collect::<Result<Vec<_>, _>>()?;
        let ms = asked.wait_ms;
        let wait = if ms == 0 { Patience::Try } else { Patience::For { ms } };
        let ask = Acquire { session, request: RequestNo(asked.request), locks, wait };
        let acquire = |to| LockCommand::Acquire { to, ask: ask.clone() };
        let asking = tokio::time::timeout(WAIT_MAX, keeper.asked(acquire, WITHIN)).await;
        let Ok(answer) = asking else {
            return Ok(not_granted("waiting", "it waits still: ask the same again, as it is"));
        };
        match answer.map_err(|error| refusal(&error))? {
            LockReply::Granted { locks } => {
                let locks = locks.iter().map(|grant| granted(&caller, grant)).collect();
                let granted = true;
                Ok(Response::new(AcquireResponse { granted, locks, ..Default::default() }))
            }
            LockReply::Refused(refused) => match why_not(&refused) {
                Some(why) => Ok(not_granted(why, &refused.to_string())),
                None => Err(refusal(&LockError::Refused(refused))),
            },
            reply => Err(odd(&reply)),
        }
    }

    async fn release(
        &self,
        call: Request<ReleaseRequest>,
    ) -> Result<Response<ReleaseResponse>, Status> {
        let caller = caller(&call)?;
        let (keeper, asked) = (self.locks(&caller), call.into_inner());
        let session = own(&keeper, &caller, asked.session.as_ref()).await?;
        let grants = asked.locks.iter().enumerate();
        let locks = grants
            .map(|(at, said)| grant(&caller, &format!("locks[{at}].key"), said))
            .collect::<Result<_, Status>>()?;
        let request = RequestNo(asked.request);
        let release = Release { session, request, locks, reason: LockReason::default() };
        keeper.release(release).await.map_err(|error| refusal(&error))?;
        Ok(Response::new(ReleaseResponse {}))
    }

    async fn check_token(
        &self,
        call: Request<GrantSaid>,
    ) -> Result<Response<CheckTokenResponse>, Status> {
        let caller = caller(&call)?;
        let shown = grant(&caller, "key", call.get_ref())?;
        match self.locks(&caller).check(shown).await {
            Ok(()) => Ok(Response::new(CheckTokenResponse { good: true, message: String::new() })),
            Err(LockError::Refused(refused)) => {
                let message = refused.to_string();
                Ok(Response::new(CheckTokenResponse { good: false, message }))
            }
            Err(error) => Err(refusal(&error)),
        }
    }

    async fn get_lock(&self, call: Request<GetLockRequest>) -> Result<Response<Lock>, Status> {
        let caller = caller(&call)?;
        let key = kept_key(&caller, "key", &call.get_ref().key)?;
        let query = LockQuery::Get { key, skip: 0, limit: ROWS };
        match self.locks(&caller).query(query).await.map_err(|error| failed(&error))? {
            LockAnswer::Lock(Some(found)) => Ok(Response::new(lock(&caller, &found.lock, &found))),
            LockAnswer::Lock(None) => {
                let why = format!("nobody has or wants a lock {:?}", call.get_ref().key);
                Err(refused(Reason::NotFound, why))
            }
            answer => Err(odd(&answer)),
        }
    }

    async fn list_locks(
        &self,
        call: Request<ListLocksRequest>,
    ) -> Result<Response<ListLocksResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        // What a namespace keeps stands together, since all of it begins alike.
        let first = match (asked.after.as_str(), prefix(&caller)) {
            ("", prefix) if prefix.is_empty() => None,
            ("", prefix) => Some(super::name("after", &prefix)?),
            (after, _) => Some(kept_key(&caller, "after", after)?),
        };
        let query = LockQuery::List { after: first, limit: limit(asked.limit).into() };
        match self.locks(&caller).query(query).await.map_err(|error| failed(&error))? {
            LockAnswer::Locks(page) => {
                let own = page.rows.iter().filter(|row| told_key(&caller, &row.key).is_some());
                let locks: Vec<Lock> = own.map(|row| lock(&caller, row, row)).collect();
                let more = page.more && locks.len() == page.rows.len();
                Ok(Response::new(ListLocksResponse { locks, more }))
            }
            answer => Err(odd(&answer)),
        }
    }
}

async fn renewed(locks: &Locks, session: SessionNo, name: String) -> Result<Session, Status> {
    match told(locks.asked(|to| LockCommand::Renew { to, session }, WITHIN).await)? {
        LockReply::Renewed { lease_ms, losses } => {
            Ok(Session { name, number: session.0, lease_ms, losses, existed: true })
        }
        reply => Err(odd(&reply)),
    }
}

fn want(caller: &Caller, at: usize, wanted: &Wanted) -> Result<Want, Status> {
    let key = kept_key(caller, &format!("locks[{at}].key"), &wanted.key)?;
    let mode = match &wanted.mode {
        None | Some(ModeSaid::Shared(false)) => Mode::Exclusive,
        Some(ModeSaid::Shared(true)) => Mode::Shared,
        Some(ModeSaid::Permits(said)) => Mode::Permits { permits: said.permits, of: said.of },
    };
    Ok(Want { key, mode })
}

fn grant(caller: &Caller, field: &str, said: &GrantSaid) -> Result<Grant, Status> {
    Ok(Grant { key: kept_key(caller, field, &said.key)?, token: Token(said.token) })
}

fn granted(caller: &Caller, grant: &Grant) -> GrantSaid {
    let key = told_key(caller, &grant.key).unwrap_or(grant.key.as_str()).to_owned();
    GrantSaid { key, token: grant.token.0 }
}

fn lock(caller: &Caller, view: &LockView, details: &impl Serialize) -> Lock {
    Lock {
        key: told_key(caller, &view.key).unwrap_or(view.key.as_str()).to_owned(),
        newest_token: view.newest.0,
        holders: view.holders,
        waiting: view.waiting,
        lost: view.lost,
        details_json: serde_json::to_string(details).unwrap_or_default(),
    }
}

fn not_granted(why: &str, message: &str) -> Response<AcquireResponse> {
    let (why, message) = (why.to_owned(), message.to_owned());
    Response::new(AcquireResponse { granted: false, locks: Vec::new(), why, message })
}

/// A number that follows from a text, and from no other that anybody will find.
fn number_of(text: &str) -> u64 {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn told(asked: Result<LockReply, LockError>) -> Result<LockReply, Status> {
    match asked.map_err(|error| refusal(&error))? {
        LockReply::Refused(refused) => Err(refusal(&LockError::Refused(refused))),
        reply => Ok(reply),
    }
}

fn refusal(error: &LockError) -> Status {
    match error {
        LockError::Refused(LockRefusal::SessionTaken { .. }) => {
            refused(Reason::Exists, error.to_string())
        }
        LockError::Refused(known) => {
            failed(&orkestra_runtime::Error::new(known.kind(), known.to_string()))
        }
        LockError::Failed(error) => failed(error),
    }
}

fn odd(answer: &impl std::fmt::Debug) -> Status {
    refused(Reason::Internal, format!("the locks answered something else: {answer:?}"))
}
