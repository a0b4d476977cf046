//! A session: what holds locks for a process, for as long as it renews its lease.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use orkestra_runtime::{
    id::{LockKey, RequestNo, SessionId, SessionNo, Token},
    time::Moment,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    Guard, LockError, Locks,
    keeper::{Errand, Keeper},
    odd,
};
use crate::{
    client::WITHIN,
    lock::{
        Acquire, Grant, LockCommand, LockReason, LockRefusal, LockReply, Opening, Patience,
        Release, Want,
    },
};

/// The part of a lease that is not relied on: two clocks may run at rates that differ by as much.
const DRIFT: u32 = 20;

/// A session that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSpec {
    /// What it is called; one of a name at a time.
    pub name: SessionId,
    /// For how long it lives without a renewal; none: as the cluster is configured.
    pub lease: Option<Duration>,
    /// Whose it is, in words, for people; 500 characters at most.
    pub by: String,
}

/// A session that is open. It renews its lease by itself; dropped without [`Session::close`] it is
/// renewed no more, and what it holds is kept back for a while after its lease.
pub struct Session {
    shared: Arc<Shared>,
    name: SessionId,
    _renewing: JoinSet<()>,
}

/// What a session and its guards share.
pub(super) struct Shared {
    locks: Locks,
    number: SessionNo,
    next: AtomicU64,
    standing: watch::Sender<Standing>,
    errands: mpsc::UnboundedSender<Errand>,
    /// What its guards hold, and whether it is known to be lost.
    given: Mutex<BTreeMap<(LockKey, Token), bool>>,
}

/// How a session stands, as far as this process knows.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Until when its locks are surely its own.
    pub(super) until: Moment,
    /// Why it holds nothing any more, if so.
    pub(super) over: Option<Arc<str>>,
    /// Changes with each loss of a lock.
    pub(super) losses: u64,
}

impl Session {
    pub(super) async fn open(locks: Locks, spec: SessionSpec) -> Result<Self, LockError> {
        let nonce = crate::reach::nobodys_token().map_err(LockError::Failed)?;
        let lease_ms = spec.lease.map(|lease| u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
        let opening = Opening { session: spec.name.clone(), nonce, lease_ms, by: spec.by };
        let asked = locks.clock.now().moment;
        let open = |to| LockCommand::Open { to, opening: opening.clone() };
        let (number, lease_ms) = match locks.done(open, WITHIN).await? {
            LockReply::Opened { session, lease_ms, .. } => (session, lease_ms),
            reply => return Err(odd(&reply)),
        };
        let (errands, to_do) = mpsc::unbounded_channel();
        let lease = Duration::from_millis(lease_ms);
        let standing = Standing { until: relied_on(asked, lease), over: None, losses: 0 };
        let shared = Arc::new(Shared {
            locks,
            number,
            next: AtomicU64::new(1),
            standing: watch::channel(standing).0,
            errands,
            given: Mutex::default(),
        });
        let mut renewing = JoinSet::new();
        let keeper = Keeper::of(Arc::clone(&shared), spec.name.clone(), lease);
        renewing.spawn(keeper.run(to_do));
        Ok(Self { shared, name: spec.name, _renewing: renewing })
    }

    /// Its name.
    pub const fn name(&self) -> &SessionId {
        &self.name
    }

    /// Its number.
    pub fn number(&self) -> SessionNo {
        self.shared.number
    }

    /// Wants locks, all at once or none, and waits as long as it is told to. Whoever drops this
    /// before it ends wants them no more.
    pub async fn acquire(&self, locks: Vec<Want>, wait: Patience) -> Result<Guard, LockError> {
        let request = RequestNo(self.shared.next.fetch_add(1, Ordering::Relaxed));
        let session = self.shared.number;
        let ask = Acquire { session, request, locks, wait };
        let within = match wait {
            Patience::Try => WITHIN,
            Patience::For { ms } => WITHIN.saturating_add(Duration::from_millis(ms)),
            Patience::Endless => Duration::MAX,
        };
        let mut asking = Asking { shared: &self.shared, request: Some(request) };
        let make = |to| LockCommand::Acquire { to, ask: ask.clone() };
        let asked = tokio::select! {
            asked = self.shared.locks.done(make, within) => asked,
            why = self.shared.over() => {
                asking.request = None;
                tracing::debug!(%session, %why, "a session is over while it waits");
                return Err(LockError::Refused(LockRefusal::SessionGone { session }));
            }
        };
        // What was answered is settled; what became of the rest is not known, and not wanted.
        if matches!(asked, Ok(_) | Err(LockError::Refused(_))) {
            asking.request = None;
        }
        match asked? {
            LockReply::Granted { locks } => Ok(Guard::new(Arc::clone(&self.shared), locks)),
            reply => Err(odd(&reply)),
        }
    }

    /// Lets it live for one more lease, and renews it no more: what it holds is given back by whoever
    /// knows its number and tokens, or lost after the lease.
    pub async fn leave(self) -> Result<(), LockError> {
        let session = self.shared.number;
        match self.shared.locks.done(|to| LockCommand::Renew { to, session }, WITHIN).await? {
            LockReply::Renewed { .. } => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Closes it in order: all that it holds is free at once. What its guards still say is no longer
    /// true.
    pub async fn close(self) -> Result<(), LockError> {
        let session = self.shared.number;
        self.shared.end("the session was closed");
        let close = |to| LockCommand::Close { to, session };
        match self.shared.locks.asked(close, WITHIN).await? {
            // Closed, and the answer was lost; or its lease had run out.
            LockReply::Closed | LockReply::Refused(LockRefusal::SessionGone { .. }) => Ok(()),
            LockReply::Refused(refusal) => Err(LockError::Refused(refusal)),
            reply => Err(odd(&reply)),
        }
    }
}

/// Cancels what nobody waits for any more.
struct Asking<'a> {
    shared: &'a Shared,
    request: Option<RequestNo>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            self.shared.errand(Errand::Cancel(request));
        }
    }
}

/// Until when a lease is relied on that was asked for at a moment: the leader's began later.
pub(super) fn relied_on(asked: Moment, lease: Duration) -> Moment {
    asked + lease.saturating_sub(lease / DRIFT)
}

impl Shared {
    pub(super) const fn locks(&self) -> &Locks {
        &self.locks
    }

    pub(super) const fn number(&self) -> SessionNo {
        self.number
    }

    /// How many locks were taken from it, as far as was told.
    pub(super) fn losses(&self) -> u64 {
        self.standing.borrow().losses
    }

    /// Whether its locks are surely its own still.
    pub(super) fn is_sure(&self) -> bool {
        self.now() < self.standing.borrow().until
    }

    /// It lives until then at least.
    pub(super) fn renewed(&self, until: Moment, losses: u64) {
        self.standing.send_modify(|standing| {
            (standing.until, standing.losses) = (until, losses);
        });
    }

    /// What its guards hold.
    pub(super) fn given_now(&self) -> Vec<(LockKey, Token)> {
        self.given().keys().cloned().collect()
    }

    /// Remembers that these are lost.
    pub(super) fn lose<'a>(&self, gone: impl Iterator<Item = &'a (LockKey, Token)>) {
        let mut given = self.given();
        for gone in gone {
            if let Some(lost) = given.get_mut(gone) {
                *lost = true;
            }
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.locks.clock.now().moment
    }

    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Remembers what a guard holds.
    pub(super) fn give(&self, grants: &[Grant]) {
        let mut given = self.given();
        for Grant { key, token } in grants {
            given.insert((key.clone(), *token), false);
        }
    }

    /// Remembers no more what a guard held.
    pub(super) fn take(&self, grants: &[Grant]) {
        let mut given = self.given();
        for Grant { key, token } in grants {
            given.remove(&(key.clone(), *token));
        }
    }

    /// The first of these that is known to be lost.
    pub(super) fn lost_of<'a>(&self, grants: &'a [Grant]) -> Option<&'a Grant> {
        let given = self.given();
        grants.iter().find(|grant| given.get(&(grant.key.clone(), grant.token)) == Some(&true))
    }

    fn given(&self) -> std::sync::MutexGuard<'_, BTreeMap<(LockKey, Token), bool>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn errand(&self, errand: Errand) {
        // Nobody renews it any more: then nothing is left to be done in order.
        let _ = self.errands.send(errand);
    }

    pub(super) async fn release(
        &self,
        locks: Vec<Grant>,
        reason: LockReason,
    ) -> Result<(), LockError> {
        let request = RequestNo(self.next.fetch_add(1, Ordering::Relaxed));
        self.locks.release(Release { session: self.number, request, locks, reason }).await
    }

    pub(super) fn end(&self, why: &str) {
        self.standing.send_if_modified(|standing| {
            let is_news = standing.over.is_none();
            standing.over.get_or_insert_with(|| why.into());
            is_news
        });
    }

    async fn over(&self) -> Arc<str> {
        let mut standing = self.standing();
        let over = standing.wait_for(|standing| standing.over.is_some()).await;
        // The sender lives as long as this does.
        over.ok().and_then(|standing| standing.over.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("name", &self.name).finish_non_exhaustive()
    }
}
