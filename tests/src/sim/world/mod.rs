//! The world: who is there, what may happen next, and how it comes to rest.

mod clients;
mod leaders;
mod weather;

use orkestra_coordinator::shard::{
    Fold, Mind,
    toy::{Command, Query, Toy},
};
use orkestra_runtime::{
    chance::Chance,
    fabric::Sequence,
    machine::{Machine, ReplyTo},
    time::{Moment, Now, Wall},
};

use super::{
    Books, History, Plant, Store,
    leader::{Leader, genesis, journal, ready},
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
        let store = Store::new(chance.fork());
        let mut world = Self {
            plant: Plant::Nothing,
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
        // The world begins in order; from here on it is as wrong as it is meant to be.
        world.plant = plant;
        world.store.set_unfenced(plant == Plant::NoFence);
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
        self.history.steps += 1;
        if self.leaders.is_empty() && self.chance.per_mille(500) {
            return self.lead();
        }
        if self.full && self.chance.per_mille(60) {
            self.fill();
            return Ok(());
        }
        match self.chance.below(1_000) {
            0..400 => self.client_acts(),
            400..480 => self.read(),
            480..780 => {
                let which = self.any_leader();
                which.map_or(Ok(()), |which| self.deliver(which, true))
            }
            780..900 => self.time_passes(40),
            900..915 => {
                self.crash();
                Ok(())
            }
            915..940 if self.leaders.len() < 3 => self.lead(),
            940..952 if !self.full => {
                self.fill();
                Ok(())
            }
            955..965 => {
                self.jump();
                Ok(())
            }
            965..980 => self.snapshot(),
            980..985 => self.lose_snapshot(),
            _ => {
                self.land_late();
                Ok(())
            }
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

    fn fault(&mut self, kind: &'static str) {
        *self.history.faults.entry(kind).or_default() += 1;
    }

    fn trace(&mut self, line: String) {
        self.history.trace.push(line);
    }
}
