//! How a shard is asked.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use orkestra_runtime::{
    Error, ErrorKind, journal::Position, machine::ReplyTo, shell::Address, time::Moment,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::hands::{Mail, Permits, SequencerHands, ShardHands};
use crate::shard::{ceiling::Ceiling, mind::Mind, pool::Pool, sequencer::Refusal};

/// Why a shard gave no answer, and whether the thing may have been done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardError {
    /// Nobody leads the shard now: surely not done; ask again later.
    NoOne,
    /// Too much is under way: surely not done; ask again later.
    Full,
    /// It was refused: surely not done.
    Refused(Refusal),
    /// No answer came: perhaps done. The same again is safe under the same idempotency key.
    NoAnswer,
}

impl ShardError {
    /// Whether the thing was surely not done, so that asking again cannot do it twice.
    pub const fn is_surely_undone(&self) -> bool {
        match self {
            Self::NoOne | Self::Full | Self::Refused(_) => true,
            Self::NoAnswer => false,
        }
    }
}

impl fmt::Display for ShardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOne => f.write_str("nobody leads the shard now: ask again"),
            Self::Full => f.write_str("too much is under way in the shard: ask again later"),
            Self::Refused(refusal) => write!(f, "the shard refused: {refusal}"),
            Self::NoAnswer => f.write_str("no answer came in time; it may have been done"),
        }
    }
}

impl std::error::Error for ShardError {}

/// What a query was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<A> {
    /// The answer.
    pub answer: A,
    /// Whether everything it shows is durable. False only while the journal is full: then it shows
    /// what will be, if this node lives until there is room.
    pub settled: bool,
}

/// Where the answer to a query comes.
pub(crate) type Asked<A> = oneshot::Receiver<Result<Read<A>, ShardError>>;

/// A reign that is open.
pub(super) struct Open<M: Mind, H: ShardHands<M>> {
    pub(super) address: Address<SequencerHands<M, H>>,
    pub(super) permits: Permits,
}

impl<M: Mind, H: ShardHands<M>> Clone for Open<M, H> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), permits: self.permits.clone() }
    }
}

/// Somebody wants a snapshot now.
pub(super) struct SnapshotAsk {
    pub(super) records_kept: Option<u64>,
    pub(super) reply: oneshot::Sender<Result<Position, Error>>,
}

/// The way to a shard, across its reigns. Cheap to clone.
pub struct ShardHandle<M: Mind, H: ShardHands<M>> {
    pub(super) door: watch::Receiver<Option<Open<M, H>>>,
    pub(super) closing: Arc<watch::Sender<bool>>,
    /// What may be written, heard by the present reign and those that come.
    pub(super) ceiling: Arc<watch::Sender<Option<Ceiling>>>,
    pub(super) tokens: Arc<AtomicU64>,
    pub(super) snapshots: mpsc::Sender<SnapshotAsk>,
    /// Whether others may lead: then nobody waits here for a reign that may begin elsewhere.
    pub(super) others_lead: bool,
}

/// Tells when reigns of a shard begin and end in this process.
pub struct Reigns<M: Mind, H: ShardHands<M>>(watch::Receiver<Option<Open<M, H>>>);

impl<M: Mind, H: ShardHands<M>> Reigns<M, H> {
    /// Waits until a reign is open, or until none is. False when the shard is closed, and there will
    /// be no more.
    pub async fn until_open_is(&mut self, is_open: bool) -> bool {
        self.0.wait_for(|open| open.is_some() == is_open).await.is_ok()
    }
}

impl<M: Mind, H: ShardHands<M>> Clone for Reigns<M, H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Mind, H: ShardHands<M>> fmt::Debug for Reigns<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reigns").field(&self.0.borrow().is_some()).finish()
    }
}

impl<M: Mind, H: ShardHands<M>> ShardHandle<M, H> {
    /// Whether other nodes may lead it: then nobody waits here for a reign that may begin there.
    pub const fn may_be_led_elsewhere(&self) -> bool {
        self.others_lead
    }

    /// Whether a reign is open here now.
    pub fn is_open(&self) -> bool {
        self.door.borrow().is_some()
    }

    /// When reigns begin and end here.
    pub fn reigns(&self) -> Reigns<M, H> {
        Reigns(self.door.clone())
    }

    /// Asks for something to be done and waits for its answer for at most `within`. `make` is given
    /// the token under which the answer is awaited.
    ///
    /// A command from outside is refused as full when its pool has no permit; the others wait for
    /// one. While the shard is between two reigns, all wait.
    ///
    /// # Cancellation
    /// Dropping the future undoes nothing once the command was sent.
    pub async fn command(
        &self,
        make: impl FnOnce(ReplyTo) -> M::Command,
        pool: Pool,
        within: Duration,
    ) -> Result<H::Reply, ShardError> {
        let mut sent = false;
        let asked = async {
            let reply = self.token();
            let (port, answer) = oneshot::channel();
            let mail = Mail::Command { command: make(reply), port: Some((reply, port)), pool };
            self.send(mail, pool).await?;
            sent = true;
            answer.await.unwrap_or(Err(ShardError::NoAnswer))
        };
        let timed = tokio::time::timeout(within, asked).await;
        timed.unwrap_or(Err(if sent { ShardError::NoAnswer } else { ShardError::NoOne }))
    }

    /// Sends a command whose answer nobody awaits; done means queued. It waits for at most `within`
    /// for a permit or a reign.
    pub async fn tell(
        &self,
        command: M::Command,
        pool: Pool,
        within: Duration,
    ) -> Result<(), ShardError> {
        let mail = Mail::Command { command, port: None, pool };
        let told = tokio::time::timeout(within, self.send(mail, pool)).await;
        told.unwrap_or(Err(ShardError::NoOne))
    }

    /// Asks what is, and waits for the answer for at most `within`.
    pub async fn query(
        &self,
        query: M::Query,
        within: Duration,
    ) -> Result<Read<M::Answer>, ShardError> {
        let asked = async {
            let (port, answer) = oneshot::channel();
            self.send(Mail::Query { query, to: self.token(), port }, Pool::Queries).await?;
            answer.await.unwrap_or(Err(ShardError::NoAnswer))
        };
        tokio::time::timeout(within, asked).await.unwrap_or(Err(ShardError::NoAnswer))
    }

    /// Asks the reign that is open now what is: the question is on its way when this returns, and
    /// nobody waits for a reign or a permit. No answer comes when the reign ends before it is given.
    pub(crate) fn begin_query(&self, query: M::Query) -> Result<Asked<M::Answer>, ShardError> {
        let open = self.door.borrow();
        let open = open.as_ref().ok_or(ShardError::NoOne)?;
        let permit = open.permits.of(Pool::Queries).try_acquire().map_err(|_| ShardError::Full)?;
        permit.forget();
        let (port, answer) = oneshot::channel();
        let mail = Mail::Query { query, to: self.token(), port };
        open.address.send(mail).map_err(|_| ShardError::NoOne)?;
        Ok(answer)
    }

    /// Makes a verified snapshot of what is durable now, and forgets the journal behind the older of
    /// the two that are kept, less `records_kept` records, or as many as are kept anyway. Answers
    /// where it stands. It goes on beside the sequencer, and takes as long as folding takes.
    ///
    /// An error of kind `Unavailable` means that the reign ended meanwhile: ask again.
    pub async fn snapshot(&self, records_kept: Option<u64>) -> Result<Position, Error> {
        let gone = || Error::new(ErrorKind::Unavailable, "nobody leads the shard now: ask again");
        let (reply, made) = oneshot::channel();
        let ask = SnapshotAsk { records_kept, reply };
        self.snapshots.send(ask).await.map_err(|_| gone())?;
        made.await.map_err(|_| gone())?
    }

    /// Tells the present reign until when its lease runs.
    pub fn lease(&self, until: Moment) -> Result<(), ShardError> {
        let open = self.door.borrow().clone().ok_or(ShardError::NoOne)?;
        open.address.send(Mail::Lease(until)).map_err(|_| ShardError::NoOne)
    }

    /// Says what everybody who may lead the shard can read; none: as much as this program. It holds
    /// for the present reign from its next word on, and for those that come.
    pub fn limit(&self, ceiling: Option<Ceiling>) {
        self.ceiling.send_if_modified(|known| {
            let is_other = *known != ceiling;
            *known = ceiling;
            is_other
        });
    }

    /// How many permits each pool has left now, in the order of [`Pool::ALL`]; none while nobody
    /// leads the shard.
    pub fn permits_left(&self) -> Option<[usize; Pool::ALL.len()]> {
        let open = self.door.borrow();
        let permits = &open.as_ref()?.permits;
        Some(Pool::ALL.map(|pool| permits.of(pool).available_permits()))
    }

    /// Begins to close, see [`close`](Self::close), without waiting for the end.
    pub fn begin_close(&self) {
        self.closing.send_replace(true);
        let open = self.door.borrow().clone();
        if let Some(open) = open {
            let _ = open.address.send(Mail::Close); // it may have ended by itself
        }
    }

    /// Whether it was closed, or nobody runs it any more.
    pub fn is_closed(&self) -> bool {
        *self.closing.borrow() || self.door.has_changed().is_err()
    }

    /// Closes the shard in order: no more commands are taken, what was taken is made durable and
    /// answered. Says whether that came to its end within the limit.
    pub async fn close(&self, within: Duration) -> bool {
        self.begin_close();
        let mut door = self.door.clone();
        let ended = async { while door.changed().await.is_ok() {} };
        tokio::time::timeout(within, ended).await.is_ok()
    }

    fn token(&self) -> ReplyTo {
        ReplyTo(self.tokens.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends with a permit to the present reign, or to the next one if it has just ended.
    async fn send(&self, mail: Mail<M, H::Reply>, pool: Pool) -> Result<(), ShardError> {
        let Err(mut mail) = self.send_now(mail, pool) else { return Ok(()) };
        loop {
            let open = self.take_permit(pool).await?;
            let Err(unsent) = open.address.send(mail) else { return Ok(()) };
            mail = unsent;
            if self.others_lead {
                return Err(ShardError::NoOne);
            }
            // The door of a reign that has ended is shut a moment later.
            let ended = open.address.cell().get_id();
            let is_other = |now: &Option<Open<M, H>>| {
                now.as_ref().is_none_or(|now| now.address.cell().get_id() != ended)
            };
            let mut door = self.door.clone();
            door.wait_for(is_other).await.map_err(|_| ShardError::NoOne)?;
        }
    }

    /// Sends to the reign that is open now where nothing need be waited for, as is mostly so, and gives
    /// the mail back otherwise.
    fn send_now(&self, mail: Mail<M, H::Reply>, pool: Pool) -> Result<(), Mail<M, H::Reply>> {
        let open = self.door.borrow();
        let Some(open) = open.as_ref() else { return Err(mail) };
        let Ok(permit) = open.permits.of(pool).try_acquire() else { return Err(mail) };
        permit.forget();
        open.address.send(mail)
    }

    /// Waits for a reign, and takes a permit of it, which comes back through the sequencer.
    async fn take_permit(&self, pool: Pool) -> Result<Open<M, H>, ShardError> {
        let mut door = self.door.clone();
        let open = if self.others_lead {
            door.borrow_and_update().clone()
        } else {
            door.wait_for(Option::is_some).await.map_err(|_| ShardError::NoOne)?.clone()
        };
        let open = open.ok_or(ShardError::NoOne)?;
        let permits = open.permits.of(pool);
        let permit = match pool {
            Pool::Outside | Pool::Queries => permits.try_acquire().map_err(|_| ShardError::Full)?,
            Pool::Outcomes | Pool::Control => {
                permits.acquire().await.map_err(|_| ShardError::NoOne)?
            }
        };
        permit.forget();
        Ok(open)
    }
}

impl<M: Mind, H: ShardHands<M>> Clone for ShardHandle<M, H> {
    fn clone(&self) -> Self {
        let (closing, tokens) = (Arc::clone(&self.closing), Arc::clone(&self.tokens));
        let (door, snapshots) = (self.door.clone(), self.snapshots.clone());
        let (ceiling, others_lead) = (Arc::clone(&self.ceiling), self.others_lead);
        Self { door, closing, ceiling, tokens, snapshots, others_lead }
    }
}

impl<M: Mind, H: ShardHands<M>> fmt::Debug for ShardHandle<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardHandle")
            .field("is_open", &self.door.borrow().is_some())
            .finish_non_exhaustive()
    }
}
