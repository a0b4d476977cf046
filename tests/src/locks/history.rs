//! What clients saw of locks, held against what locks can do one call at a time.
//!
//! The search is that of Wing, Gong and Lowe, lock by lock. Beside it stand checks that need no
//! search and are always made: tokens rise in the order of grants, those of accepted writes never
//! fall, and no two clients had a guard that was good at the same time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use orkestra_runtime::{id::LockKey, time::Moment};
use todc_utils::{
    linearizability::{
        WGLChecker,
        history::{Action, History},
    },
    specifications::Specification,
};

use super::table::Table;

/// How many findings of a kind are told.
const TOLD_MAX: usize = 5;

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// The lock was given.
    Acquired(u64),
    /// It was given back.
    Released(u64),
    /// It was given back, or not, or will be.
    MayBeReleased(u64),
    /// A write that shows this token was accepted.
    Written(u64),
    /// A write, or a release, was refused: the token is no good.
    Refused(u64),
    /// All tokens up to the second were made bad, of which the first was the newest.
    Stolen(u64, u64),
    /// The table took it from its holder; nobody saw when.
    Taken(u64),
}

/// A call and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Of which lock.
    pub key: LockKey,
    /// When it was made, among all calls and answers.
    pub from: u64,
    /// When it was answered; it is open to the end if it was not.
    pub to: Option<u64>,
    /// What it came to.
    pub done: Done,
}

/// Between when a guard said that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of which lock.
    pub key: LockKey,
    /// Its token.
    pub token: u64,
    /// From the answer.
    pub from: Moment,
    /// To the wish to give it back, or to when it was good no more.
    pub to: Moment,
}

/// Where calls are written down, by all clients of a process.
#[derive(Debug, Default)]
pub struct Recorder {
    next: AtomicU64,
    calls: Mutex<Vec<Call>>,
    spans: Mutex<Vec<Span>>,
}

impl Recorder {
    /// The place of a call or an answer among all.
    pub fn place(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Writes down a call that has just been answered, or never will be.
    pub fn write(&self, (key, from): (&LockKey, u64), is_answered: bool, done: Done) {
        let to = is_answered.then(|| self.place());
        let call = Call { key: key.clone(), from, to, done };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    /// Writes down between when a guard held.
    pub fn held(&self, span: Span) {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    /// All that was written down so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All that was written down of guards.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A lock, for one call at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    by: Option<u64>,
    newest: u64,
    written: u64,
}

struct OneLock;

impl Specification for OneLock {
    type State = Held;
    type Operation = Done;

    fn init() -> Held {
        Held::default()
    }

    fn apply(done: &Done, held: &Held) -> (bool, Held) {
        let free = |token: u64| Held { by: held.by.filter(|by| *by != token), ..held.clone() };
        match *done {
            Done::Acquired(token) => {
                let is_valid = held.by.is_none() && token > held.newest;
                (is_valid, Held { by: Some(token), newest: token, ..held.clone() })
            }
            Done::Released(token) | Done::Taken(token) => (held.by == Some(token), free(token)),
            Done::MayBeReleased(token) => (true, free(token)),
            Done::Written(token) => {
                let is_valid = held.by == Some(token) && token >= held.written;
                (is_valid, Held { written: token, ..held.clone() })
            }
            Done::Refused(token) => (held.by != Some(token), held.clone()),
            Done::Stolen(before, token) => {
                let is_valid = held.newest == before && token > before;
                (is_valid, Held { by: None, newest: token, ..held.clone() })
            }
        }
    }
}

/// Whether calls of one lock can be put in an order in which each could have come to what it did.
pub fn is_linearizable(calls: &[Call]) -> bool {
    let end = calls.iter().map(|call| call.to.unwrap_or(call.from)).max().unwrap_or(0) + 1;
    let mut actions = Vec::new();
    for (process, call) in calls.iter().enumerate() {
        // What the table takes was given before: it stands behind the call that it was given to.
        let later = u8::from(matches!(call.done, Done::Taken(_)));
        actions.push(((call.from, later, process), Action::Call(call.done)));
        let to = call.to.unwrap_or(end);
        actions.push(((to, 0, process), Action::Response(call.done)));
    }
    actions.sort_by_key(|(place, _)| *place);
    let actions: Vec<_> =
        actions.into_iter().map(|((_, _, process), action)| (process, action)).collect();
    actions.is_empty() || WGLChecker::<OneLock>::is_linearizable(History::from_actions(actions))
}

/// What must not be in what clients saw, with what the journal says of which tokens were taken.
pub fn judge(calls: &[Call], spans: &[Span], table: &Table) -> Vec<String> {
    let mut findings = table.findings.clone();
    let keys: BTreeSet<&LockKey> = calls.iter().map(|call| &call.key).collect();
    for key in keys {
        let mut of: Vec<Call> = calls.iter().filter(|call| call.key == *key).cloned().collect();
        findings.extend(rising(key, &of));
        let granted = of.iter().filter_map(|call| match call.done {
            Done::Acquired(token) => Some((token, call.from)),
            _ => None,
        });
        let granted: BTreeMap<u64, u64> = granted.collect();
        let unknown = granted.keys().filter(|token| !table.was_given(key, **token));
        let unknown = unknown.take(TOLD_MAX);
        findings.extend(unknown.map(|token| format!("lock {key} was never given with {token}")));
        for token in table.taken(key) {
            // Whoever stole it has seen that itself.
            let is_theft = |call: &Call| matches!(call.done, Done::Stolen(of, _) if of == token);
            if let Some(from) = granted.get(&token).filter(|_| !of.iter().any(is_theft)) {
                of.push(Call { key: key.clone(), from: *from, to: None, done: Done::Taken(token) });
            }
        }
        if !is_linearizable(&of) {
            findings.push(format!("the history of lock {key} is not linearizable"));
        }
    }
    findings.extend(overlaps(spans));
    findings
}

/// Tokens rise from one grant to the next, and do not fall from one accepted write to the next.
fn rising(key: &LockKey, calls: &[Call]) -> Vec<String> {
    let tokens = |is_write: bool| {
        calls.iter().filter_map(move |call| match call.done {
            Done::Acquired(token) if !is_write => Some((call, token)),
            Done::Written(token) if is_write => Some((call, token)),
            _ => None,
        })
    };
    let mut findings = Vec::new();
    for is_write in [false, true] {
        for (call, token) in tokens(is_write) {
            let before =
                tokens(is_write).filter(|(other, _)| other.to.is_some_and(|to| to < call.from));
            let newest = before.map(|(_, token)| token).max().unwrap_or(0);
            if token < newest || (token == newest && !is_write) {
                let what = if is_write { "is written with" } else { "is given with" };
                findings.push(format!("lock {key} {what} {token} after {newest}"));
            }
        }
    }
    findings.truncate(TOLD_MAX);
    findings
}

/// No two guards of a lock said at the same time that they hold.
fn overlaps(spans: &[Span]) -> Vec<String> {
    let mut spans: Vec<&Span> = spans.iter().filter(|span| span.from < span.to).collect();
    spans.sort_by_key(|span| (&span.key, span.from));
    let overlap = |pair: &&[&Span]| pair[0].key == pair[1].key && pair[1].from < pair[0].to;
    let found = spans.windows(2).filter(overlap).take(TOLD_MAX);
    let told = |pair: &[&Span]| {
        let (first, second) = (pair[0], pair[1]);
        let key = &first.key;
        format!("two guards of lock {key} held at once: {} and {}", first.token, second.token)
    };
    found.map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(from: u64, to: u64, done: Done) -> Call {
        let key = LockKey::new("file").unwrap();
        Call { key, from, to: (to > 0).then_some(to), done }
    }

    #[test]
    fn who_waits_while_another_holds_is_served_afterwards_and_the_checker_agrees() {
        let history = [
            call(1, 3, Done::Acquired(10)),
            call(2, 8, Done::Acquired(20)),
            call(4, 5, Done::Written(10)),
            call(6, 7, Done::Released(10)),
            call(9, 10, Done::Refused(10)),
            call(11, 12, Done::Written(20)),
        ];
        assert!(is_linearizable(&history));
    }

    #[test]
    fn what_cannot_have_been_is_refused_by_the_checker() {
        // Given twice, and given back by nobody.
        assert!(!is_linearizable(&[
            call(1, 2, Done::Acquired(10)),
            call(3, 4, Done::Acquired(20)),
        ]));
        // A write is accepted after the lock was given back and given on.
        assert!(!is_linearizable(&[
            call(1, 2, Done::Acquired(10)),
            call(3, 4, Done::Released(10)),
            call(5, 6, Done::Acquired(20)),
            call(7, 8, Done::Written(10)),
        ]));
        // A token is good, and a write with it is refused.
        assert!(!is_linearizable(&[
            call(1, 2, Done::Acquired(10)),
            call(3, 4, Done::Refused(10)),
            call(5, 6, Done::Released(10)),
        ]));
        // A token that falls.
        assert!(!is_linearizable(&[
            call(1, 2, Done::Acquired(10)),
            call(3, 4, Done::Released(10)),
            call(5, 6, Done::Acquired(9)),
        ]));
    }

    #[test]
    fn an_unknown_end_is_open_and_what_the_table_took_was_taken_at_some_time() {
        let open = [
            call(1, 2, Done::Acquired(10)),
            call(3, 0, Done::MayBeReleased(10)),
            call(4, 5, Done::Written(10)),
            call(6, 7, Done::Acquired(20)),
        ];
        assert!(is_linearizable(&open));
        let [first, _, written, next] = open;
        let taken = call(1, 0, Done::Taken(10));
        let mut lost = vec![first, written, next, taken];
        assert!(is_linearizable(&lost));
        // Taken it was, and yet a write under it comes after the next grant.
        lost.push(call(8, 9, Done::Written(10)));
        assert!(!is_linearizable(&lost));
        lost.pop();
        lost.pop();
        assert!(!is_linearizable(&lost), "nobody took it");
    }

    #[test]
    fn the_checks_that_need_no_search_find_tokens_that_fall_and_guards_that_overlap() {
        let key = LockKey::new("file").unwrap();
        let calls = [
            call(1, 2, Done::Acquired(10)),
            call(3, 4, Done::Acquired(9)),
            call(5, 6, Done::Written(10)),
            call(7, 8, Done::Written(9)),
        ];
        assert_eq!(rising(&key, &calls).len(), 2);
        let span = |token, from, to| {
            let (from, to) = (Moment::from_ms(from), Moment::from_ms(to));
            Span { key: key.clone(), token, from, to }
        };
        assert!(overlaps(&[span(1, 5, 9), span(2, 9, 10)]).is_empty());
        assert_eq!(overlaps(&[span(1, 5, 9), span(2, 8, 10)]).len(), 1);
    }
}
