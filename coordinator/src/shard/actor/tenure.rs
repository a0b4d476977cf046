//! By what right a reign goes on, and what its end is when that is over.

use std::time::Duration;

use orkestra_runtime::{
    leadership::{Revision, Role, Seat},
    shell::Address,
    time::Moment,
};
use tokio::sync::{oneshot, watch};

use super::hands::{Ending, Mail, SequencerHands, ShardHands};
use crate::shard::{mind::Mind, sequencer::Reason};

/// The right to lead: for good where nobody else can, else while one tenure of the lease lasts.
#[derive(Clone)]
pub(super) struct Tenure(Option<(watch::Receiver<Role>, Revision)>);

enum Change {
    Renewed(Moment),
    HandOver(Moment),
    Over,
}

impl Tenure {
    /// Where nobody else can lead.
    pub(super) const fn unrivalled() -> Self {
        Self(None)
    }

    /// One tenure of a lease.
    pub(super) fn of(seat: &Seat, tenure: Revision) -> Self {
        Self(Some((seat.role(), tenure)))
    }

    fn judge(role: Role, tenure: Revision) -> Change {
        match role {
            Role::Leading { until, tenure: now } if now == tenure => Change::Renewed(until),
            Role::HandingOver { until, tenure: now } if now == tenure => Change::HandOver(until),
            Role::Leading { .. } | Role::HandingOver { .. } | Role::Following { .. } => {
                Change::Over
            }
        }
    }

    /// Until when what no append proves may be said now; none where nobody else can lead.
    pub(super) fn until(&self) -> Option<Moment> {
        let (roles, tenure) = self.0.as_ref()?;
        let now = *roles.borrow();
        match Self::judge(now, *tenure) {
            Change::Renewed(until) | Change::HandOver(until) => Some(until),
            Change::Over => Some(Moment::START),
        }
    }

    /// Comes to its end when no reign may begin under this tenure any more.
    pub(super) async fn is_over(&mut self) {
        let Some((roles, tenure)) = &mut self.0 else { return std::future::pending().await };
        let is_over = |role: &Role| match Self::judge(*role, *tenure) {
            Change::Renewed(_) => false,
            Change::HandOver(_) | Change::Over => true,
        };
        let _ = roles.wait_for(is_over).await; // or there is nobody to say so
    }

    /// The next word on this tenure.
    async fn change(&mut self) -> Change {
        let Some((roles, tenure)) = &mut self.0 else { return std::future::pending().await };
        if roles.changed().await.is_err() {
            return Change::Over; // nobody renews it any more
        }
        Self::judge(*roles.borrow_and_update(), *tenure)
    }

    /// Tells a reign of its lease until it has ended, has closed to be handed over, or must be ended:
    /// where others may lead, one that is to close and cannot, since servers are silent, is left to
    /// whoever leads next.
    pub(super) async fn attend<M: Mind, H: ShardHands<M>>(
        &mut self,
        address: &Address<SequencerHands<M, H>>,
        mut ending: oneshot::Receiver<Ending>,
        (mut closing, close_within): (watch::Receiver<bool>, Duration),
    ) -> Ending {
        let mut must_close = false;
        let mut is_closing = self.0.is_none();
        let late = tokio::time::sleep(Duration::MAX);
        let mut late = std::pin::pin!(late);
        if let Some((roles, _)) = &mut self.0 {
            // Whatever happened while the reign began is looked at first.
            roles.mark_changed();
        }
        loop {
            let change = tokio::select! {
                biased;
                ended = &mut ending => {
                    let died = || Ending::Restart(Reason::Fault("the sequencer died".to_owned()));
                    return ended.unwrap_or_else(|_| died());
                }
                () = &mut late => return Ending::Deposed,
                _ = closing.wait_for(|closing| *closing), if !is_closing => {
                    is_closing = true;
                    if !must_close {
                        late.set(tokio::time::sleep(close_within));
                    }
                    continue;
                }
                change = self.change() => change,
            };
            // One that has ended says so itself.
            match change {
                Change::Renewed(until) => drop(address.send(Mail::Lease(until))),
                Change::HandOver(until) => {
                    drop(address.send(Mail::Lease(until)));
                    if !must_close {
                        must_close = true;
                        let _ = address.send(Mail::Close);
                        late.set(tokio::time::sleep(close_within));
                    }
                }
                Change::Over => return Ending::Deposed,
            }
        }
    }
}
