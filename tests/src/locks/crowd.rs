//! Clients that take turns at a few locks, and write down each call and each answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use orkestra_coordinator::{
    client::locks::{Guard, LockError, Locks, Session, SessionSpec},
    lock::{Grant, LockReason, Mode, Patience, Theft, Want},
};
use orkestra_runtime::{
    chance::Chance,
    id::{LockKey, SessionId, Token},
    time::{Clock, Moment},
};
use tokio::task::JoinSet;

use super::history::{Done, Recorder, Span};

/// How long is waited before what failed is tried again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long one request waits for a lock at most.
const PATIENCE_MS: u64 = 3_000;

/// What a crowd is made of.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// Whose names they have: no two crowds at one table have the same.
    pub name: String,
    /// How many clients there are.
    pub clients: usize,
    /// The locks that they take turns at.
    pub keys: Vec<LockKey>,
    /// Their leases.
    pub lease: Duration,
    /// How long they hold a lock at most, in milliseconds.
    pub holds_ms: u64,
    /// How many turns a client has at most.
    pub turns: usize,
    /// Where chance comes from.
    pub seed: u64,
}

/// Clients at work.
#[derive(Debug)]
pub struct Working {
    clients: JoinSet<()>,
    is_over: Arc<AtomicBool>,
}

impl Crowd {
    /// Lets them begin. They go on until all have had their turns, or are told to end.
    pub fn begin(
        &self,
        locks: &Locks,
        recorder: &Arc<Recorder>,
        clock: &Arc<dyn Clock>,
    ) -> Working {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        let mut chance = Chance::from_seed(self.seed);
        for at in 0..self.clients {
            let client = Client {
                crowd: self.clone(),
                name: format!("{}-{at}", self.name),
                // One alone steals: two who steal the same are told the same.
                steals: at == 0,
                locks: locks.clone(),
                recorder: Arc::clone(recorder),
                clock: Arc::clone(clock),
                chance: chance.fork(),
                lives: 0,
                is_over: Arc::clone(&is_over),
            };
            clients.spawn(client.run());
        }
        Working { clients, is_over }
    }
}

impl Working {
    /// Waits until all have had their turns.
    pub async fn ended(mut self) {
        while self.clients.join_next().await.is_some() {}
    }

    /// Lets them end the turns that they are at, and no more.
    pub async fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.ended().await;
    }
}

struct Client {
    crowd: Crowd,
    name: String,
    steals: bool,
    locks: Locks,
    recorder: Arc<Recorder>,
    clock: Arc<dyn Clock>,
    chance: Chance,
    lives: u64,
    is_over: Arc<AtomicBool>,
}

impl Client {
    async fn run(mut self) {
        let mut session = None;
        for _ in 0..self.crowd.turns {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let open = match session.take() {
                Some(open) => open,
                None => match self.open().await {
                    Some(open) => open,
                    None => continue,
                },
            };
            session = self.turn(open).await;
        }
        if let Some(session) = session {
            // Whatever it held was given back, or is open in the books.
            drop(session.close().await);
        }
    }

    async fn open(&mut self) -> Option<Session> {
        self.lives += 1;
        let name = SessionId::new(format!("{}.{}", self.name, self.lives)).ok()?;
        let spec = SessionSpec { name, lease: Some(self.crowd.lease), by: self.name.clone() };
        let opened = self.locks.open(spec).await.ok();
        if opened.is_none() {
            tokio::time::sleep(AGAIN).await;
        }
        opened
    }

    /// One turn: the session goes on unless it is over, or is left without a word.
    async fn turn(&mut self, session: Session) -> Option<Session> {
        let at = self.chance.below(self.crowd.keys.len() as u64);
        let key = self.crowd.keys[usize::try_from(at).unwrap_or(0)].clone();
        let from = self.recorder.place();
        let want = Want { key: key.clone(), mode: Mode::Exclusive };
        let asked = session.acquire(vec![want], Patience::For { ms: PATIENCE_MS }).await;
        let guard = match asked {
            Ok(guard) => guard,
            // What was not given leaves no trace; what is not known is wanted no more.
            Err(LockError::Refused(refusal)) => {
                let is_gone = refusal.to_string().contains("is gone");
                return (!is_gone).then_some(session);
            }
            Err(LockError::Failed(_)) => {
                tokio::time::sleep(AGAIN).await;
                return Some(session);
            }
        };
        let Token(token) = guard.token()?;
        self.recorder.write((&key, from), true, Done::Acquired(token));
        let begun = (self.clock.now().moment, guard.valid_until());
        self.work(&key, token).await;
        // Of a theft a guard hears late: it is the wish to steal that ends it here.
        self.span(&key, token, begun, &guard);
        match self.chance.below(40) {
            0 if self.steals => {
                self.steal(&key, token).await;
                None
            }
            // It goes away without a word; its lease says so in the end.
            1 => {
                // Nobody is left then to give back what the guard had.
                drop(session);
                drop(guard);
                None
            }
            _ => {
                self.give_back(&key, token, guard).await;
                Some(session)
            }
        }
    }

    /// Writes under the lock, and once more.
    async fn work(&mut self, key: &LockKey, token: u64) {
        for _ in 0..=self.chance.below(2) {
            let from = self.recorder.place();
            let shown = Grant { key: key.clone(), token: Token(token) };
            match self.locks.check(shown).await {
                Ok(()) => self.recorder.write((key, from), true, Done::Written(token)),
                Err(LockError::Refused(_)) => {
                    self.recorder.write((key, from), true, Done::Refused(token));
                }
                // It changed nothing, whatever became of it.
                Err(LockError::Failed(_)) => {}
            }
            let ms = self.chance.below(self.crowd.holds_ms + 1);
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    /// Between when the guard surely held: less where it is not known.
    fn span(
        &self,
        key: &LockKey,
        token: u64,
        (from, until): (Moment, Option<Moment>),
        guard: &Guard,
    ) {
        let now = self.clock.now().moment;
        let to = if guard.valid_until().is_some() { Some(now) } else { until };
        if let Some(to) = to {
            self.recorder.held(Span { key: key.clone(), token, from, to: to.min(now) });
        }
    }

    async fn give_back(&self, key: &LockKey, token: u64, guard: Guard) {
        let from = self.recorder.place();
        let (is_answered, done) = match guard.release(LockReason::Complete).await {
            Ok(()) => (true, Done::Released(token)),
            Err(LockError::Refused(_)) => (true, Done::Refused(token)),
            Err(LockError::Failed(_)) => (false, Done::MayBeReleased(token)),
        };
        self.recorder.write((key, from), is_answered, done);
    }

    /// Takes the lock from itself, as an operator would.
    async fn steal(&self, key: &LockKey, token: u64) {
        let from = self.recorder.place();
        let (by, why) = (self.name.clone(), "to see what comes of it".to_owned());
        let (key, delay_ms) = (key.clone(), Some(0));
        let theft = Theft { key: key.clone(), token: Token(token), by, why, delay_ms };
        // Where it is not known whether it happened, the journal says so.
        if let Ok(Token(newest)) = self.locks.steal(theft).await {
            self.recorder.write((&key, from), true, Done::Stolen(token, newest));
        }
    }
}
