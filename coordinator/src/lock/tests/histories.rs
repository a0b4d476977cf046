//! Random histories: every answer of the machine is that of the model, one command after another,
//! so what it answers to commands that run at the same time is linearizable in their order.
//!
//! A failing history is made as small as it can be and printed; `PROPTEST_CASES=100000 cargo test
//! -p orkestra-coordinator --lib lock::tests::histories` looks through more of them.

use std::time::Duration;

use orkestra_runtime::{
    id::{RequestNo, SessionNo, Token},
    time::Wall,
};
use proptest::prelude::*;

use super::{
    model::{Asked, MS, Model, Said, Time},
    script::{Script, key},
};
use crate::{
    lock::{
        Acquire, Grant, LockCommand, LockEvent, LockReason, LockRefusal, LockReply, Mode, Owner,
        Patience, Release, Theft, Want, Withdrawal,
    },
    shard::machine::Event,
};

/// How many may use a history's locks.
const CLIENTS: usize = 4;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// One thing that happens. Clients and keys are by place; what is asked or shown again is one of what
/// was before, counted from the end.
#[derive(Clone, Debug)]
enum Act {
    Acquire { client: usize, wants: Vec<(usize, Mode)>, wait: Patience },
    AskAgain { back: usize },
    Release { client: usize, back: usize },
    ReleaseAgain { back: usize },
    Cancel { client: usize, back: usize },
    Check { back: usize },
    Steal { key: usize, delay_ms: Option<u64> },
    Renew { client: usize },
    Close { client: usize },
    Wait { ms: u64 },
    JumpWall { ms: u64 },
    TakeOver,
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        4 => Just(Mode::Exclusive),
        3 => Just(Mode::Shared),
        3 => (1_u32..=2).prop_map(|permits| Mode::Permits { permits, of: 2 }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let client = || 0..CLIENTS;
    let wants = proptest::collection::btree_map(0..KEYS.len(), mode(), 1..=KEYS.len());
    let wants = wants.prop_map(|wants| wants.into_iter().collect::<Vec<_>>());
    let wait = prop_oneof![
        2 => Just(Patience::Try),
        3 => (0_u64..3_000).prop_map(|ms| Patience::For { ms }),
        6 => Just(Patience::Endless),
    ];
    let delay = prop_oneof![Just(None), Just(Some(0)), Just(Some(500))];
    prop_oneof![
        12 => (client(), wants, wait)
            .prop_map(|(client, wants, wait)| Act::Acquire { client, wants, wait }),
        2 => (0..6_usize).prop_map(|back| Act::AskAgain { back }),
        9 => (client(), 0..4_usize).prop_map(|(client, back)| Act::Release { client, back }),
        1 => (0..4_usize).prop_map(|back| Act::ReleaseAgain { back }),
        2 => (client(), 0..5_usize).prop_map(|(client, back)| Act::Cancel { client, back }),
        2 => (0..6_usize).prop_map(|back| Act::Check { back }),
        1 => (0..KEYS.len(), delay).prop_map(|(key, delay_ms)| Act::Steal { key, delay_ms }),
        3 => client().prop_map(|client| Act::Renew { client }),
        1 => client().prop_map(|client| Act::Close { client }),
        4 => (1_u64..4_000).prop_map(|ms| Act::Wait { ms }),
        1 => (0_u64..100_000_000).prop_map(|ms| Act::JumpWall { ms }),
        1 => Just(Act::TakeOver),
    ]
}

/// The machine and the model beside each other.
struct Pair {
    script: Script,
    model: Model,
    clients: Vec<SessionNo>,
    /// Which life of each client's session it is.
    lives: u64,
    asked: Vec<(Asked, Vec<Want>, Patience)>,
    released: Vec<(Asked, Grant)>,
    /// All that was ever granted, and to whom.
    granted: Vec<(SessionNo, Grant)>,
    heard: usize,
}

fn said(reply: LockReply) -> Said {
    match reply {
        LockReply::Granted { locks } => {
            Said::Granted(locks.into_iter().map(|grant| (grant.key, grant.token.0)).collect())
        }
        LockReply::Released => Said::Released,
        LockReply::Cancelled => Said::Cancelled,
        LockReply::Closed => Said::Closed,
        LockReply::Stolen { .. } => Said::Stolen,
        LockReply::Good => Said::Good,
        LockReply::Refused(refusal) => Said::Refused(match refusal {
            LockRefusal::SessionGone { .. } => "gone",
            LockRefusal::KindMismatch { .. } => "kind",
            LockRefusal::Busy { .. } => "busy",
            LockRefusal::TimedOut { .. } => "timed out",
            LockRefusal::Upgrade { .. } => "upgrade",
            LockRefusal::Deadlock { .. } => "deadlock",
            LockRefusal::Cancelled => "cancelled",
            LockRefusal::RequestConflict { .. } => "conflict",
            LockRefusal::NotHeld { .. } => "not held",
            LockRefusal::StaleToken { .. } => "stale",
            other => panic!("{other}"),
        }),
        other => panic!("{other:?}"),
    }
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self {
            script: Script::new(),
            model: Model::default(),
            clients: Vec::new(),
            lives: 0,
            asked: Vec::new(),
            released: Vec::new(),
            granted: Vec::new(),
            heard: 0,
        };
        for _ in 0..CLIENTS {
            let session = pair.open();
            pair.clients.push(session);
        }
        pair
    }

    fn now(&self) -> Time {
        self.script.now.moment.as_nanos()
    }

    fn open(&mut self) -> SessionNo {
        self.lives += 1;
        let lease_ms = 2_000 + 500 * (self.lives % 4);
        let session = self.script.open_for(&format!("s{}", self.lives), lease_ms);
        self.model.opened(session, lease_ms * MS, self.now());
        session
    }

    /// The client's session, or a new one where that is gone.
    fn client(&mut self, client: usize) -> SessionNo {
        if !self.model.is_alive(self.clients[client]) {
            self.clients[client] = self.open();
        }
        self.clients[client]
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Acquire { client, wants, wait } => {
                let session = self.client(*client);
                let asked = (session, self.script.request());
                let want =
                    |(place, mode): &(usize, Mode)| Want { key: key(KEYS[*place]), mode: *mode };
                let wants: Vec<Want> = wants.iter().map(want).collect();
                self.asked.push((asked, wants.clone(), *wait));
                self.acquire(asked, wants, *wait);
            }
            Act::AskAgain { back } => {
                if let Some((asked, wants, wait)) = self.asked.iter().rev().nth(*back).cloned() {
                    self.acquire(asked, wants, wait);
                }
            }
            Act::Release { client, back } => {
                let session = self.client(*client);
                let own = self.granted.iter().rev().filter(|(who, _)| *who == session);
                // Sometimes what somebody else was given.
                let shown = own.chain(self.granted.iter().rev()).nth(*back).cloned();
                if let Some((_, shown)) = shown {
                    let asked = (session, self.script.request());
                    self.released.push((asked, shown.clone()));
                    self.release(asked, shown);
                }
            }
            Act::ReleaseAgain { back } => {
                if let Some((asked, shown)) = self.released.iter().rev().nth(*back).cloned() {
                    self.release(asked, shown);
                }
            }
            Act::Cancel { client, back } => {
                let session = self.client(*client);
                let own = self.asked.iter().rev().filter(|((who, _), ..)| *who == session);
                let known = own.map(|((_, request), ..)| *request).nth(*back);
                // Or one that is still on its way.
                let request = known.unwrap_or_else(|| self.script.request());
                let to = self.script.asker();
                self.model.cancel(to.0, (session, request));
                self.tell(LockCommand::Cancel { to, session, request });
            }
            Act::Check { back } => {
                if let Some((_, shown)) = self.granted.iter().rev().nth(*back).cloned() {
                    let to = self.script.asker();
                    self.model.check(to.0, &shown);
                    self.tell(LockCommand::Check { to, shown });
                }
            }
            Act::Steal { key: place, delay_ms } => self.steal(*place, *delay_ms),
            Act::Renew { client } => {
                let session = self.client(*client);
                assert!(self.model.renew(session, self.now()));
                assert!(matches!(self.script.renew(session), LockReply::Renewed { .. }));
            }
            Act::Close { client } => {
                let (session, to) = (self.client(*client), self.script.asker());
                self.model.close(to.0, session);
                self.tell(LockCommand::Close { to, session });
            }
            Act::Wait { ms } => self.wait(*ms * MS),
            Act::JumpWall { ms } => {
                let jumped = Wall::from_ms(1_000_000 + ms);
                self.script.now.wall = jumped.max(self.script.now.wall);
                assert_eq!(self.script.settle(), []);
            }
            Act::TakeOver => {
                let replies = self.script.take_over();
                self.model.take_over(self.now());
                self.compare(replies);
            }
        }
    }

    fn acquire(&mut self, asked: Asked, locks: Vec<Want>, wait: Patience) {
        let to = self.script.asker();
        self.model.acquire((to.0, self.now()), asked, &locks, wait);
        let ask = Acquire { session: asked.0, request: asked.1, locks, wait };
        self.tell(LockCommand::Acquire { to, ask });
    }

    fn release(&mut self, (session, request): (SessionNo, RequestNo), shown: Grant) {
        let to = self.script.asker();
        self.model.release(to.0, (session, request), &shown);
        let reason = LockReason::Complete;
        let release = Release { session, request, locks: vec![shown], reason };
        self.tell(LockCommand::Release { to, release });
    }

    fn steal(&mut self, place: usize, delay_ms: Option<u64>) {
        let (to, key) = (self.script.asker(), key(KEYS[place]));
        self.model.steal((to.0, self.now()), &key, delay_ms);
        let token = self.script.locks().newest(&key);
        let (by, why) = ("eve".to_owned(), "for once".to_owned());
        let mut replies = self
            .script
            .tell(LockCommand::Steal { to, theft: Theft { key, token, by, why, delay_ms } });
        if let (_, LockReply::Refused(refusal)) = &mut replies[0] {
            // Which of two is told when nobody holds it is no matter here.
            assert!(matches!(
                refusal,
                LockRefusal::NotHeld { .. } | LockRefusal::StaleToken { .. }
            ));
            self.model.said();
            return;
        }
        self.compare(replies);
    }

    fn tell(&mut self, command: LockCommand) {
        let replies = self.script.tell(command);
        self.compare(replies);
    }

    /// Each thing at its time, as the model has it.
    fn wait(&mut self, by: Time) {
        let end = self.now() + by;
        loop {
            let next = self.model.next().filter(|next| *next <= end).unwrap_or(end);
            let replies = self.script.wait(Duration::from_nanos(next.saturating_sub(self.now())));
            self.model.tick(next);
            self.compare(replies);
            if next >= end {
                return;
            }
        }
    }

    fn compare(&mut self, replies: Vec<(u64, LockReply)>) {
        for (number, (_, event)) in (1_u64..).zip(&self.script.journal).skip(self.heard) {
            match event {
                Event::Lock(LockEvent::Granted {
                    owner: Owner::Session(session),
                    request,
                    wants,
                    ..
                }) => {
                    self.model.learn((*session, *request), number);
                    let grants = wants.iter().filter_map(|want| {
                        let held = self.model.hold(*session, &want.key)?;
                        Some((*session, Grant { key: want.key.clone(), token: Token(held.token) }))
                    });
                    self.granted.extend(grants.collect::<Vec<_>>());
                }
                Event::Lock(LockEvent::Stolen { key, .. }) => self.model.learn_theft(key, number),
                // What somebody counted on was let go, and so there was a circle.
                Event::Lock(LockEvent::Withdrawn {
                    owner: Owner::Session(session),
                    request,
                    why: Withdrawal::Deadlock { .. },
                    ..
                }) => self.model.withdraw((*session, *request)),
                _ => {}
            }
        }
        self.heard = self.script.journal.len();
        let mut expected = self.model.said();
        let mut heard: Vec<(u64, Said)> =
            replies.into_iter().map(|(to, reply)| (to, said(reply))).collect();
        expected.sort();
        heard.sort();
        assert_eq!(heard, expected, "the machine answers otherwise than the model");
        assert!(self.model.stuck().is_empty(), "somebody waits for ever");
        let gauges = self.script.locks().gauges();
        assert_eq!(gauges.waiting, self.model.queue.len() as u64);
        assert_eq!(gauges.lost, self.model.lost.len() as u64);
        assert_eq!(gauges.sessions, self.model.sessions.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_asked_in_whatever_order_the_answers_are_those_of_the_simple_model(
        acts in proptest::collection::vec(act(), 1..60),
    ) {
        let mut pair = Pair::new();
        for act in &acts {
            pair.act(act);
        }
        pair.script.check_replay();
    }
}
