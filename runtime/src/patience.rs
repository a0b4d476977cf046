//! Waiting for what gets better by itself: servers that are away, silent, or electing a leader.
//!
//! Promises: what fails in a way that may pass ([`Error::is_retryable`]) is tried again, after waits
//! that grow up to [`WAIT_MAX`], for as long as somebody waits; what cannot get better is told at
//! once. It is said that something is waited for at the first failure, then more and more seldom,
//! and once more when it is over.
//!
//! It has no limit of its own: whoever has one, or may be told to stop, drops the future.

use std::{future::Future, time::Duration};

use crate::error::{Error, Result};

/// The first wait between two tries; each is twice the one before.
const WAIT: Duration = Duration::from_millis(50);
/// The longest wait between two tries.
pub const WAIT_MAX: Duration = Duration::from_secs(2);

/// Does something until it does not fail any more, or fails for good. `what` completes the sentence
/// "cannot … now".
pub async fn patiently<T, F>(what: &str, mut attempt: impl FnMut() -> F + Send) -> Result<T>
where
    F: Future<Output = Result<T>> + Send,
{
    let (mut tries, mut wait) = (0_u32, WAIT);
    loop {
        let error = match attempt().await {
            Ok(done) => {
                if tries > 0 {
                    tracing::info!(tries, "can {what} again");
                }
                return Ok(done);
            }
            Err(error) => error,
        };
        if !error.is_retryable() {
            return Err(error);
        }
        tries = tries.saturating_add(1);
        if tries.is_power_of_two() {
            tell(what, tries, &error);
        }
        tokio::time::sleep(wait).await;
        wait = WAIT_MAX.min(wait * 2);
    }
}

fn tell(what: &str, tries: u32, error: &Error) {
    tracing::warn!(tries, %error, "cannot {what} now: it is tried again until it works");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::ErrorKind,
        time::{Clock as _, SystemClock},
    };

    fn failing(kind: ErrorKind) -> Result<u32> {
        Err(Error::new(kind, "no"))
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_until_it_works_and_never_in_a_hurry() {
        let clock = SystemClock::following_tokio();
        let begun = clock.now().moment;
        let mut tries = 0;
        let done = patiently("count", || {
            tries += 1;
            let now = if tries < 20 { failing(ErrorKind::Unavailable) } else { Ok(tries) };
            std::future::ready(now)
        });
        assert_eq!(done.await.unwrap(), 20);
        let took = clock.now().moment.since(begun);
        assert!(took > WAIT_MAX * 13 && took < WAIT_MAX * 19, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_get_better_is_told_at_once() {
        for kind in [ErrorKind::Invalid, ErrorKind::Conflict, ErrorKind::TooNew] {
            let mut tries = 0;
            let done = patiently("count", || {
                tries += 1;
                std::future::ready(failing(kind))
            });
            assert_eq!(done.await.unwrap_err().kind(), kind);
            assert_eq!(tries, 1);
        }
    }
}
