//! One reign after another, and following in between where others may lead.

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
    journal::{Journal, Position},
    leadership::{Role, Seat},
    shell::{self, Address, Parts},
    time::Clock,
};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinSet,
};

use super::{
    beside::beside,
    follower,
    handle::{Open, ShardHandle, SnapshotAsk},
    hands::{Ending, Mail, Permits, SequencerHands, ShardHands, Written},
    keeper::{self, KeeperParts},
    settings::Settings,
    tenure::Tenure,
};
use crate::shard::{
    ceiling::Ceiling,
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

/// How long the end of a shard waits for its lease to be given back; then it lapses.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

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
    /// Where others may lead.
    seat: Option<Seat>,
    /// What may be written.
    ceiling: watch::Receiver<Option<Ceiling>>,
    /// What was folded while another node led.
    warm: Option<Fold<M>>,
}

/// A shard: the way to it, and what runs it.
pub fn shard<M: Mind, H: ShardHands<M>>(
    parts: ShardParts<M, H>,
) -> (ShardHandle<M, H>, Runner<M, H>) {
    let (snapshots, asked) = mpsc::channel(ASKS_MAX);
    let (door, visitors) = watch::channel(None);
    let (closing, hears_closing) = watch::channel(false);
    let tokens = Arc::new(AtomicU64::new(1));
    let (ceiling, hears_ceiling) = watch::channel(None);
    let (closing, ceiling) = (Arc::new(closing), Arc::new(ceiling));
    let others_lead = parts.settings.needs_lease;
    let handle = ShardHandle { door: visitors, closing, ceiling, tokens, snapshots, others_lead };
    let asked = Arc::new(Mutex::new(asked));
    let (seat, warm) = (None, None);
    let (closing, ceiling) = (hears_closing, hears_ceiling);
    (handle, Runner { parts, door, closing, asked, seat, ceiling, warm })
}

impl<M: Mind, H: ShardHands<M>> Runner<M, H> {
    /// The same where others may lead: it leads while the seat says so, and follows otherwise. Its
    /// reigns need a lease, and none of its calls to the fabric takes for ever.
    #[must_use]
    pub fn led_by(mut self, seat: Seat) -> Self {
        self.parts.settings.needs_lease = true;
        self.parts.journal = self.parts.journal.within(self.parts.settings.call_within);
        self.seat = Some(seat);
        self
    }

    /// Runs until the shard is closed in order. Reigns that end by a lost word or a rival are
    /// followed by the next almost at once; those that end by a fault, or cannot begin, after a wait that
    /// grows. An error means that it was given up; its kind is that of the last failure.
    ///
    /// Where others may lead, the lease is given back at the end. A journal that a newer program wrote
    /// ends nothing there: this node says so once and leads the shard never again, and others do.
    ///
    /// # Cancellation
    /// Dropping the future kills the reign; nothing that was acknowledged is lost.
    pub async fn run(mut self) -> Result<()> {
        let ended = self.reigns().await;
        if let Some(seat) = &self.seat {
            seat.leave(LEAVE_WITHIN).await; // or it lapses
        }
        match ended {
            Err(error) if error.kind() == ErrorKind::TooNew && self.seat.is_some() => {
                let shard = self.parts.journal.shard().0;
                tracing::error!(shard, %error, "leads this shard no more: upgrade this node");
                let _ = self.closing.wait_for(|closing| *closing).await; // or nobody asks any more
                Ok(())
            }
            ended => ended,
        }
    }

    async fn reigns(&mut self) -> Result<()> {
        let mut faults = 0;
        while !*self.closing.borrow() {
            let Some(tenure) = self.tenure().await? else { continue };
            let began = self.parts.clock.now().moment;
            let mut written = false;
            let ended = self.reign(tenure, &mut written).await;
            self.door.send_replace(None);
            let lasted = self.parts.clock.now().moment.since(began);
            if lasted >= SOUND_AFTER || written {
                faults = 0;
            }
            let shard = self.parts.journal.shard().0;
            match ended {
                Ok(Ending::Closed) if self.seat.is_none() => return Ok(()),
                Ok(Ending::Closed | Ending::Deposed) => continue,
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
                Err(error) if error.kind() == ErrorKind::TooNew => return Err(error),
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

    /// By what right a reign may begin now. None after something else was done instead: followed, or
    /// given back what is not led any more.
    async fn tenure(&mut self) -> Result<Option<Tenure>> {
        let Some(seat) = &self.seat else { return Ok(Some(Tenure::unrivalled())) };
        let mut role = seat.role();
        let now = *role.borrow_and_update();
        match now {
            // A term that is over may be somebody else's by now: a renewal will tell.
            Role::Leading { until, tenure } if until > self.parts.clock.now().moment => {
                return Ok(Some(Tenure::of(seat, tenure)));
            }
            Role::HandingOver { tenure, .. } => seat.closed(tenure).await,
            Role::Leading { .. } | Role::Following { .. } => {}
        }
        let mut closing = self.closing.clone();
        let (journal, genesis) = (self.parts.journal.clone(), Arc::clone(&self.parts.genesis));
        let is_warm = now == Role::Following { warm: true };
        let warm = self.warm.take().filter(|_| is_warm);
        let mut role_of = role.clone();
        let follows = async {
            let other = async {
                let _ = role.wait_for(|role| *role != now).await; // or there is nobody to say so
            };
            if is_warm {
                return follower::follow((journal, genesis), warm, other).await;
            }
            other.await;
            Ok(None)
        };
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => {}
            warm = follows => self.warm = warm?,
        }
        if role_of.has_changed().is_err() && *role_of.borrow_and_update() == now {
            let why = "nobody looks after the lease of this shard any more";
            return Err(Error::new(ErrorKind::Unavailable, why));
        }
        Ok(None)
    }

    /// A mind at the end of the journal, where its reign's record stands. Where that does not work
    /// what was folded is kept for the next time.
    async fn begin(&mut self) -> Result<(M, Position)> {
        let ShardParts { journal, genesis, clock, .. } = &self.parts;
        let (journal, genesis, wall) = (journal.clone(), Arc::clone(genesis), clock.now().wall);
        let warm = self.warm.take();
        // Folding a long journal takes a while and no waiting: not on the runtime's threads.
        let (fold, began) = beside(async move {
            let mut fold = match warm {
                Some(fold) => fold,
                None => Fold::restore(journal.clone(), genesis).await?,
            };
            let began = async {
                // Whatever cannot be folded is found out before anything is written.
                fold.read_on(Sequence(u64::MAX)).await?;
                let epoch = journal.next_epoch().await?;
                fold.promote(epoch, wall).await
            };
            let began = began.await;
            Ok((fold, began))
        })
        .await?;
        if let Err(error) = began {
            self.warm = Some(fold).filter(|_| self.seat.is_some());
            return Err(error);
        }
        Ok(fold.into_parts())
    }

    /// One reign, from its number to its end.
    /// Says by the way whether anything but its own record was written in it.
    async fn reign(&mut self, mut tenure: Tenure, written: &mut bool) -> Result<Ending> {
        let chance = self.parts.chance.fork();
        let mut over = tenure.clone();
        let (mut closing, others_lead) = (self.closing.clone(), self.seat.is_some());
        let (mind, position) = tokio::select! {
            biased;
            () = over.is_over() => return Ok(Ending::Deposed),
            // What is not begun need not be closed; servers may be silent.
            _ = closing.wait_for(|closing| *closing), if others_lead => return Ok(Ending::Closed),
            began = self.begin() => began?,
        };
        let ShardParts { clock, settings, .. } = &self.parts;
        let (shard, epoch) = (self.parts.journal.shard(), position.epoch);
        tracing::info!(shard = shard.0, %epoch, at = %position.number, "leads");
        if let Some(seat) = &self.seat {
            seat.reign(epoch).await;
        }

        let (durable, follow) = watch::channel(Written { end: position.sequence(), bytes: 0 });
        let (ended, ending) = oneshot::channel();
        let permits = Permits::new();
        let journal = (self.parts.journal.clone(), settings.append_within);
        let hands = (self.parts.hands)(epoch);
        let hands = SequencerHands::new(journal, hands, permits.clone(), durable, ended);
        let now = clock.now();
        let mut ceiling = self.ceiling.clone();
        let may_write = ceiling.borrow_and_update().clone();
        let mut machine = Sequencer::new(shard, position, mind, chance, now).under(may_write);
        if settings.needs_lease {
            machine = machine.leased_until(tenure.until().unwrap_or(now.moment));
        }
        let parts = Parts { machine, hands, clock: Arc::clone(clock) };
        let (address, actor) = shell::spawn(parts).await.map_err(|error| {
            Error::new(ErrorKind::Fault, "cannot start a sequencer").because(error)
        })?;
        let throne = Throne(address.clone());
        let mut beside_it = JoinSet::new();
        beside_it.spawn(keeper::keep(self.keeper_parts(), follow.clone()));
        beside_it.spawn(limit(address.clone(), ceiling));
        self.door.send_replace(Some(Open { address: address.clone(), permits }));
        if *self.closing.borrow() {
            let _ = address.send(Mail::Close); // asked for while the door was shut
        }
        let closing = (self.closing.clone(), settings.close_within);
        let ending = tenure.attend(&address, ending, closing).await;
        *written = follow.borrow().end > position.sequence();
        // No asker comes in any more before those inside are told that no answer comes.
        self.door.send_replace(None);
        drop(throne);
        let _ = actor.await; // it has ended, in one way or another
        Ok(ending)
    }

    fn keeper_parts(&self) -> KeeperParts<M> {
        let ShardParts { journal, genesis, settings, .. } = &self.parts;
        let (journal, genesis) = (journal.clone(), Arc::clone(genesis));
        KeeperParts { journal, genesis, settings: *settings, asked: Arc::clone(&self.asked) }
    }
}

impl<M: Mind, H: ShardHands<M>> fmt::Debug for Runner<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// Tells a reign what may be written, as that changes.
async fn limit<M: Mind, H: ShardHands<M>>(
    address: Address<SequencerHands<M, H>>,
    mut ceiling: watch::Receiver<Option<Ceiling>>,
) {
    while ceiling.changed().await.is_ok() {
        let now = ceiling.borrow_and_update().clone();
        if address.send(Mail::Ceiling(now)).is_err() {
            return; // it has ended
        }
    }
}

/// Ends the actor with whoever runs it.
struct Throne<M: Mind, H: ShardHands<M>>(Address<SequencerHands<M, H>>);

impl<M: Mind, H: ShardHands<M>> Drop for Throne<M, H> {
    fn drop(&mut self) {
        self.0.cell().kill();
    }
}
