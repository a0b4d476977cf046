//! The way to a shard, wherever it is led: in this process, or on another node of the cluster.
//!
//! Promises: what is asked reaches whoever leads now, or the answer says that it did not; while
//! nobody leads, it is tried again until its time is over; an answer of a reign that is over is
//! never taken for one of the present.
//!
//! | the asker sees | may it have been done | what to do |
//! |---|---|---|
//! | `NoOne` | surely not | ask again later |
//! | `Full`, `Refused` | surely not | ask again later, or differently |
//! | `NoAnswer` | perhaps | the same again under the same idempotency key is safe |
//!
//! It does not promise that what takes longer than [`TRIP`] is answered: whoever waits for the end
//! of a run asks again and again.
//!
//! Frames are bincode around MessagePack: what is asked and answered has named fields, so that two
//! versions of the program that differ in a field still understand each other. An answer that does not
//! fit a frame is fetched in parts.

mod follow;
mod message;
mod parts;
mod serve;
mod shard;
mod there;

use std::time::Duration;

use orkestra_runtime::{Error, ErrorKind, Result};

pub(crate) use follow::Endings;
pub(crate) use serve::Server;
pub(crate) use shard::{Here, Shard};
pub(crate) use there::{Asking, There};

/// The longest that one question to another node waits for its answer: long enough for an append
/// while the servers elect, and short enough to find out that whoever was asked is gone.
pub(crate) const TRIP: Duration = Duration::from_secs(8);

/// How long the first try waits where asking again does no harm; each next one twice as long.
const FIRST_TRIP: Duration = Duration::from_secs(1);

/// How long is waited before nobody is asked again, at first and at most. Between two reigns that
/// is the last thing that whoever asks waits for.
const AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// How long a leader lets somebody wait for what may never happen before it says so: an asker whose
/// leader has died finds out soon, and one question in so long costs nobody anything.
const LISTEN: Duration = Duration::from_secs(2);

/// A number that nobody else in the cluster uses.
pub(crate) fn nobodys_token() -> Result<u64> {
    getrandom::u64().map_err(|error| {
        let message = format!("the system gives no random numbers: {error}");
        Error::new(ErrorKind::Unavailable, message)
    })
}

/// Now, for how long somebody waits.
#[expect(clippy::disallowed_methods, reason = "it is the clock by which the waiting itself goes")]
pub(crate) fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
