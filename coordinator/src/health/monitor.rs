//! Follows the journal and the supervision log of a node that runs.
//!
//! It reads what is durable, as an audit does, so the sequencer never waits for it; it may lag by
//! [`FOLLOW_EVERY`], and whoever needs more asks it to [catch up](Monitor::catch_up).

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use orkestra_runtime::{
    ErrorKind, Result,
    fabric::{AppendError, Sequence},
    id::RunId,
    journal::{Journal, Position},
    supervise::{SupervisionLog, log::Record},
    time::{Clock, Wall},
};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    facts::Fact,
    locks::LockWaits,
    milestones::Milestone,
    outcomes::Health,
    report::{Report, SystemHealth},
    tending::Tending,
    vitals::Vitals,
    votes,
    watched::Appended,
};
use crate::shard::machine::Event;

/// How often the journal is looked at.
pub const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// How often it begins anew in a row when the journal is forgotten faster than it reads.
const BEGINNINGS_MAX: u32 = 3;

/// Who counts what happens. Called with a lock held: it must be quick, and not ask the monitor.
pub trait Observer: Send + Sync + 'static {
    /// Something happened after the node had begun.
    fn fact(&self, fact: &Fact);
    /// A line was added to the supervision log.
    fn record(&self, record: &Record);
    /// Something was appended to the journal, or was not.
    fn appended(&self, appended: &Appended);
    /// The health of the team was judged though nobody had asked.
    fn judged(&self, _: &SystemHealth) {}
}

#[derive(Default)]
struct Seen {
    vitals: Vitals,
    tending: Tending,
    lock_waits: LockWaits,
}

/// Where the journal was read to.
struct Place {
    journal: Journal,
    position: Option<Position>,
    /// Where it ended when the node began: what stands before that is not news.
    begun: Sequence,
}

/// What a node that runs knows of its health.
pub struct Monitor {
    seen: Mutex<Seen>,
    place: tokio::sync::Mutex<Option<Place>>,
    log: Mutex<Option<broadcast::Receiver<Arc<Record>>>>,
    /// Whether what is read now is news.
    is_news: AtomicBool,
    is_full: AtomicBool,
    /// What the latest judgement came to that nobody had asked for.
    judged: Mutex<Health>,
    observer: Option<Arc<dyn Observer>>,
}

impl Monitor {
    /// A monitor that follows nothing yet, and tells what happens to an observer.
    pub fn new(observer: Option<Arc<dyn Observer>>) -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            place: tokio::sync::Mutex::new(None),
            log: Mutex::new(None),
            is_news: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            judged: Mutex::default(),
            observer,
        })
    }

    /// Begins with a node: what happens from now on is news.
    pub(crate) async fn attach(&self, journal: Journal, log: &SupervisionLog) -> Result<()> {
        let begun = journal.end().await?;
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log.watch());
        *self.place.lock().await = Some(Place { journal, position: None, begun });
        Ok(())
    }

    /// Follows for ever, and judges the health of the team every so often, but no more often than
    /// it looks.
    pub(crate) async fn follow(
        self: Arc<Self>,
        log: SupervisionLog,
        (judge_every, clock): (Duration, Arc<dyn Clock>),
    ) -> Result<()> {
        let kept = self.log.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Lines that are missed between two lives of this stand in the log's file.
        let mut lines = kept.unwrap_or_else(|| log.watch());
        drop(log);
        let mut looks = tokio::time::interval(FOLLOW_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut judgements = tokio::time::interval(judge_every.max(FOLLOW_EVERY));
        judgements.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // A team that is only just coming is not judged.
        judgements.reset();
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    Ok(record) => self.take(&record),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = looks.tick() => self.catch_up().await?,
                _ = judgements.tick() => {
                    self.catch_up().await?;
                    self.judge(clock.now().wall);
                }
            }
        }
    }

    /// Judges the health of the team, and logs it where it is another one than before.
    fn judge(&self, now: Wall) {
        let system = self.system(now);
        let before = {
            let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *judged, system.health)
        };
        let (health, because) = (system.health.as_str(), system.because.join("; "));
        if system.health > before {
            tracing::warn!(health, before = before.as_str(), because, "the team does worse");
        } else if system.health < before {
            tracing::info!(health, before = before.as_str(), because, "the team does better");
        }
        if let Some(observer) = &self.observer {
            observer.judged(&system);
        }
    }

    /// Reads what has become durable since it read last. Where it fell behind what is kept, it
    /// begins anew with what a snapshot knows; what stood between is known, and never told.
    pub async fn catch_up(&self) -> Result<()> {
        let mut place = self.place.lock().await;
        let Some(place) = place.as_mut() else { return Ok(()) };
        let mut tries = 0;
        loop {
            match self.advance(place).await {
                Err(error) if error.kind() == ErrorKind::NotFound && tries < BEGINNINGS_MAX => {
                    place.position = None;
                    tries += 1;
                }
                read => return read,
            }
        }
    }

    async fn advance(&self, place: &mut Place) -> Result<()> {
        let Place { journal, position, begun } = place;
        if position.is_none() {
            let (vitals, begins) = Vitals::beginning(journal).await?;
            let mut seen = self.seen();
            (seen.vitals, seen.lock_waits) = (vitals, LockWaits::default());
            drop(seen);
            *position = Some(begins);
        }
        // It moves with what is folded, so that nothing is folded twice if this is dropped.
        let Some(at) = position else { return Ok(()) };
        self.read_to(journal, at, *begun).await
    }

    /// Reads up to the end; what stands up to and including record `begun` is no news.
    async fn read_to(&self, journal: &Journal, at: &mut Position, begun: Sequence) -> Result<()> {
        if !self.is_news.load(Ordering::Relaxed) {
            self.read(journal, at, begun).await?;
            self.is_news.store(true, Ordering::Relaxed);
        }
        self.read(journal, at, Sequence(u64::MAX)).await
    }

    async fn read(&self, journal: &Journal, at: &mut Position, until: Sequence) -> Result<()> {
        let is_news = self.is_news.load(Ordering::Relaxed);
        let fold = |number, wall, event: &Event| {
            let mut tell = |fact| {
                if let Some(observer) = self.observer.as_ref().filter(|_| is_news) {
                    observer.fact(&fact);
                }
            };
            match event {
                Event::Task(event) => self.seen().vitals.apply(number, wall, event, &mut tell),
                Event::Lock(event) => self.seen().lock_waits.apply(number, wall, event, &mut tell),
                Event::Committee(event) => votes::told(event, &mut tell),
                Event::Context(_) | Event::Council(_) => {}
            }
        };
        journal.read_on(at, until, fold).await.map(drop)
    }

    fn take(&self, record: &Record) {
        let over = self.seen().tending.add(record);
        if let Some(observer) = &self.observer {
            observer.record(record);
            if let Some(incident) = over {
                observer.fact(&Fact::Over(incident));
            }
        }
    }

    /// Something was appended to the journal, or was not.
    pub(crate) fn appended(&self, appended: &Appended, at: Wall) {
        let is_full = match &appended.error {
            None => false,
            Some(AppendError::Full) => true,
            // That says nothing of room.
            Some(_) => self.journal_is_full(),
        };
        let was_full = self.is_full.swap(is_full, Ordering::Relaxed);
        let over = match (was_full, is_full) {
            (false, true) => {
                self.seen().tending.journal_is_full(at);
                None
            }
            (true, false) => self.seen().tending.journal_has_room(at),
            _ => None,
        };
        if let Some(observer) = &self.observer {
            observer.appended(appended);
            if let Some(incident) = over {
                observer.fact(&Fact::Over(incident));
            }
        }
    }

    /// Whether the latest append found no room.
    pub fn journal_is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// All it knows, at this time.
    pub fn report(&self, now: Wall) -> Report {
        let mut seen = self.seen();
        seen.tending.hear(now);
        Report::of(&seen.vitals, &seen.tending)
    }

    /// How well the system does.
    pub fn system(&self, now: Wall) -> SystemHealth {
        let mut seen = self.seen();
        seen.tending.hear(now);
        Report::system(&seen.vitals, &seen.tending)
    }

    /// The milestones that a run has reached.
    pub fn milestones(&self, run: &RunId) -> Vec<Milestone> {
        let seen = self.seen();
        let found = seen.vitals.runs().rev().find(|found| found.run == *run);
        found.map(|run| run.milestones.clone()).unwrap_or_default()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // What a panic left half-done is a count at most.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("is_news", &self.is_news).finish_non_exhaustive()
    }
}
