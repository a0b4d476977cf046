//! Keeps a session: renews it, hears what was lost, and does what nobody waits for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::BoxStream};
use orkestra_runtime::{
    fabric::Pattern,
    id::{LockKey, RequestNo, SessionId, SessionNo, Token},
    names,
    time::Moment,
};
use tokio::sync::mpsc;

use super::session::{Shared, relied_on};
use crate::{
    client::WITHIN,
    lock::{Grant, LockAnswer, LockCommand, LockQuery, LockReason, LockReply},
    system::read_hint,
};

/// The part of a lease after which it is renewed.
const RENEWALS: u32 = 4;
/// How often it is asked what was lost, from outside: where nobody tells of it, and where somebody
/// does, who may not be heard.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_EVERY_TOLD: Duration = Duration::from_secs(5);
/// How many hints may wait to be heard.
const HINTS_MAX: usize = 256;

/// What is done for whoever does not wait for it.
pub(super) enum Errand {
    /// A guard was dropped.
    Release(Vec<Grant>),
    /// Whoever asked has gone.
    Cancel(RequestNo),
}

/// Renews a session, and does what nobody waits for.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    name: SessionId,
    lease: Duration,
    is_told: bool,
}

impl Keeper {
    pub(super) const fn of(shared: Arc<Shared>, name: SessionId, lease: Duration) -> Self {
        Self { shared, name, lease, is_told: false }
    }

    pub(super) async fn run(mut self, mut errands: mpsc::UnboundedReceiver<Errand>) {
        let mut hints = self.hints().await;
        let mut next = self.next();
        loop {
            let rest = next.since(self.shared.now());
            tokio::select! {
                biased;
                () = tokio::time::sleep(rest) => {
                    next = self.next();
                    if !self.renew().await {
                        return;
                    }
                }
                hint = hints.next(), if self.is_told => match hint {
                    Some(session) if session == self.shared.number() => next = self.shared.now(),
                    Some(_) => {}
                    None => self.is_told = false,
                },
                errand = errands.recv() => {
                    let Some(errand) = errand else { return };
                    // The lease is more urgent: what is not done by then ends with the session.
                    let within = next.since(self.shared.now());
                    let _ = tokio::time::timeout(within, self.carry_out(errand)).await;
                }
            }
        }
    }

    /// What is said of sessions that have lost something; nothing where it cannot be heard.
    async fn hints(&mut self) -> BoxStream<'static, SessionNo> {
        let heard = async {
            let (messages, shard) = self.shared.locks().news()?;
            let pattern = Pattern::new(names::shard_lost(shard).ok()?.as_str()).ok()?;
            messages.subscribe(&pattern, None, HINTS_MAX).await.ok()
        };
        // The lease runs meanwhile.
        let heard = tokio::time::timeout(self.lease / (2 * RENEWALS), heard).await.ok().flatten();
        self.is_told = heard.is_some();
        match heard {
            Some(heard) => heard.filter_map(async |message| read_hint(&message.ok()?.body)).boxed(),
            None => futures::stream::pending().boxed(),
        }
    }

    /// When it is renewed next. From outside that is also how it hears what no hint has told it.
    fn next(&self) -> Moment {
        let rest = self.lease / RENEWALS;
        let rest = match (self.shared.locks().is_led_here(), self.is_told) {
            (true, true) => rest,
            (false, true) => rest.min(ASK_EVERY_TOLD),
            (_, false) => rest.min(ASK_EVERY),
        };
        self.shared.now() + rest
    }

    async fn carry_out(&self, errand: Errand) {
        let (shared, session) = (&self.shared, self.shared.number());
        let done = match errand {
            Errand::Release(locks) => shared.release(locks, LockReason::Complete).await,
            Errand::Cancel(request) => {
                let cancel = |to| LockCommand::Cancel { to, session, request };
                shared.locks().asked(cancel, WITHIN).await.map(drop)
            }
        };
        if let Err(error) = done {
            tracing::warn!(%session, %error, "locks that nobody wants any more are held still");
        }
    }

    /// Renews it; says whether it lives.
    async fn renew(&mut self) -> bool {
        let (shared, session) = (&self.shared, self.shared.number());
        let asked = shared.now();
        let renew = |to| LockCommand::Renew { to, session };
        match shared.locks().asked(renew, self.lease / 2).await {
            Ok(LockReply::Renewed { lease_ms, losses }) => {
                self.lease = Duration::from_millis(lease_ms);
                let until = relied_on(asked, self.lease);
                if losses > shared.losses() {
                    self.look_what_was_lost().await;
                }
                shared.renewed(until, losses);
                true
            }
            Ok(LockReply::Refused(refusal)) => {
                shared.end(&refusal.to_string());
                false
            }
            Ok(_) | Err(_) if shared.is_sure() => true,
            Ok(_) | Err(_) => {
                shared
                    .end("its lease could not be renewed in time: do nothing more under its locks");
                false
            }
        }
    }

    /// Finds out which locks were taken from it; when that cannot be known, all of them may be.
    async fn look_what_was_lost(&self) {
        // What is given while it is asked may be missing in the answer.
        let before = self.shared.given_now();
        let answer = self.shared.locks().query(LockQuery::Session(self.name.clone())).await;
        let held: BTreeSet<(LockKey, Token)> = match answer {
            Ok(LockAnswer::Session(Some(detail)))
                if detail.held.len() as u64 == detail.session.holds =>
            {
                detail.held.into_iter().map(|held| (held.key, held.token)).collect()
            }
            _ => return self.shared.end("locks were taken from it, and which is not known"),
        };
        self.shared.lose(before.iter().filter(|given| !held.contains(given)));
    }
}
