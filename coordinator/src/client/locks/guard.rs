//! Locks that are held.

use std::{fmt, sync::Arc};

use orkestra_runtime::{id::Token, time::Moment};

use super::{LockError, keeper::Errand, session::Shared};
use crate::lock::{Grant, LockReason};

/// Locks that were given together. Dropped, they are given back, when there is time for it; whoever
/// wants to know that they are uses [`Guard::release`].
pub struct Guard {
    shared: Arc<Shared>,
    grants: Vec<Grant>,
    is_over: bool,
}

impl Guard {
    pub(super) fn new(shared: Arc<Shared>, grants: Vec<Grant>) -> Self {
        shared.give(&grants);
        Self { shared, grants, is_over: false }
    }

    /// Each lock with its token: whoever writes under it shows that.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The token of the first lock; of one lock alone, its token.
    pub fn token(&self) -> Option<Token> {
        self.grants.first().map(|grant| grant.token)
    }

    /// Until when the locks are surely held, by this process's monotonic clock; none when they are
    /// not. Each renewal of the session puts it off.
    pub fn valid_until(&self) -> Option<Moment> {
        let standing = self.shared.standing();
        let standing = standing.borrow();
        let holds = standing.over.is_none()
            && self.shared.now() < standing.until
            && self.shared.lost_of(&self.grants).is_none();
        holds.then_some(standing.until)
    }

    /// Waits until the locks are not surely held any more, and says why. It comes before any of them
    /// can be given to somebody else, but for a theft: that is told at once, and heard with the next
    /// renewal if not.
    pub async fn lost(&self) -> String {
        let mut standing = self.shared.standing();
        loop {
            let (until, over) = {
                let standing = standing.borrow_and_update();
                (standing.until, standing.over.clone())
            };
            if let Some(why) = over {
                return why.to_string();
            }
            if let Some(Grant { key, token }) = self.shared.lost_of(&self.grants) {
                return format!("lock {key} with token {token} was taken from its session");
            }
            let left = until.since(self.shared.now());
            if left.is_zero() {
                return "the lease of its session was not renewed in time".to_owned();
            }
            tokio::select! {
                changed = standing.changed() => {
                    if changed.is_err() {
                        return "its session was dropped".to_owned();
                    }
                }
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// Gives the locks back; they are free when this ends.
    pub async fn release(mut self, reason: LockReason) -> Result<(), LockError> {
        let grants = self.grants.clone();
        let released = self.shared.release(grants, reason).await;
        // After an error the drop tries again.
        if released.is_ok() {
            self.over();
        }
        released
    }

    /// Leaves the locks to their session, which holds them until it is closed or ends.
    pub fn leave(mut self) -> Vec<Grant> {
        self.over();
        self.grants.clone()
    }

    fn over(&mut self) {
        self.is_over = true;
        self.shared.take(&self.grants);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_over {
            self.over();
            self.shared.errand(Errand::Release(self.grants.clone()));
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("grants", &self.grants).finish_non_exhaustive()
    }
}
