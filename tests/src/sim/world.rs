//! The world: who is there, what may happen next, and how it comes to rest.

use std::time::Duration;

use orkestra_coordinator::shard::{
    Fold, Mind, Pool,
    sequencer::{Effect, EffectOf, Event, Reason},
    toy::{self, Command, Query, Reply, Toy},
};
use orkestra_runtime::{
    chance::Chance,
    fabric::{AppendError, Sequence},
    machine::{Machine, ReplyTo},
    time::{Moment, Now, Wall},
};

use super::{
    Books, History, Plant, Store,
    leader::{Away, Leader, genesis, journal, promote, ready},
    oracle::{ACCOUNTS, FUNDS, Wish},
};

const CLIENTS: usize = 6;
const ACTIONS: u32 = 600;
const ROUNDS_TO_REST: u32 = 500;

/// A client: one wish at a time.
#[derive(Debug, Default)]
struct Client {
    wish: Option<Wish>,
    /// Under which token he waits for an answer.
    waits: Option<ReplyTo>,
}

/// A read that is under way.
#[derive(Debug)]
struct Read {
    token: ReplyTo,
    floor: u64,
}

/// Everything.
pub(super) struct World {
    plant: Plant,
    chance: Chance,
    store: Store,
    now: Now,
    /// The latest that the wall clock has shown.
    wall_max: Wall,
    /// The newest last; older ones do not know that they are.
    leaders: Vec<Leader>,
    full: bool,
    clients: Vec<Client>,
    reads: Vec<Read>,
    books: Books,
    tokens: u64,
    keys: u64,
    keeper: Option<Fold<Toy>>,
    history: History,
}

type Outcome = Result<(), String>;

impl World {
    pub(super) fn new(seed: u64, plant: Plant) -> Result<Self, String> {
        let mut chance = Chance::from_seed(seed);
        let store = Store::new(chance.fork(), plant == Plant::NoFence);
        let mut world = Self {
            plant,
            store,
            chance,
            now: Now { moment: Moment::START, wall: Wall::from_ms(1_700_000_000_000) },
            wall_max: Wall::default(),
            leaders: Vec::new(),
            full: false,
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            reads: Vec::new(),
            books: Books::default(),
            tokens: 0,
            keys: 0,
            keeper: None,
            history: History::default(),
        };
        world.lead()?;
        for account in 0..ACCOUNTS {
            let reply = world.token();
            let command = Command::Fund { account, amount: FUNDS, reply };
            world.command(0, command, Some(reply))?;
        }
        world.settle_appends()?;
        Ok(world)
    }

    /// Both halves.
    pub(super) fn run(mut self) -> Result<History, String> {
        self.store.set_faulty(true);
        for _ in 0..ACTIONS {
            self.act()?;
        }
        self.heal()?;
        self.history.done = self.books.done();
        Ok(self.history)
    }

    fn act(&mut self) -> Outcome {
        if self.leaders.is_empty() && self.chance.per_mille(500) {
            return self.lead();
        }
        if self.full && self.chance.per_mille(60) {
            return self.fill();
        }
        match self.chance.below(1_000) {
            0..400 => self.client_acts(),
            400..480 => self.read(),
            480..780 => {
                let which = self.any_leader();
                which.map_or(Ok(()), |which| self.deliver(which, true))
            }
            780..900 => self.time_passes(40),
            900..915 => self.crash(),
            915..940 if self.leaders.len() < 3 => self.lead(),
            940..952 if !self.full => self.fill(),
            955..965 => self.jump(),
            965..980 => self.snapshot(),
            _ => self.land_late(),
        }
    }

    /// Nothing goes wrong any more: what was wished must be done, and then all must be quiet.
    fn heal(&mut self) -> Outcome {
        self.store.set_faulty(false);
        self.store.set_full(false);
        self.now.wall = self.now.wall.max(self.wall_max); // the clock is set right
        while self.store.land_late().is_some() {}
        for round in 0..ROUNDS_TO_REST {
            if self.leaders.is_empty() {
                self.lead()?;
            }
            // The old leaders learn that they are, by writing.
            for client in 0..CLIENTS {
                let newest = self.leaders.len().saturating_sub(1);
                if self.clients[client].wish.is_some() && self.clients[client].waits.is_none() {
                    self.ask(client, newest)?;
                }
            }
            self.settle_appends()?;
            self.time_passes(6_000)?;
            if round % 10 == 9 {
                // Whoever waits on a leader that is no more asks again.
                self.clients.iter_mut().for_each(|client| client.waits = None);
            }
            if self.clients.iter().all(|client| client.wish.is_none()) && self.is_quiet() {
                return self.close();
            }
        }
        Err("it does not come to rest".into())
    }

    fn is_quiet(&self) -> bool {
        let Some(newest) = self.leaders.last() else { return false };
        let sequencer = &newest.sequencer;
        newest.away.is_none()
            && sequencer.durable() == sequencer.numbered()
            && sequencer.wakeup().is_none()
    }

    /// The last look: through a client's eyes, and at the journal from another machine.
    fn close(&mut self) -> Outcome {
        let newest = self.leaders.last().ok_or("nobody leads")?;
        if newest.permits.iter().any(|out| *out != 0) {
            return Err(format!("permits did not come back: {:?}", newest.permits));
        }
        newest.sequencer.mind().check(self.now);
        let answer = newest.sequencer.mind().answer(self.now, &Query);
        let led = newest.sequencer.mind().snapshot();
        self.books.read(&answer, self.books.floor())?;
        self.books.close(&answer)?;
        let folded = ready(async {
            let mut fold = Fold::restore(journal(&self.store)?, genesis())
                .await
                .map_err(|error| error.to_string())?;
            fold.read_on(Sequence(u64::MAX)).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(fold.mind().snapshot())
        })??;
        if folded == led {
            Ok(())
        } else {
            Err("a replay on another machine gives another state".into())
        }
    }

    // ---- leaders ----

    fn any_leader(&mut self) -> Option<usize> {
        let index = self.chance.below(self.leaders.len() as u64);
        usize::try_from(index).ok().filter(|index| *index < self.leaders.len())
    }

    fn lead(&mut self) -> Outcome {
        let chance = self.chance.fork();
        if let Some(leader) = promote(&self.store, self.plant, chance, self.now)? {
            let epoch = leader.sequencer.epoch();
            self.trace(format!("reign {epoch} begins at {}", leader.sequencer.durable()));
            self.history.reigns += 1;
            // A lease has lapsed before the next reign begins; appends know nothing of leases.
            for which in (0..self.leaders.len()).rev() {
                if self.plant != Plant::NoLease {
                    self.step(which, Event::Lease(self.now.moment))?;
                }
            }
            self.leaders.push(leader);
        }
        Ok(())
    }

    fn crash(&mut self) -> Outcome {
        let Some(which) = self.any_leader() else { return Ok(()) };
        let leader = self.leaders.remove(which);
        self.history.crashes += 1;
        self.trace(format!("reign {} crashes", leader.sequencer.epoch()));
        if let Some(Away { end, record }) = leader.away {
            match self.chance.below(3) {
                0 => drop(self.store.append_now(end, record)),
                1 => self.store.append_late(end, record),
                _ => {}
            }
        }
        Ok(())
    }

    /// One append of a leader comes to its end, well or (if `faults`) not.
    fn deliver(&mut self, which: usize, faults: bool) -> Outcome {
        let Some(Away { end, record }) = self.leaders[which].away.take() else { return Ok(()) };
        let lost = |store: &Store, late: bool| {
            if late {
                store.append_late(end, record.clone());
            }
            Err(AppendError::Unknown("timed out".into()))
        };
        let appended = match self.chance.below(1_000) {
            0..30 if faults => {
                let _ = self.store.append_now(end, record);
                Err(AppendError::Unknown("the word was lost".into()))
            }
            30..60 if faults => lost(&self.store, true),
            60..80 if faults => lost(&self.store, false),
            _ => self.store.append_now(end, record),
        };
        self.trace(format!("append after {} by {which}: {appended:?}", end.0));
        let event = match appended {
            _ if self.plant == Plant::AnswerEarly => return Ok(()), // it was answered when sent
            Err(AppendError::Unknown(_)) if self.plant == Plant::UnknownIsDone => {
                Event::Appended(Sequence(end.0 + 1))
            }
            Ok(_) if self.plant == Plant::NoFence => Event::Appended(Sequence(end.0 + 1)),
            Ok(at) => Event::Appended(at),
            Err(error) => Event::AppendFailed(error),
        };
        self.step(which, event)
    }

    /// Every append that is away ends well, or fails for good.
    fn settle_appends(&mut self) -> Outcome {
        for _ in 0..10_000 {
            let Some(which) = self.leaders.iter().position(|leader| leader.away.is_some()) else {
                return Ok(());
            };
            self.deliver(which, false)?;
        }
        Err("appends follow one another without end".into())
    }

    fn step(&mut self, which: usize, event: Event<Command, Query>) -> Outcome {
        let mut effects = Vec::new();
        let now = self.now;
        self.leaders[which].sequencer.step(now, event, &mut effects);
        self.carry_out(which, effects)
    }

    fn carry_out(&mut self, which: usize, mut effects: Vec<EffectOf<Toy>>) -> Outcome {
        if self.plant == Plant::Backwards {
            effects.reverse();
        }
        let mut ends = false;
        let mut early = None;
        for effect in effects {
            match effect {
                Effect::Append { end, record, .. } => {
                    early = Some(Sequence(end.0 + 1));
                    self.leaders[which].away = Some(Away { end, record });
                }
                Effect::Act(toy::Effect::Reply(to, reply)) => {
                    self.in_order(which, to)?;
                    self.replied(to, reply)?;
                }
                Effect::Act(toy::Effect::Notice(_)) => {}
                Effect::Answer { to, answer, settled } => {
                    if settled {
                        self.in_order(which, to)?;
                        self.read_answered(to, &answer)?;
                    } else {
                        Books::sane(&answer)?;
                        self.reads.retain(|read| read.token != to);
                    }
                }
                Effect::Refuse { to, .. } => self.refused(to),
                Effect::Free { pool, count } => {
                    self.leaders[which].permits[pool.index()] -= i64::from(count);
                }
                Effect::Parked => self.history.parked += 1,
                Effect::Resumed => {}
                Effect::Restart(Reason::Fault(why)) => return Err(format!("a fault: {why}")),
                Effect::Restart(Reason::Unknown(_) | Reason::Conflict(_)) => ends = true,
                Effect::Closed => return Err("a leader closed by itself".into()),
            }
        }
        if ends {
            let leader = self.leaders.remove(which);
            self.history.restarts += 1;
            self.trace(format!("reign {} ends", leader.sequencer.epoch()));
        } else if let Some(at) = early
            && self.plant == Plant::AnswerEarly
        {
            return self.answer_early(which, at);
        }
        Ok(())
    }

    fn answer_early(&mut self, which: usize, at: Sequence) -> Outcome {
        // The record goes to the log later, unless the leader crashes before.
        if let Some(Away { end, record }) = self.leaders[which].away.clone() {
            if !self.chance.per_mille(100) {
                let _ = self.store.append_now(end, record);
            }
            self.leaders[which].away = None;
        }
        self.step(which, Event::Appended(at))
    }

    /// Settled words of one leader leave in the order in which they were asked for.
    fn in_order(&mut self, which: usize, token: ReplyTo) -> Outcome {
        let answered = &mut self.leaders[which].answered;
        if token <= *answered {
            return Err(format!("{token:?} was answered after {answered:?}"));
        }
        *answered = token;
        Ok(())
    }

    // ---- clients ----

    const fn token(&mut self) -> ReplyTo {
        self.tokens += 1;
        ReplyTo(self.tokens)
    }

    fn client_acts(&mut self) -> Outcome {
        let client = usize::try_from(self.chance.below(CLIENTS as u64)).unwrap_or(0);
        if self.clients[client].wish.is_none() {
            self.keys += 1;
            let from = self.chance.below(u64::from(ACCOUNTS));
            let to = (from + 1 + self.chance.below(u64::from(ACCOUNTS) - 1)) % u64::from(ACCOUNTS);
            let way = (u16::try_from(from).unwrap_or(0), u16::try_from(to).unwrap_or(0));
            let amount = 1 + self.chance.below(FUNDS / 4);
            self.clients[client].wish = Some(self.books.wish(self.keys, way, amount));
        } else if self.clients[client].waits.is_some() && !self.chance.per_mille(100) {
            return Ok(()); // he is patient, mostly
        }
        let newest = self.leaders.len().checked_sub(1);
        let which = if self.chance.per_mille(700) { newest } else { self.any_leader() };
        which.map_or(Ok(()), |which| self.ask(client, which))
    }

    fn ask(&mut self, client: usize, which: usize) -> Outcome {
        let Some(Wish { key, from, to, amount, .. }) = self.clients[client].wish else {
            return Ok(());
        };
        let reply = self.token();
        self.clients[client].waits = Some(reply);
        self.trace(format!("client {client} asks {which} for {key} under {reply:?}"));
        self.command(which, Command::Move { key, from, to, amount, reply }, Some(reply))
    }

    fn command(&mut self, which: usize, command: Command, reply: Option<ReplyTo>) -> Outcome {
        self.leaders[which].permits[Pool::Outside.index()] += 1;
        self.step(which, Event::Command { command, reply, pool: Pool::Outside })
    }

    fn replied(&mut self, to: ReplyTo, reply: Reply) -> Outcome {
        self.trace(format!("{to:?} is told {reply:?}"));
        let waiting = self.clients.iter_mut().find(|client| client.waits == Some(to));
        let Some(client) = waiting else { return Ok(()) }; // he gave up waiting for this one
        client.waits = None;
        client.wish.take().map_or(Ok(()), |wish| self.books.answered(wish, reply))
    }

    fn refused(&mut self, to: Option<ReplyTo>) {
        for client in &mut self.clients {
            if client.waits.is_some() && client.waits == to {
                client.waits = None;
            }
        }
    }

    fn read(&mut self) -> Outcome {
        let Some(which) = self.any_leader() else { return Ok(()) };
        let token = self.token();
        self.reads.push(Read { token, floor: self.books.floor() });
        self.leaders[which].permits[Pool::Queries.index()] += 1;
        if self.plant == Plant::DirtyReads {
            let answer = self.leaders[which].sequencer.mind().answer(self.now, &Query);
            self.leaders[which].permits[Pool::Queries.index()] -= 1;
            return self.read_answered(token, &answer);
        }
        self.step(which, Event::Query { query: Query, reply: token })
    }

    fn read_answered(&mut self, to: ReplyTo, answer: &toy::Answer) -> Outcome {
        let Some(index) = self.reads.iter().position(|read| read.token == to) else {
            return Err(format!("{to:?} was answered twice"));
        };
        let read = self.reads.swap_remove(index);
        self.history.reads += 1;
        self.trace(format!("{to:?} reads {} transfers", answer.moved));
        self.books.read(answer, read.floor)
    }

    // ---- the rest of the world ----

    fn time_passes(&mut self, ms_max: u64) -> Outcome {
        let passed = Duration::from_millis(1 + self.chance.below(ms_max));
        self.now = Now { moment: self.now.moment + passed, wall: self.now.wall + passed };
        for which in (0..self.leaders.len()).rev() {
            let due = self.leaders[which].sequencer.wakeup();
            if due.is_some_and(|due| due <= self.now.moment) {
                let mut effects = Vec::new();
                self.leaders[which].sequencer.tick(self.now, &mut effects);
                self.carry_out(which, effects)?;
            }
        }
        Ok(())
    }

    fn jump(&mut self) -> Outcome {
        let hour = 3_600_000;
        self.wall_max = self.wall_max.max(self.now.wall);
        let ms = self.now.wall.as_ms() + self.chance.below(2 * hour) - hour;
        self.now.wall = Wall::from_ms(ms);
        self.trace(format!("the clock jumps to {}", self.now.wall));
        Ok(())
    }

    /// The disk is full for a while, and then it is not.
    fn fill(&mut self) -> Outcome {
        self.full = !self.full;
        self.store.set_full(self.full);
        self.trace(format!("full: {}", self.full));
        Ok(())
    }

    fn land_late(&mut self) -> Outcome {
        if let Some(landed) = self.store.land_late() {
            self.history.late += 1;
            self.trace(format!("a late append: {landed:?}"));
        }
        Ok(())
    }

    /// The keeper beside the leaders; at times it begins anew, as on another machine.
    fn snapshot(&mut self) -> Outcome {
        if self.chance.per_mille(300) {
            self.keeper = None;
        }
        if self.plant == Plant::TrimTooFar {
            self.store.cut_below(self.store.end_now());
        }
        let journal = journal(&self.store)?;
        let kept = self.chance.below(5);
        let keeper = self.keeper.take();
        let made = ready(async {
            let mut fold = match keeper {
                Some(fold) => fold,
                None => Fold::restore(journal, genesis()).await?,
            };
            let position = fold.snapshot(kept).await;
            Ok::<_, orkestra_runtime::Error>((fold, position))
        })?;
        let (fold, position) = made.map_err(|error| error.to_string())?;
        self.keeper = Some(fold);
        match position {
            Ok(position) => {
                self.history.snapshots += 1;
                self.trace(format!("a snapshot at {}", position.number));
                Ok(())
            }
            Err(error) if error.is_retryable() => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn trace(&mut self, line: String) {
        self.history.trace.push(line);
    }
}
