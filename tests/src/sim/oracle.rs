//! The books of the clients: what they asked and what they were told. It never reads a machine.

use std::collections::BTreeMap;

use orkestra_coordinator::shard::toy::{Answer, Reply};
use orkestra_runtime::id::Number;

/// How many accounts there are, and what each is funded with.
pub(super) const ACCOUNTS: u16 = 4;
/// What each account is funded with.
pub(super) const FUNDS: u64 = 1_000;

/// A transfer that a client wants.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The idempotency key.
    pub key: u64,
    /// From which account.
    pub from: u16,
    /// To which account.
    pub to: u16,
    /// How much.
    pub amount: u64,
    /// The highest number that anyone had been told when it was first asked.
    pub floor: Number,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub struct Books {
    done: BTreeMap<u64, (Wish, Number, u64)>,
    numbers: BTreeMap<Number, u64>,
    highest: Number,
    /// The most transfers that any settled read has shown.
    seen: u64,
    wished: u64,
}

impl Books {
    /// A new wish begins now.
    pub fn wish(&mut self, key: u64, (from, to): (u16, u16), amount: u64) -> Wish {
        self.wished += 1;
        Wish { key, from, to, amount, floor: self.highest }
    }

    /// How many transfers were acknowledged.
    pub fn done(&self) -> u64 {
        self.done.len() as u64
    }

    /// What a read that begins now must show at least.
    pub fn floor(&self) -> u64 {
        self.seen.max(self.done())
    }

    /// A client was answered.
    pub fn answered(&mut self, wish: Wish, reply: Reply) -> Result<(), String> {
        let Reply::Done { number, lot } = reply else {
            return match self.done.get(&wish.key) {
                Some(_) => Err(format!("transfer {} was done, and then refused", wish.key)),
                None => Ok(()),
            };
        };
        if number <= wish.floor {
            return Err(format!("event {number} stands before {}, which was seen", wish.floor));
        }
        if *self.numbers.entry(number).or_insert(wish.key) != wish.key {
            return Err(format!("event {number} was told to two clients"));
        }
        let told = *self.done.entry(wish.key).or_insert((wish, number, lot));
        if (told.1, told.2) != (number, lot) {
            return Err(format!(
                "transfer {} was done by event {} and by {number}",
                wish.key, told.1
            ));
        }
        self.highest = self.highest.max(number);
        Ok(())
    }

    /// A settled read was answered; `floor` is what was known when it was asked.
    pub fn read(&mut self, answer: &Answer, floor: u64) -> Result<(), String> {
        Self::sane(answer)?;
        if answer.moved < floor {
            return Err(format!("a read shows {} transfers, and {floor} were seen", answer.moved));
        }
        if answer.moved > self.wished {
            return Err(format!("{} transfers, and only {} wishes", answer.moved, self.wished));
        }
        self.seen = self.seen.max(answer.moved);
        Ok(())
    }

    /// What every answer must show, settled or not.
    pub fn sane(answer: &Answer) -> Result<(), String> {
        let total: u64 = answer.accounts.values().fold(0, |sum, held| sum.wrapping_add(*held));
        if total != FUNDS * u64::from(ACCOUNTS) {
            return Err(format!("the accounts hold {total} together"));
        }
        if answer.counted != answer.moved {
            return Err(format!("{} transfers and {} counts", answer.moved, answer.counted));
        }
        Ok(())
    }

    /// At rest everything that was acknowledged has happened, once, and nothing else has.
    pub fn close(&self, answer: &Answer) -> Result<(), String> {
        let mut accounts: BTreeMap<u16, i128> =
            (0..ACCOUNTS).map(|account| (account, i128::from(FUNDS))).collect();
        for (wish, _, _) in self.done.values() {
            *accounts.entry(wish.from).or_default() -= i128::from(wish.amount);
            *accounts.entry(wish.to).or_default() += i128::from(wish.amount);
        }
        let held: BTreeMap<u16, i128> =
            answer.accounts.iter().map(|(account, held)| (*account, i128::from(*held))).collect();
        if held != accounts {
            return Err(format!("the accounts hold {held:?}, and should hold {accounts:?}"));
        }
        if answer.moved != self.done() {
            return Err(format!("{} transfers, and {} acknowledged", answer.moved, self.done()));
        }
        Ok(())
    }
}
