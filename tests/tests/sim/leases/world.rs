//! The world of the model: what there is, and what can happen next.

use std::{collections::BTreeSet, time::Duration};

use orkestra_coordinator::{
    lock::{
        Acquire, Grant, LockCommand, LockEffect, LockReason, LockReply, LockSettings, Mode,
        Opening, Patience, Release, Want,
    },
    shard::{
        Mind as _,
        machine::{Command, Effect, Event, ShardMachine, ShardSettings},
        perform,
    },
};
use orkestra_runtime::{
    chance::Chance,
    id::{LockKey, Number, RequestNo, SessionId, SessionNo, Token},
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};

use super::{
    Bug, Leases,
    books::{Books, Seen},
    mind::Mind,
    word::Word,
};

/// The lease of each client, in moments: that of the second outlasts the model.
const LEASES: [u64; 2] = [2, 20];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// It wants nothing yet.
    Out,
    /// It waits for its answer.
    Asks,
    /// It has a guard.
    Has(u64),
    /// It has looked at its guard, and is about to write.
    Looked(u64),
    /// It wants nothing more.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Client {
    phase: Phase,
    /// Until when its guard holds, by the rule of the product.
    until: u64,
    /// How often it may renew its lease, ask again, and write.
    renewals: u8,
    agains: u8,
    writes: u8,
}

/// A leader, who may not know that another has followed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reign {
    mind: Mind,
    /// The last number of its journal.
    last: u64,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    now: u64,
    /// What the journal comes to, and its last number.
    truth: Mind,
    last: u64,
    /// The last one leads; of those before it some do not know.
    reigns: Vec<Option<Reign>>,
    clients: Vec<Client>,
    net: BTreeSet<Word>,
    pub(crate) books: Books,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    Tick,
    Ask(usize),
    Again(usize),
    Renew(usize),
    Look(usize),
    Write(usize),
    Release(usize),
    Hear(Word),
    Deliver(Word, usize),
    Due(usize),
    TakeOver,
}

fn key() -> LockKey {
    LockKey::new("file").unwrap()
}

fn session(client: usize) -> SessionNo {
    SessionNo(client as u64 + 1)
}

impl World {
    pub(crate) fn new(Leases { renewals, agains, bug, .. }: &Leases) -> Self {
        let lease_min = Duration::from_millis(1);
        let locks = LockSettings { lease_min, delay: Duration::ZERO, ..LockSettings::default() };
        let genesis = ShardMachine::new(ShardSettings { locks, ..ShardSettings::default() });
        let mind = Mind::of(genesis);
        let client = |lease: &u64| Client {
            phase: Phase::Out,
            until: *lease,
            renewals: if *lease == LEASES[0] { *renewals } else { 0 },
            agains: if *lease == LEASES[0] { *agains } else { 0 },
            writes: 1,
        };
        let mut world = Self {
            now: 0,
            truth: mind.clone(),
            last: 0,
            reigns: vec![Some(Reign { mind, last: 0 })],
            clients: LEASES.iter().map(client).collect(),
            net: BTreeSet::new(),
            books: Books::default(),
        };
        for (client, lease_ms) in LEASES.into_iter().enumerate() {
            let name = SessionId::new(format!("client-{client}")).unwrap();
            let (nonce, by, lease_ms) = (1, String::new(), Some(lease_ms));
            let opening = Opening { session: name, nonce, lease_ms, by };
            world.step(*bug, 0, LockCommand::Open { to: ReplyTo(0), opening });
        }
        world
    }

    /// How many guards say that they hold.
    pub(crate) fn valid_guards(&self) -> usize {
        let holds = |client: &&Client| {
            matches!(client.phase, Phase::Has(_) | Phase::Looked(_)) && self.now < client.until
        };
        self.clients.iter().filter(holds).count()
    }

    /// How many have looked at their guard and go on to write.
    pub(crate) fn believers(&self) -> usize {
        self.clients.iter().filter(|client| matches!(client.phase, Phase::Looked(_))).count()
    }

    fn time(&self) -> Now {
        Now { moment: Moment::from_ms(self.now), wall: Wall::from_ms(1) }
    }

    /// All that can happen, up to a moment and to so many leaders.
    pub(crate) fn acts(&self, (until, leaders): (u64, usize), acts: &mut Vec<Act>) {
        if self.now < until {
            acts.push(Act::Tick);
        }
        for (at, client) in self.clients.iter().enumerate() {
            match client.phase {
                Phase::Out => acts.push(Act::Ask(at)),
                Phase::Asks if client.agains > 0 => acts.push(Act::Again(at)),
                Phase::Has(_) => {
                    if client.writes > 0 && self.now < client.until {
                        acts.push(Act::Look(at));
                    }
                    if at == 0 {
                        acts.push(Act::Release(at));
                    }
                }
                Phase::Looked(_) => acts.push(Act::Write(at)),
                Phase::Asks | Phase::Over => {}
            }
            if client.renewals > 0 && client.phase != Phase::Over {
                acts.push(Act::Renew(at));
            }
        }
        let reigns: Vec<usize> =
            (0..self.reigns.len()).filter(|at| self.reigns[*at].is_some()).collect();
        for word in &self.net {
            if word.addressee().is_some() {
                acts.push(Act::Hear(word.clone()));
            } else {
                acts.extend(reigns.iter().map(|at| Act::Deliver(word.clone(), *at)));
            }
        }
        let leader = self.reigns.len() - 1;
        let leads = self.reigns[leader].as_ref();
        if leads.is_some_and(|reign| reign.mind.machine.due(self.time()).is_some()) {
            acts.push(Act::Due(leader));
        }
        if self.reigns.len() < leaders {
            acts.push(Act::TakeOver);
        }
    }

    pub(crate) fn act(&mut self, bug: Bug, act: &Act) {
        let now = self.now;
        match act {
            Act::Tick => self.now += 1,
            Act::Ask(from) => {
                self.clients[*from].phase = Phase::Asks;
                self.net.insert(Word::Ask { from: *from });
            }
            Act::Again(from) => {
                self.clients[*from].agains -= 1;
                self.net.insert(Word::Ask { from: *from });
            }
            Act::Renew(from) => {
                self.clients[*from].renewals -= 1;
                self.net.insert(Word::Renew { from: *from, asked: now });
            }
            Act::Look(at) => {
                let client = &mut self.clients[*at];
                if let Phase::Has(token) = client.phase {
                    client.phase = Phase::Looked(token);
                }
            }
            Act::Write(at) => {
                let client = &mut self.clients[*at];
                if let Phase::Looked(token) = client.phase {
                    client.writes -= 1;
                    client.phase = Phase::Has(token);
                    self.net.insert(Word::Write { token });
                }
            }
            Act::Release(at) => {
                let client = &mut self.clients[*at];
                if let Phase::Has(token) = client.phase {
                    client.phase = Phase::Over;
                    self.net.insert(Word::Release { from: *at, token });
                }
            }
            Act::Hear(word) => {
                self.net.remove(word);
                self.hear(word);
            }
            Act::Deliver(word, at) => {
                self.net.remove(word);
                self.deliver(bug, word, *at);
            }
            Act::Due(at) => {
                let reign = self.reigns[*at].as_ref();
                let due = reign.and_then(|reign| reign.mind.machine.due(self.time()));
                if let Some(Command::Lock(command)) = due {
                    self.step(bug, *at, command);
                }
            }
            Act::TakeOver => self.take_over(bug),
        }
        self.forget();
    }

    /// Forgets what can make no difference any more, so that fewer states are told apart.
    fn forget(&mut self) {
        for client in self.clients.iter_mut().filter(|client| client.phase == Phase::Over) {
            (client.until, client.renewals, client.agains, client.writes) = (0, 0, 0, 0);
        }
        let phase = |client: usize| self.clients[client].phase;
        self.net.retain(|word| match *word {
            Word::Granted { to, .. } => phase(to) == Phase::Asks,
            Word::Renewed { to, .. } | Word::Gone { to } | Word::Renew { from: to, .. } => {
                phase(to) != Phase::Over
            }
            Word::Ask { .. } | Word::Release { .. } | Word::Write { .. } => true,
        });
    }

    fn hear(&mut self, word: &Word) {
        let Some(client) = word.addressee().map(|to| &mut self.clients[to]) else { return };
        match word {
            Word::Granted { token, .. } if client.phase == Phase::Asks => {
                client.phase = Phase::Has(*token);
            }
            Word::Renewed { to, asked } => client.until = asked + LEASES[*to],
            // Who has looked does not look again before it writes.
            Word::Gone { .. } if !matches!(client.phase, Phase::Looked(_)) => {
                client.phase = Phase::Over;
            }
            _ => {}
        }
    }

    fn deliver(&mut self, bug: Bug, word: &Word, at: usize) {
        let request = |number| RequestNo(number);
        match *word {
            Word::Ask { from } => {
                let locks = vec![Want { key: key(), mode: Mode::Exclusive }];
                let (session, request, wait) = (session(from), request(1), Patience::Endless);
                let (to, ask) = (to_acquirer(from), Acquire { session, request, locks, wait });
                self.step(bug, at, LockCommand::Acquire { to, ask });
            }
            Word::Renew { from, asked } => {
                let (to, session) = (to_renewer(from, asked), session(from));
                self.step(bug, at, LockCommand::Renew { to, session });
            }
            Word::Release { from, token } => {
                let locks = vec![Grant { key: key(), token: Token(token) }];
                let (session, request) = (session(from), request(2));
                let reason = LockReason::Complete;
                let release = Release { session, request, locks, reason };
                self.step(bug, at, LockCommand::Release { to: ReplyTo(0), release });
            }
            Word::Write { token } => self.write(bug, at, token),
            Word::Granted { .. } | Word::Renewed { .. } | Word::Gone { .. } => {}
        }
    }

    /// One step of a leader, as its sequencer takes it: what it writes is written if nobody wrote
    /// after it, and what it says without writing is said if it surely leads.
    fn step(&mut self, bug: Bug, at: usize, command: LockCommand) {
        let Some(reign) = &self.reigns[at] else { return };
        let leads = at + 1 == self.reigns.len();
        let mut machine = ShardMachine::clone(&reign.mind.machine);
        let (now, next) = (self.time(), Number(reign.last + 1));
        let mut chance = Chance::from_seed(1);
        let done = perform(&mut machine, now, &mut chance, next, &Command::Lock(command)).unwrap();
        if !done.events.is_empty() && !leads {
            self.books.saw(Seen::Deposed, true);
            self.reigns[at] = None;
            return;
        }
        let mut last = reign.last;
        if !done.events.is_empty() {
            let mut truth = ShardMachine::clone(&self.truth.machine);
            for event in &done.events {
                last += 1;
                truth.apply(Number(last), now.wall, event);
                if let Event::Lock(event) = event {
                    self.books.hear(last, event, at);
                }
            }
            assert_eq!(truth.snapshot(), machine.snapshot(), "a leader is not its journal's fold");
            (self.truth, self.last) = (Mind::of(truth), last);
        }
        self.reigns[at] = Some(Reign { mind: Mind::of(machine), last });
        if leads || (done.events.is_empty() && bug == Bug::AnswersDeposed) {
            done.effects.into_iter().for_each(|effect| self.carry_out(effect));
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let Effect::Lock(LockEffect::Reply { to: ReplyTo(to), reply }) = effect else { return };
        let (to, asked) = (to % 10, to / 10 % 100);
        let Some(client) = usize::try_from(to).ok().and_then(|to| to.checked_sub(1)) else {
            return;
        };
        let word = match reply {
            LockReply::Granted { locks } => Word::Granted { to: client, token: locks[0].token.0 },
            LockReply::Renewed { .. } => Word::Renewed { to: client, asked },
            LockReply::Refused(_) => Word::Gone { to: client },
            _ => return,
        };
        self.net.insert(word);
    }

    /// A write that shows a token, decided in order with everything else at the table.
    fn write(&mut self, bug: Bug, at: usize, token: u64) {
        let Some(reign) = &self.reigns[at] else { return };
        let checked = reign.mind.machine.locks().check(&key(), Token(token));
        if checked.is_err() && bug != Bug::Unfenced {
            self.books.saw(Seen::Refused, true);
        } else if at + 1 < self.reigns.len() {
            self.books.saw(Seen::Deposed, true);
            self.reigns[at] = None;
        } else {
            let holds = self.books.holder.is_some_and(|(_, held)| held == token);
            self.books.saw(Seen::Stale, !holds);
            self.books.saw(Seen::Back, token < self.books.written);
            self.books.written = self.books.written.max(token);
        }
    }

    /// Another leads from now on. The one before it may be dead, or may not know.
    fn take_over(&mut self, bug: Bug) {
        let mut machine = self.truth.machine.restored(&self.truth.machine.snapshot()).unwrap();
        let now = self.time();
        let since = if bug == Bug::NoFullTerm { Moment::from_ms(0) } else { now.moment };
        machine.promote(Now { moment: since, ..now });
        if bug == Bug::TokensForgotten {
            self.last = 0;
        }
        self.reigns.push(Some(Reign { mind: Mind::of(machine), last: self.last }));
    }
}

/// Who is answered, and when it asked.
fn to_acquirer(client: usize) -> ReplyTo {
    ReplyTo(client as u64 + 1)
}

fn to_renewer(client: usize, asked: u64) -> ReplyTo {
    ReplyTo(client as u64 + 1 + asked * 10)
}
