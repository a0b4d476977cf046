//! The service before the locks of a shard: tells sessions, wherever they are, that a lock was taken
//! from them or that they were ended, so that they look at once.
//!
//! What it says is a hint and nothing more. Who does not hear it finds out by the next renewal, and
//! what was lost is good for nothing either way; so it may fail and begin again by itself, and no
//! lock, lease or token depends on it.

use std::sync::Arc;

use bytes::Bytes;
use orkestra_runtime::{
    Result, duty,
    fabric::{Messages, Subject},
    id::{SessionNo, ShardId},
    names,
    supervise::{ChildSpec, Started, Starting},
    time::Clock,
};
use tokio::sync::{Mutex, mpsc};

/// How many sessions may be waiting to be told; one more finds out by itself.
const WAITING_MAX: usize = 4_096;
/// The longest hint that is read.
const HINT_BYTES_MAX: usize = 32;

/// Who is to be told; survives a restart of the service.
pub(crate) type ToTell = Arc<Mutex<mpsc::Receiver<SessionNo>>>;

/// The way to the service. Cheap to clone; nothing here waits.
#[derive(Clone, Debug)]
pub(crate) struct Bell(mpsc::Sender<SessionNo>);

/// A way to a service that is not there yet, and where it will read.
pub(crate) fn bell() -> (Bell, ToTell) {
    let (sender, to_tell) = mpsc::channel(WAITING_MAX);
    (Bell(sender), Arc::new(Mutex::new(to_tell)))
}

impl Bell {
    /// Has a session told that it has lost something.
    pub(crate) fn ring(&self, session: SessionNo) {
        if self.0.try_send(session).is_err() {
            tracing::debug!(%session, "it finds out by itself what it has lost");
        }
    }
}

/// The service, as the last child of its shard.
pub(crate) fn child(
    to_tell: ToTell,
    (messages, shard): (Arc<dyn Messages>, ShardId),
    clock: Arc<dyn Clock>,
) -> ChildSpec {
    ChildSpec::worker("locks", move |starting: Starting| {
        let (to_tell, messages) = (Arc::clone(&to_tell), Arc::clone(&messages));
        let clock = Arc::clone(&clock);
        async move {
            let duty = tell(to_tell, messages, names::shard_lost(shard)?);
            let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

async fn tell(to_tell: ToTell, messages: Arc<dyn Messages>, subject: Subject) -> Result<()> {
    let mut to_tell = to_tell.lock().await;
    while let Some(session) = to_tell.recv().await {
        // What is not sent is found out by a renewal.
        if let Err(error) = messages.publish(&subject, hint(session)).await {
            tracing::debug!(%session, %error, "nobody was told what was lost");
        }
    }
    // The reigns, which ring, go after this; without them there is nothing to tell.
    std::future::pending().await
}

/// As it is said.
fn hint(session: SessionNo) -> Bytes {
    session.to_string().into()
}

/// Which session a hint is about; none if it is none.
pub(crate) fn read_hint(body: &[u8]) -> Option<SessionNo> {
    let text = std::str::from_utf8(body.get(..body.len().min(HINT_BYTES_MAX))?).ok()?;
    text.parse().ok().map(SessionNo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_a_number_and_nothing_else_is_one() {
        assert_eq!(read_hint(&hint(SessionNo(71))), Some(SessionNo(71)));
        assert_eq!(read_hint(&hint(SessionNo(u64::MAX))), Some(SessionNo(u64::MAX)));
        for junk in [&b""[..], b"x", b"-1", b"\xff", &[b'1'; 40]] {
            assert_eq!(read_hint(junk), None, "{junk:?}");
        }
    }
}
