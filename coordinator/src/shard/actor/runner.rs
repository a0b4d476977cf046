//! One reign after another, and snapshots beside them.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    chance::Chance,
    fabric::Sequence,
    id::Epoch,
    journal::Journal,
    shell::{self, Address, Parts},
    time::Clock,
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinSet,
};

use super::{
    handle::{Open, ShardHandle, SnapshotAsk},
    hands::{Ending, Permits, SequencerHands, ShardHands, Written},
    window::Window,
};
use crate::shard::{
    fold::{Fold, Genesis},
    mind::Mind,
    sequencer::Sequencer,
};

/// How many reigns may end by a fault, one soon after another and without anything written, before
/// the shard is given up. Where something is written in between, one bad command that is asked for
/// again and again must not take the shard from everybody else.
const FAULTS_MAX: u32 = 5;

/// A reign that lasted so long was sound: faults are counted anew.
const SOUND_AFTER: Duration = Duration::from_mins(1);

/// How long the next reign waits after the first failure, and at most.
const WAIT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// How many may wait for a snapshot that they asked for.
const ASKS_MAX: usize = 8;

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A snapshot is made after so many records, or after [`snapshot_bytes`](Self::snapshot_bytes).
    pub snapshot_every: u64,
    /// A snapshot is made after so many bytes of records: under load a record holds many events.
    pub snapshot_bytes: u64,
    /// So many records behind the older snapshot are kept for audits, but of those that this reign
    /// wrote no more than [`bytes_kept`](Self::bytes_kept) at the next snapshot.
    pub records_kept: u64,
    /// So many bytes of records are kept for audits.
    pub bytes_kept: u64,
    /// An append that takes longer counts as perhaps made.
    pub append_within: Duration,
    /// Whether others may lead the shard, so that a reign needs a lease for what no append proves:
    /// then it says nothing of the kind before [`ShardHandle::lease`] was called.
    pub needs_lease: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            snapshot_every: 10_000,
            snapshot_bytes: 128 * 1024 * 1024,
            records_kept: 100_000,
            bytes_kept: 1024 * 1024 * 1024,
            append_within: Duration::from_secs(10),
            needs_lease: false,
        }
    }
}

/// What a shard is made of.
pub struct ShardParts<M: Mind, H: ShardHands<M>> {
    /// What it remembers with.
    pub journal: Journal,
    /// The state before its first event.
    pub genesis: Genesis<M>,
    /// Makes the hands of each reign.
    pub hands: Arc<dyn Fn(Epoch) -> H + Send + Sync>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub chance: Chance,
    /// What a user may set.
    pub settings: Settings,
}

impl<M: Mind, H: ShardHands<M>> fmt::Debug for ShardParts<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardParts").field("journal", &self.journal).finish_non_exhaustive()
    }
}

/// Runs the reigns of a shard on this node; owned by whoever supervises the shard.
pub struct Runner<M: Mind, H: ShardHands<M>> {
    parts: ShardParts<M, H>,
    door: watch::Sender<Option<Open<M, H>>>,
    closing: watch::Receiver<bool>,
    /// Heard by the keeper of the present reign.
    asked: Arc<Mutex<mpsc::Receiver<SnapshotAsk>>>,
}

/// A shard: the way to it, and what runs it.
pub fn shard<M: Mind, H: ShardHands<M>>(
    parts: ShardParts<M, H>,
) -> (ShardHandle<M, H>, Runner<M, H>) {
    let (snapshots, asked) = mpsc::channel(ASKS_MAX);
    let (door, visitors) = watch::channel(None);
    let (closing, hears_closing) = watch::channel(false);
    let tokens = Arc::new(AtomicU64::new(1));
    let (closing, others_lead) = (Arc::new(closing), parts.settings.needs_lease);
    let handle = ShardHandle { door: visitors, closing, tokens, snapshots, others_lead };
    let asked = Arc::new(Mutex::new(asked));
    (handle, Runner { parts, door, closing: hears_closing, asked })
}

impl<M: Mind, H: ShardHands<M>> Runner<M, H> {
    /// Runs until the shard is closed in order. Reigns that end by a lost word or a rival are
    /// followed by the next almost at once; those that end by a fault, or cannot begin, after a wait that
    /// grows. An error means that it was given up; its kind is that of the last failure.
    ///
    /// # Cancellation
    /// Dropping the future kills the reign; nothing that was acknowledged is lost.
    pub async fn run(mut self) -> Result<()> {
        let mut faults = 0;
        while !*self.closing.borrow() {
            let began = self.parts.clock.now().moment;
            let mut written = false;
            let ended = self.reign(&mut written).await;
            self.door.send_replace(None);
            let lasted = self.parts.clock.now().moment.since(began);
            if lasted >= SOUND_AFTER || written {
                faults = 0;
            }
            let shard = self.parts.journal.shard().0;
            match ended {
                Ok(Ending::Closed) => return Ok(()),
                Ok(Ending::Restart(reason)) if reason.is_planned() => {
                    // A log that answers nothing must not make this a busy loop.
                    tracing::info!(shard, %reason, "reign ended");
                    self.wait(0).await;
                    continue;
                }
                Ok(Ending::Restart(reason)) => {
                    tracing::error!(shard, %reason, "reign ended by a fault");
                    faults += 1;
                    if faults >= FAULTS_MAX {
                        return Err(Error::new(ErrorKind::Fault, reason.to_string()));
                    }
                }
                Err(error) => {
                    tracing::error!(shard, %error, "reign cannot begin");
                    faults += 1;
                    if faults >= FAULTS_MAX && !error.is_retryable() {
                        return Err(error);
                    }
                }
            }
            self.wait(faults).await;
        }
        Ok(())
    }

    /// Waits before the next reign, or until the shard is closed.
    async fn wait(&mut self, faults: u32) {
        let wait = WAIT.1.min(WAIT.0 * 2_u32.pow(faults.min(10)));
        let wait = wait / 2 + self.parts.chance.up_to(wait / 2);
        let _ = tokio::time::timeout(wait, self.closing.wait_for(|closing| *closing)).await;
    }

    /// One reign, from its number to its end.
    /// Says by the way whether anything but its own record was written in it.
    async fn reign(&mut self, written: &mut bool) -> Result<Ending> {
        let chance = self.parts.chance.fork();
        let ShardParts { journal, genesis, clock, settings, .. } = &self.parts;
        let (journal, genesis, wall) = (journal.clone(), Arc::clone(genesis), clock.now().wall);
        // Folding a long journal takes a while and no waiting: not on the runtime's threads.
        let fold = beside(async move {
            let mut fold = Fold::restore(journal.clone(), genesis).await?;
            // Whatever cannot be folded is found out before anything is written.
            fold.read_on(Sequence(u64::MAX)).await?;
            let epoch = journal.next_epoch().await?;
            fold.promote(epoch, wall).await?;
            Ok(fold)
        });
        let (mind, position) = fold.await?.into_parts();
        let (shard, epoch) = (self.parts.journal.shard().0, position.epoch);
        tracing::info!(shard, %epoch, at = %position.number, "leads");

        let (durable, follow) = watch::channel(Written { end: position.sequence(), bytes: 0 });
        let (ended, ending) = oneshot::channel();
        let permits = Permits::new();
        let journal = (self.parts.journal.clone(), settings.append_within);
        let hands = (self.parts.hands)(epoch);
        let hands = SequencerHands::new(journal, hands, permits.clone(), durable, ended);
        let now = clock.now();
        let mut machine = Sequencer::new(self.parts.journal.shard(), position, mind, chance, now);
        if settings.needs_lease {
            machine = machine.leased_until(now.moment);
        }
        let parts = Parts { machine, hands, clock: Arc::clone(clock) };
        let (address, actor) = shell::spawn(parts).await.map_err(|error| {
            Error::new(ErrorKind::Fault, "cannot start a sequencer").because(error)
        })?;
        let throne = Throne(address.clone());
        let mut beside_it = JoinSet::new();
        beside_it.spawn(self.keeper(follow.clone()));
        self.door.send_replace(Some(Open { address: address.clone(), permits }));
        if *self.closing.borrow() {
            let _ = address.send(super::hands::Mail::Close); // asked for while the door was shut
        }
        let ending = ending.await.unwrap_or_else(|_| {
            let why = "the sequencer died".to_owned();
            Ending::Restart(crate::shard::sequencer::Reason::Fault(why))
        });
        *written = follow.borrow().end > position.sequence();
        drop(throne);
        let _ = actor.await; // it has ended, in one way or another
        Ok(ending)
    }

    /// Makes a snapshot whenever enough has become durable, and when it is asked for one.
    fn keeper(
        &self,
        mut durable: watch::Receiver<Written>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let settings = self.parts.settings;
        let (journal, genesis) = (self.parts.journal.clone(), Arc::clone(&self.parts.genesis));
        let asked = Arc::clone(&self.asked);
        async move {
            let mut asked = asked.lock().await;
            let shard = journal.shard().0;
            let mut last = match journal.snapshots().await {
                Ok(marks) => marks.last().map_or(0, |mark| mark.position.sequence().0),
                Err(_) => 0,
            };
            let mut kept: Option<Fold<M>> = None;
            let mut window = Window::new(settings);
            loop {
                let ask = tokio::select! {
                    biased;
                    due = durable.wait_for(|written| window.is_due(last, *written)) => {
                        if due.is_err() {
                            return;
                        }
                        None
                    }
                    Some(ask) = asked.recv() => Some(ask),
                };
                let records_kept = ask.as_ref().and_then(|ask| ask.records_kept);
                let records_kept =
                    records_kept.unwrap_or_else(|| window.records_kept(*durable.borrow()));
                let (journal, genesis, fold) = (journal.clone(), Arc::clone(&genesis), kept.take());
                let made = beside(async move {
                    let mut fold = match fold {
                        Some(fold) => fold,
                        None => Fold::restore(journal, genesis).await?,
                    };
                    let position = fold.snapshot(records_kept).await?;
                    Ok((fold, position))
                });
                let made = made.await;
                let reply = ask.map(|ask| ask.reply);
                match made {
                    Ok((fold, position)) => {
                        // Whoever asked may have gone.
                        let _ = reply.map(|reply| reply.send(Ok(position)));
                        tracing::info!(shard, at = %position.number, "snapshot kept");
                        last = position.sequence().0;
                        window.snapshot_was_made(*durable.borrow());
                        kept = Some(fold);
                    }
                    Err(error) => {
                        tracing::error!(shard, %error, "snapshot failed; nothing is forgotten");
                        let _ = reply.map(|reply| reply.send(Err(error)));
                        last = durable.borrow().end.0;
                        window.snapshot_was_made(*durable.borrow());
                    }
                }
            }
        }
    }
}

impl<M: Mind, H: ShardHands<M>> fmt::Debug for Runner<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// Ends the actor with whoever runs it.
struct Throne<M: Mind, H: ShardHands<M>>(Address<SequencerHands<M, H>>);

impl<M: Mind, H: ShardHands<M>> Drop for Throne<M, H> {
    fn drop(&mut self) {
        self.0.cell().kill();
    }
}

/// Runs work that keeps a processor busy on a thread for such work.
async fn beside<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let runtime = Handle::current();
    let done = tokio::task::spawn_blocking(move || runtime.block_on(work)).await;
    done.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Fault, "folding a journal broke off").because(error))
    })
}
