//! Leases, pauses, take-overs and fenced writes, in every order that there is within bounds.
//!
//! The model has a table of locks, which is the product's own machine behind a journal, leaders that
//! do not know yet that another has taken over, clients that do not know yet that they hold nothing
//! any more, and a network that loses words and delivers them late. A client that looks at its guard
//! and writes a while later is one that was paused in between.
//!
//! Bounded: one lock, two clients of which one has a short lease, a few moments, one take-over. The
//! second client neither renews nor asks again nor gives back: what it can do, the first one does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

mod books;
mod mind;
mod word;
mod world;

use std::collections::BTreeSet;

use stateright::{Checker as _, HasDiscoveries, Model, Property};

use books::Seen;
use world::{Act, World};

/// A bug that is planted, to see whether the properties find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// None.
    Nothing,
    /// What is written under a lock is taken whatever token it shows.
    Unfenced,
    /// A new leader counts its events from the beginning again.
    TokensForgotten,
    /// A new leader lets the leases that it finds go on from when they began.
    NoFullTerm,
    /// A leader that another has followed goes on to answer what needs no writing.
    AnswersDeposed,
}

/// Up to which moment time goes, and how many leaders there are, one after another.
struct Leases {
    until: u64,
    leaders: usize,
    /// How often the first client may renew its lease, and ask again.
    renewals: u8,
    agains: u8,
    bug: Bug,
}

const RISE: &str = "the tokens of the lock rise";
const ONE: &str = "the table has one holder at most";
const STALE: &str = "no write of one that does not hold the lock is accepted";
const FALL: &str = "the tokens of accepted writes never fall";
const GUARDS: &str = "no two guards say at once that they hold";
const BELIEVE: &str = "two believe that they hold";
const REFUSED: &str = "a stale write is refused";
const DEPOSED: &str = "a leader finds out that another has followed it";
const FOLLOWED: &str = "the second leader gives what the first one had lent";

impl Model for Leases {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        world.acts((self.until, self.leaders), acts);
    }

    fn next_state(&self, world: &World, act: Act) -> Option<World> {
        let mut next = world.clone();
        next.act(self.bug, &act);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(RISE, |_: &Self, world: &World| !world.books.has_seen(Seen::Fell)),
            Property::always(ONE, |_: &Self, world: &World| !world.books.has_seen(Seen::Twice)),
            Property::always(STALE, |_: &Self, world: &World| !world.books.has_seen(Seen::Stale)),
            Property::always(FALL, |_: &Self, world: &World| !world.books.has_seen(Seen::Back)),
            Property::always(GUARDS, |_: &Self, world: &World| world.valid_guards() < 2),
            Property::sometimes(BELIEVE, |_: &Self, world: &World| world.believers() > 1),
            Property::sometimes(REFUSED, |_: &Self, world: &World| {
                world.books.has_seen(Seen::Refused)
            }),
            Property::sometimes(DEPOSED, |_: &Self, world: &World| {
                world.books.has_seen(Seen::Deposed)
            }),
            Property::sometimes(FOLLOWED, |_: &Self, world: &World| {
                world.books.has_seen(Seen::Followed)
            }),
        ]
    }
}

const SAFE: [&str; 5] = [RISE, ONE, STALE, FALL, GUARDS];

/// Each bounded so that all of it is looked at within seconds: one leader and everything that clients
/// do; two leaders and a client that renews its lease; two and a client that asks again.
const SOUND: [Leases; 3] = [
    Leases { until: 5, leaders: 1, renewals: 1, agains: 1, bug: Bug::Nothing },
    Leases { until: 3, leaders: 2, renewals: 1, agains: 0, bug: Bug::Nothing },
    Leases { until: 4, leaders: 2, renewals: 0, agains: 1, bug: Bug::Nothing },
];

#[test]
fn in_every_order_no_stale_write_is_accepted_though_two_believe_that_they_hold() {
    let mut seen = BTreeSet::new();
    for model in SOUND {
        let checker = model.checker().threads(2).spawn_bfs().join();
        assert!(checker.is_done() && checker.unique_state_count() > 10_000);
        for name in SAFE {
            checker.assert_no_discovery(name);
        }
        seen.extend(checker.discoveries().into_keys());
    }
    // Had none of this been seen, the rest would show nothing.
    assert_eq!(seen, BTreeSet::from([BELIEVE, REFUSED, DEPOSED, FOLLOWED]));
}

#[test]
fn every_bug_that_is_planted_in_the_model_is_found() {
    for (bug, renewals, found) in [
        (Bug::Unfenced, 0, STALE),
        (Bug::TokensForgotten, 0, RISE),
        (Bug::NoFullTerm, 1, GUARDS),
        (Bug::AnswersDeposed, 1, GUARDS),
    ] {
        let model = Leases { until: 3, leaders: 2, renewals, agains: 0, bug };
        let enough = HasDiscoveries::AnyOf(BTreeSet::from(SAFE));
        let checker = model.checker().threads(2).finish_when(enough).spawn_bfs().join();
        let broken: Vec<&str> =
            SAFE.into_iter().filter(|name| checker.discovery(name).is_some()).collect();
        assert!(broken.contains(&found), "{bug:?} breaks {broken:?}");
    }
}
