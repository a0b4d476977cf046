//! Finds out what a view shows.

use std::ops::Bound;

use orkestra_runtime::{
    id::{LockKey, SessionId, SessionNo},
    time::{Moment, Now},
};

use crate::lock::{
    live::Tally,
    machine::LockMachine,
    owner::Owner,
    settings::ms,
    state::{Lock, Session},
    view::{
        HeldView, HolderView, LockAnswer, LockDetail, LockGauges, LockQuery, LockView, LostView,
        Page, ROWS_MAX, SessionDetail, SessionView, WaitView, WaiterView,
    },
};

/// How many links an explanation has.
const WHY_MAX: usize = 50;

impl LockMachine {
    /// Answers a question.
    pub fn answer(&self, now: Now, query: &LockQuery) -> LockAnswer {
        match query {
            LockQuery::List { after, limit } => {
                let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let locks = self.durable.locks.range::<LockKey, _>((from, Bound::Unbounded));
                let rows = locks.map(|(key, lock)| self.show_lock(key, lock));
                LockAnswer::Locks(page(rows, *limit))
            }
            LockQuery::Get { key, skip, limit } => {
                let lock = self.durable.locks.get(key);
                let rows = (rows_of(*skip, usize::MAX), rows_of(*limit, ROWS_MAX));
                LockAnswer::Lock(lock.map(|lock| Box::new(self.detail(now, (key, lock), rows))))
            }
            LockQuery::Why(key) => LockAnswer::Why(self.links_from(key, WHY_MAX)),
            LockQuery::Sessions { after, limit } => {
                let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let names = self.durable.names.range::<SessionId, _>((from, Bound::Unbounded));
                let found = names.filter_map(|(_, no)| Some((*no, self.durable.sessions.get(no)?)));
                let rows = found.map(|(no, session)| self.show_session(now, no, session));
                LockAnswer::Sessions(page(rows, *limit))
            }
            LockQuery::Session(name) => {
                let found = self.durable.session_named(name);
                let detail = found.map(|(no, session)| self.session_detail(now, no, session));
                LockAnswer::Session(detail.map(Box::new))
            }
            LockQuery::Gauges => LockAnswer::Gauges(self.gauges()),
            LockQuery::Stale { silent_ms } => {
                LockAnswer::Stale(self.page_of_stale(now, *silent_ms))
            }
        }
    }

    /// How many there are of what.
    pub fn gauges(&self) -> LockGauges {
        let Tally { granted, timed_out, deadlocks, stolen, expired } = self.live.tally;
        LockGauges {
            sessions: self.durable.sessions.len() as u64,
            locks: self.durable.locks.len() as u64,
            waiting: self.durable.waits.len() as u64,
            lost: self.live.delays.iter().count() as u64,
            granted,
            timed_out,
            deadlocks,
            stolen,
            expired,
        }
    }

    fn show_lock(&self, key: &LockKey, lock: &Lock) -> LockView {
        LockView {
            key: key.clone(),
            kind: lock.kind,
            newest: self.newest(key),
            holders: lock.holders.len() as u64,
            held_by: self.holders_of(key),
            waiting: lock.queue.len() as u64,
            lost: lock.ghosts.len() as u64,
        }
    }

    fn detail(
        &self,
        now: Now,
        (key, lock): (&LockKey, &Lock),
        (skip, limit): (usize, usize),
    ) -> LockDetail {
        let holders = lock.holders.iter().skip(skip).take(limit).map(|(owner, hold)| HolderView {
            who: self.durable.who(*owner),
            mode: hold.mode,
            token: hold.token,
            depth: hold.depth,
            since: hold.since,
        });
        let lost = lock.ghosts.iter().skip(skip).take(limit).map(|(token, ghost)| LostView {
            who: ghost.who.clone(),
            mode: ghost.mode,
            token: *token,
            left_ms: left_ms(now, self.live.delays.get(&(key.clone(), *token))).unwrap_or_default(),
        });
        let queue = (1..).zip(&lock.queue).skip(skip).take(limit);
        let waiters = queue.filter_map(|(place, no)| {
            let waiting = self.durable.waits.get(no)?;
            Some(WaiterView {
                place,
                wait: *no,
                who: self.durable.who(waiting.owner),
                wants: waiting.wants.to_vec(),
                since: waiting.since,
                left_ms: left_ms(now, self.live.deadlines.get(no)),
            })
        });
        LockDetail {
            lock: self.show_lock(key, lock),
            holders: holders.collect(),
            lost: lost.collect(),
            waiters: waiters.collect(),
        }
    }

    fn show_session(&self, now: Now, no: SessionNo, session: &Session) -> SessionView {
        let owned = self.durable.owned.get(&Owner::Session(no));
        SessionView {
            session: session.name.clone(),
            number: no,
            by: session.by.clone(),
            since: session.since,
            lease_ms: session.lease_ms,
            left_ms: left_ms(now, self.live.leases.get(&no)).unwrap_or_default(),
            holds: owned.map_or(0, |owned| owned.held.len() as u64),
            waits: owned.map_or(0, |owned| owned.waits.len() as u64),
            losses: session.losses,
        }
    }

    fn session_detail(&self, now: Now, no: SessionNo, session: &Session) -> SessionDetail {
        let owner = Owner::Session(no);
        let found = self.durable.owned.get(&owner);
        let held = found.into_iter().flat_map(|found| &found.held).take(ROWS_MAX);
        let held = held.filter_map(|key| {
            let has = self.durable.hold(owner, key)?;
            let (mode, token, depth) = (has.mode, has.token, has.depth);
            Some(HeldView { key: key.clone(), mode, token, depth })
        });
        let waits = found.into_iter().flat_map(|found| &found.waits).filter_map(|no| {
            let waiting = self.durable.waits.get(no)?;
            let wants = waiting.wants.to_vec();
            Some(WaitView { wait: *no, wants, since: waiting.since })
        });
        SessionDetail {
            session: self.show_session(now, no, session),
            held: held.collect(),
            waits: waits.collect(),
        }
    }
}

fn rows_of(count: u64, max: usize) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).min(max)
}

fn page<T>(mut rows: impl Iterator<Item = T>, limit: u64) -> Page<T> {
    let taken = rows.by_ref().take(rows_of(limit, ROWS_MAX)).collect();
    Page { rows: taken, more: rows.next().is_some() }
}

fn left_ms(now: Now, until: Option<Moment>) -> Option<u64> {
    until.map(|until| ms(until.since(now.moment)))
}
