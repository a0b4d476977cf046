//! The clients of simulated nodes: what they ask, of whom, and what they are told.

use orkestra_coordinator::shard::toy::{self, Command, Query, Reply};
use orkestra_runtime::machine::ReplyTo;

use super::{Happening, MS, Outcome, World};
use crate::sim::oracle::{ACCOUNTS, FUNDS};

/// How long a client waits for an answer.
const PATIENCE: u64 = 1_500 * MS;

impl World {
    const fn token(&mut self) -> ReplyTo {
        self.tokens += 1;
        ReplyTo(self.tokens)
    }

    fn any_node(&mut self) -> usize {
        let at = self.chance.below(self.nodes.len() as u64);
        usize::try_from(at).unwrap_or(0)
    }

    /// The accounts are funded before anything goes wrong.
    pub(super) fn fund(&mut self) -> Outcome {
        let leads =
            |node: &super::node::Node| node.life.as_ref().is_some_and(|life| life.reign.is_some());
        let at = self.nodes.iter().position(leads).ok_or("nobody leads in a quiet world")?;
        for account in 0..ACCOUNTS {
            let reply = self.token();
            self.command(at, Command::Fund { account, amount: FUNDS, reply }, reply)?;
        }
        self.rewake(at);
        self.until(self.now + 1_000 * MS, |_| false).map(drop)
    }

    pub(super) fn client_acts(&mut self, client: usize) {
        let pause = 20 * MS + self.chance.below(120 * MS);
        self.after(pause, Happening::Client(client));
        let (now, is_new) = (self.now, self.faulty || self.clients[client].wish.is_some());
        if let Some((_, since)) = self.clients[client].waits
            && now - since > PATIENCE
        {
            self.clients[client].waits = None;
            self.clients[client].asks = self.any_node();
        }
        if let Some((_, since, _)) = self.clients[client].reads
            && now - since > PATIENCE
        {
            self.clients[client].reads = None;
        }
        if self.clients[client].waits.is_none() && is_new {
            self.ask(client);
        }
        // A question goes to anybody, as one who does not know who leads would ask.
        if self.clients[client].reads.is_none() {
            let at = if self.chance.per_mille(500) {
                self.any_node()
            } else {
                self.clients[client].asks
            };
            let (token, floor) = (self.token(), self.books.floor());
            self.clients[client].reads = Some((token, now, floor));
            self.send(at, Happening::Query(at, Query, token));
        }
    }

    fn ask(&mut self, client: usize) {
        if self.clients[client].wish.is_none() {
            self.keys += 1;
            let from = self.chance.below(u64::from(ACCOUNTS));
            let to = (from + 1 + self.chance.below(u64::from(ACCOUNTS) - 1)) % u64::from(ACCOUNTS);
            let way = (u16::try_from(from).unwrap_or(0), u16::try_from(to).unwrap_or(0));
            let amount = 1 + self.chance.below(FUNDS / 4);
            self.clients[client].wish = Some(self.books.wish(self.keys, way, amount));
        }
        let Some(wish) = self.clients[client].wish else { return };
        let (reply, at) = (self.token(), self.clients[client].asks);
        self.clients[client].waits = Some((reply, self.now));
        let (key, from, to, amount) = (wish.key, wish.from, wish.to, wish.amount);
        let command = Command::Move { key, from, to, amount, reply };
        self.send(at, Happening::Command(at, command, reply));
    }

    fn send(&mut self, at: usize, what: Happening) {
        if self.is_lost(at) {
            return;
        }
        let delay = self.delay();
        self.after(delay, what);
    }

    pub(super) fn replies(&mut self, at: usize, to: ReplyTo, reply: Reply) -> Outcome {
        if self.is_lost(at) {
            return Ok(());
        }
        let waits =
            |client: &&mut super::Client| client.waits.is_some_and(|(token, _)| token == to);
        let Some(client) = self.clients.iter_mut().find(waits) else { return Ok(()) };
        client.waits = None;
        client.asks = at;
        let Some(wish) = client.wish.take() else { return Ok(()) };
        self.history.trace.push(format!("{:>6} {to:?} is told {reply:?} by n{at}", self.now / MS));
        self.books.answered(wish, reply)
    }

    pub(super) fn answers(&mut self, at: usize, to: ReplyTo, answer: &toy::Answer) -> Outcome {
        if self.is_lost(at) {
            return Ok(());
        }
        let reads =
            |client: &&mut super::Client| client.reads.is_some_and(|(token, ..)| token == to);
        let Some(client) = self.clients.iter_mut().find(reads) else { return Ok(()) };
        let floor = client.reads.take().map_or(0, |(_, _, floor)| floor);
        self.history.reads += 1;
        self.books.read(answer, floor).map_err(|fault| format!("n{at}: {fault}"))
    }

    /// It was surely not done.
    pub(super) fn refuses(&mut self, at: usize, to: Option<ReplyTo>) {
        let leads = self.nodes[at].life.as_ref().is_some_and(|life| life.reign.is_some());
        let other = self.any_node();
        for client in &mut self.clients {
            if client.waits.is_some_and(|(token, _)| Some(token) == to) {
                client.waits = None;
                client.asks = other;
            }
            if client.reads.is_some_and(|(token, ..)| Some(token) == to) {
                client.reads = None;
                self.history.lapsed += u64::from(leads);
            }
        }
    }
}
