//! Clients: what they ask and what they are told.

use orkestra_coordinator::shard::{
    Mind, Pool,
    sequencer::Event,
    toy::{self, Command, Query, Reply},
};
use orkestra_runtime::machine::ReplyTo;

use super::{CLIENTS, Outcome, Read, World};
use crate::sim::{
    Plant,
    oracle::{ACCOUNTS, FUNDS, Wish},
};

impl World {
    pub(super) const fn token(&mut self) -> ReplyTo {
        self.tokens += 1;
        ReplyTo(self.tokens)
    }

    pub(super) fn client_acts(&mut self) -> Outcome {
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

    pub(super) fn ask(&mut self, client: usize, which: usize) -> Outcome {
        let Some(Wish { key, from, to, amount, .. }) = self.clients[client].wish else {
            return Ok(());
        };
        let reply = self.token();
        self.clients[client].waits = Some(reply);
        self.trace(format!("client {client} asks {which} for {key} under {reply:?}"));
        self.command(which, Command::Move { key, from, to, amount, reply }, Some(reply))
    }

    pub(super) fn command(
        &mut self,
        which: usize,
        command: Command,
        reply: Option<ReplyTo>,
    ) -> Outcome {
        self.leaders[which].permits[Pool::Outside.index()] += 1;
        self.step(which, Event::Command { command, reply, pool: Pool::Outside })
    }

    pub(super) fn replied(&mut self, to: ReplyTo, reply: Reply) -> Outcome {
        self.trace(format!("{to:?} is told {reply:?}"));
        let waiting = self.clients.iter_mut().find(|client| client.waits == Some(to));
        let Some(client) = waiting else { return Ok(()) }; // he gave up waiting for this one
        client.waits = None;
        client.wish.take().map_or(Ok(()), |wish| self.books.answered(wish, reply))
    }

    pub(super) fn refused(&mut self, to: Option<ReplyTo>) {
        for client in &mut self.clients {
            if client.waits.is_some() && client.waits == to {
                client.waits = None;
            }
        }
    }

    pub(super) fn read(&mut self) -> Outcome {
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

    pub(super) fn read_answered(&mut self, to: ReplyTo, answer: &toy::Answer) -> Outcome {
        let Some(index) = self.reads.iter().position(|read| read.token == to) else {
            return Err(format!("{to:?} was answered twice"));
        };
        let read = self.reads.swap_remove(index);
        self.history.reads += 1;
        self.trace(format!("{to:?} reads {} transfers", answer.moved));
        self.books.read(answer, read.floor)
    }
}
