//! A small mind for tests and the simulator: a ledger and a counter.
//!
//! A transfer is decided by the ledger and counted by the counter, in one step: whoever finds more
//! transfers than counts has found a torn step. A lot is drawn for each, so that a replay which
//! draws again is found out; and a sweep is due by itself some time after the first transfer.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    chance::Chance,
    id::Number,
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};
use serde::{Deserialize, Serialize};

use super::{mind::Mind, step::Step};

/// How long after the first transfer that was not swept a sweep is due.
pub const SWEEP_AFTER: Duration = Duration::from_millis(100);

/// What can be asked for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Puts money where there was none.
    Fund {
        /// Which account.
        account: u16,
        /// How much.
        amount: u64,
        /// Who is told.
        reply: ReplyTo,
    },
    /// Moves money; the same key moves it once.
    Move {
        /// The idempotency key.
        key: u64,
        /// From which account.
        from: u16,
        /// To which account.
        to: u16,
        /// How much.
        amount: u64,
        /// Who is told.
        reply: ReplyTo,
    },
    /// Counts one transfer; follows from `Move`.
    Count,
    /// Notes that all is well since the last sweep; follows by itself.
    Sweep,
    /// Changes only volatile state.
    Renew(u16),
    /// Writes this many bytes.
    Write(usize),
    /// Writes what an older program cannot read.
    Stamp,
    /// Panics at once.
    Panic,
    /// Panics after its first event was applied.
    PanicLate,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An account was funded.
    Funded {
        /// Which.
        account: u16,
        /// How much was put in.
        amount: u64,
    },
    /// Money was moved.
    Moved {
        /// The idempotency key.
        key: u64,
        /// From which account.
        from: u16,
        /// To which account.
        to: u16,
        /// How much.
        amount: u64,
        /// What was drawn.
        lot: u64,
    },
    /// A transfer was counted.
    Counted,
    /// A sweep.
    Swept,
    /// Bytes were written.
    Wrote(String),
    /// Level 2: an older program does not know it.
    Stamped,
}

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer somebody.
    Reply(ReplyTo, Reply),
    /// Say that a sweep happened.
    Notice(Number),
}

/// What a command is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was done, by the event of this number; `lot` was drawn.
    Done {
        /// The event.
        number: Number,
        /// What was drawn.
        lot: u64,
    },
    /// There is not enough in the account.
    Poor,
}

/// Asks for the whole state.
#[derive(Clone, Copy, Debug)]
pub struct Query;

/// The whole state, as a client sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What each account holds.
    pub accounts: BTreeMap<u16, u64>,
    /// How many transfers the counter knows.
    pub counted: u64,
    /// How many transfers the ledger knows.
    pub moved: u64,
}

/// A ledger and a counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toy {
    accounts: BTreeMap<u16, u64>,
    funded: u64,
    keys: BTreeMap<u64, (Number, u64)>,
    counted: u64,
    unswept_since: Option<Wall>,
    written: u64,
    at: Wall,
    /// Volatile: who renewed, and until when.
    #[serde(skip)]
    renewed: BTreeMap<u16, Moment>,
}

impl Toy {
    /// Forgets which keys it knows, as a snapshot that leaves them out would.
    pub fn forget_keys(&mut self) {
        self.keys.clear();
        self.counted = 0;
    }

    /// Until when an account was renewed.
    pub fn renewed(&self, account: u16) -> Option<Moment> {
        self.renewed.get(&account).copied()
    }

    fn decide_move(&self, command: &Command, lot: u64, step: &mut Step<Self>) {
        let &Command::Move { key, from, to, amount, reply } = command else { return };
        if let Some(&(number, lot)) = self.keys.get(&key) {
            step.effect(Effect::Reply(reply, Reply::Done { number, lot }));
            return;
        }
        if self.accounts.get(&from).is_none_or(|held| *held < amount) {
            step.effect(Effect::Reply(reply, Reply::Poor));
            return;
        }
        let number = step.event(Event::Moved { key, from, to, amount, lot });
        step.effect(Effect::Reply(reply, Reply::Done { number, lot }));
        step.then(Command::Count);
    }
}

impl Mind for Toy {
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Query = Query;
    type Answer = Answer;

    const SNAPSHOT_VERSION: u32 = 1;
    const EVENT_LEVEL: u16 = 2;

    fn level(event: &Event) -> u16 {
        match event {
            Event::Funded { .. }
            | Event::Moved { .. }
            | Event::Counted
            | Event::Swept
            | Event::Wrote(_) => 1,
            Event::Stamped => 2,
        }
    }

    #[expect(clippy::panic, reason = "a mind that panics when told to is what the tests need")]
    fn decide(&self, _: Now, chance: &mut Chance, command: &Command, step: &mut Step<Self>) {
        match *command {
            Command::Fund { account, amount, reply } => {
                let number = step.event(Event::Funded { account, amount });
                step.effect(Effect::Reply(reply, Reply::Done { number, lot: 0 }));
            }
            Command::Move { .. } => self.decide_move(command, chance.below(1_000), step),
            Command::Count => {
                step.event(Event::Counted);
            }
            Command::Sweep => {
                let number = step.event(Event::Swept);
                step.effect(Effect::Notice(number));
            }
            Command::Renew(_) => {}
            Command::Write(bytes) => {
                step.event(Event::Wrote("x".repeat(bytes)));
            }
            Command::Stamp => {
                step.event(Event::Stamped);
            }
            Command::Panic => panic!("told to panic"),
            Command::PanicLate => {
                step.event(Event::Counted);
                step.then(Command::Panic);
            }
        }
    }

    fn apply(&mut self, number: Number, at: Wall, event: &Event) {
        self.at = at;
        match *event {
            Event::Funded { account, amount } => {
                *self.accounts.entry(account).or_default() += amount;
                self.funded += amount;
            }
            Event::Moved { key, from, to, amount, lot } => {
                let held = self.accounts.entry(from).or_default();
                *held = held.wrapping_sub(amount);
                *self.accounts.entry(to).or_default() += amount;
                self.keys.insert(key, (number, lot));
                self.unswept_since.get_or_insert(at);
            }
            Event::Counted => self.counted += 1,
            Event::Swept => self.unswept_since = None,
            Event::Wrote(ref text) => self.written += text.len() as u64,
            Event::Stamped => self.written += 1,
        }
    }

    fn hear(&mut self, now: Now, command: &Command) {
        if let Command::Renew(account) = *command {
            self.renewed.insert(account, now.moment + SWEEP_AFTER);
        }
    }

    fn promote(&mut self, now: Now) {
        self.renewed = self.accounts.keys().map(|id| (*id, now.moment + SWEEP_AFTER)).collect();
    }

    fn answer(&self, _: Now, Query: &Query) -> Answer {
        Answer {
            accounts: self.accounts.clone(),
            counted: self.counted,
            moved: self.keys.len() as u64,
        }
    }

    fn wakeup(&self, now: Now) -> Option<Moment> {
        self.unswept_since.map(|since| now.moment + (since + SWEEP_AFTER).since(now.wall))
    }

    fn due(&self, now: Now) -> Option<Command> {
        self.unswept_since.is_some_and(|at| now.wall >= at + SWEEP_AFTER).then_some(Command::Sweep)
    }

    fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn restore(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorKind::Corrupt, "cannot restore the ledger").because(error)
        })
    }

    fn check(&self, _: Now) {
        assert_eq!(self.accounts.values().sum::<u64>(), self.funded, "money was made or lost");
        assert_eq!(self.keys.len() as u64, self.counted, "a step was torn");
    }
}
