//! `orkestra.v1`: tasks, locks, votes, events, status, on the ways that everything else goes too.
//!
//! A handler reads what was asked, asks whoever keeps it, and writes what was answered. Whose things
//! are meant is said by the credential alone.

mod events;
mod locks;
mod own_locks;
mod status;
mod tasks;
mod views;
mod votes;
mod watch;

use std::{str::FromStr, sync::Arc, time::Duration};

use orkestra_runtime::{Error, time::Clock};
use tonic::{Request, Status};

pub(super) use events::Events;
pub(super) use locks::LockDesk;
pub(super) use status::NodeStatus;
pub(super) use tasks::TaskDesk;
pub(super) use votes::VoteDesk;

use super::{
    credential::Caller,
    status::{Reason, invalid_field, refused},
    streams::Streams,
};
use crate::{
    planning::Planning,
    public::{PublicShard, Shards},
};

/// The longest that a call waits for something to end.
const WAIT_MAX: Duration = Duration::from_secs(25);
/// How many things a list has unless asked for less, or more; and how many at most.
const LIST: u32 = 100;
const LIST_MAX: u32 = 1_000;
/// The metadata that makes a call the same when it is made again.
const KEY: &str = "idempotency-key";

/// What every handler here needs.
#[derive(Clone, Debug)]
pub(super) struct Means {
    pub(super) shards: Arc<dyn Shards>,
    pub(super) streams: Streams,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) planning: Planning,
}

impl Means {
    fn of(&self, caller: &Caller) -> PublicShard {
        self.shards.of(&caller.namespace)
    }
}

/// Who makes a call: the gate has found out.
pub(super) fn caller<T>(call: &Request<T>) -> Result<Caller, Status> {
    let found = call.extensions().get::<Caller>();
    found.cloned().ok_or_else(|| refused(Reason::Internal, "nobody knows who calls"))
}

/// A name as it was sent.
fn name<T: FromStr<Err = Error>>(field: &str, text: &str) -> Result<T, Status> {
    if text.is_empty() {
        return Err(invalid_field(field, "is empty"));
    }
    text.parse().map_err(|error: Error| invalid_field(field, error.to_string()))
}

/// Names as they were sent.
fn names<T: FromStr<Err = Error>>(field: &str, texts: &[String]) -> Result<Vec<T>, Status> {
    let named = |(at, text): (usize, &String)| name(&format!("{field}[{at}]"), text);
    texts.iter().enumerate().map(named).collect()
}

/// What may be there as JSON.
fn json<T: serde::de::DeserializeOwned>(field: &str, text: &str) -> Result<T, Status> {
    serde_json::from_str(text).map_err(|error| invalid_field(field, error.to_string()))
}

/// The key of a call, beside it.
fn key_of<T>(call: &Request<T>) -> Result<Option<String>, Status> {
    let Some(value) = call.metadata().get(KEY) else { return Ok(None) };
    let text = value.to_str().map_err(|_| invalid_field(KEY, "is no text of ASCII"))?;
    Ok(Some(text.to_owned()))
}

/// How many a list has.
fn limit(asked: u32) -> u32 {
    if asked == 0 { LIST } else { asked.min(LIST_MAX) }
}
