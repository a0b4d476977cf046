//! Finds circles of waits: when the wait that would close one is about to be added, and after an owner
//! let go what a request of its own that waits still had counted on.
//!
//! A request waits for those who hold a lock as it cannot share it, and for all requests that are
//! ahead of it. Who waits with one request is taken to wait with all that it holds. Where only one of
//! several need let go (permits), a circle is not yet a deadlock: then it is tried out whether
//! anybody's ending, and what follows from it, would let the one in question go on.
//!
//! Nobody waits for one who holds nothing and has asked for nothing before: then there is nothing to
//! search. Otherwise the search touches each waiter and each hold once at most.

use std::collections::{BTreeMap, VecDeque};

use orkestra_runtime::id::{Attempt, LockKey, TaskNo, WaitNo};

use crate::lock::{
    command::LockCommand,
    decision::LockDecision,
    event::Withdrawal,
    machine::LockMachine,
    mode::{Mode, Want},
    owner::{Cycle, Link, Owner, Party, Tie, Who},
    state::{Lock, Owned},
    trial::Trial,
};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Party(Party),
    Wait(WaitNo),
    /// The request that is about to wait, or whoever is about to be waited for.
    Start,
}

/// A request that waits, or is about to.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) owner: Owner,
    pub(super) wants: &'a [Want],
    /// None: it would be the last.
    pub(super) place: Option<WaitNo>,
}

struct Search<'a> {
    machine: &'a LockMachine,
    /// How each was come to.
    from: BTreeMap<Node, (Node, Option<Link>)>,
    todo: VecDeque<Node>,
    /// Up to where the waiters of a lock were looked at, by those to whom all or only some conflict.
    ahead: BTreeMap<(LockKey, bool), WaitNo>,
    /// Whether one need not wait for all that were found.
    has_choice: bool,
}

impl LockMachine {
    /// The circle in which a request would be if it waited; none if it would not be in one.
    pub(super) fn cycle_of(&self, owner: Owner, wants: &[Want]) -> Option<Cycle> {
        if !self.is_waited_for(owner) {
            return None;
        }
        let request = Request { owner, wants, place: None };
        let mut search = Search::new(self);
        search.look_at(request, &Node::Start);
        let goal = owner.party();
        let links = search.run(&goal)?;
        if search.has_choice && search.comes_free(&goal, Some(request)) {
            return None;
        }
        Some(Cycle::of(links))
    }

    /// The circle in which a request waits already. None is let come to be: this is for whoever looks
    /// whether that is so.
    pub(super) fn circle_of(&self, wait: WaitNo) -> Option<Cycle> {
        let goal = self.durable.waits.get(&wait)?.owner.party();
        let mut search = Search::new(self);
        search.come_to(Node::Wait(wait), &Node::Start, None);
        let links = search.run(&goal)?;
        let goes_on = search.has_choice && search.comes_free(&goal, None);
        (!goes_on).then(|| Cycle::of(links))
    }

    /// Whether anybody may wait for an owner.
    fn is_waited_for(&self, owner: Owner) -> bool {
        let found = self.durable.owned.get(&owner);
        let is_held_up = |found: &Owned| {
            !found.waits.is_empty() || found.held.iter().any(|key| self.is_awaited(key))
        };
        found.is_some_and(is_held_up) || self.live.tied.contains_key(&owner.party())
    }

    /// Whether anybody waits for a lock.
    pub(super) fn is_awaited(&self, key: &LockKey) -> bool {
        self.durable.locks.get(key).is_some_and(|lock| !lock.queue.is_empty())
    }

    /// After somebody said for whom it waits: where that closes a circle, its youngest request is
    /// withdrawn.
    pub(super) fn decide_waits(&self, who: &Party, whom: &[Party], out: &mut LockDecision) {
        for party in whom {
            let mut search = Search::new(self);
            let (waits, awaited) = (self.party_called(who), self.party_called(party));
            let link = Link { who: waits, key: None, tie: Tie::Said, whom: awaited };
            search.come_to(Node::Party(party.clone()), &Node::Start, Some(link));
            if self.break_circle(search, who, out).is_some() {
                return;
            }
        }
    }

    /// After an owner let go what one of its requests counted on: the same.
    pub(super) fn decide_look(&self, wait: WaitNo, out: &mut LockDecision) {
        let Some(waiting) = self.durable.waits.get(&wait) else { return };
        let mut search = Search::new(self);
        search.come_to(Node::Wait(wait), &Node::Start, None);
        let broken = self.break_circle(search, &waiting.owner.party(), out);
        // There may be another circle, without the request that is withdrawn.
        if broken.is_some_and(|broken| broken != wait) {
            out.then.push(LockCommand::Look { wait });
        }
    }

    /// Withdraws the youngest request of a circle, if there is one, and answers which.
    fn break_circle(
        &self,
        mut search: Search<'_>,
        goal: &Party,
        out: &mut LockDecision,
    ) -> Option<WaitNo> {
        let mut links = search.run(goal)?;
        let youngest = search.youngest(goal)?;
        if search.has_choice && search.comes_free(goal, None) {
            return None;
        }
        // It is told beginning with the one that is refused.
        let refused = self.durable.who(self.durable.waits.get(&youngest)?.owner);
        let first = links.iter().position(|link| link.who == refused);
        links.rotate_left(first.unwrap_or_default());
        self.withdraw(youngest, Withdrawal::Deadlock { cycle: Cycle::of(links) }, out);
        Self::then_grant(out);
        Some(youngest)
    }

    pub(super) fn party_called(&self, party: &Party) -> Who {
        match party {
            Party::Session(no) => self.durable.who(Owner::Session(*no)),
            Party::Task(task) => Who::Task(*task),
            Party::Agent(agent) => Who::Agent(agent.clone()),
        }
    }

    fn owners_of(&self, party: &Party) -> Vec<Owner> {
        match party {
            Party::Session(no) => vec![Owner::Session(*no)],
            Party::Task(task) => {
                let of = |task: TaskNo, attempt| Owner::Attempt { task, attempt };
                let range = of(*task, Attempt(0))..=of(*task, Attempt(u32::MAX));
                self.durable.owned.range(range).map(|(owner, _)| *owner).collect()
            }
            Party::Agent(_) => Vec::new(),
        }
    }

    pub(super) fn waits_of(&self, party: &Party) -> Vec<WaitNo> {
        let owners = self.owners_of(party).into_iter();
        let owned = owners.filter_map(|owner| self.durable.owned.get(&owner));
        owned.flat_map(|owned| owned.waits.iter().copied()).collect()
    }

    pub(super) fn request(&self, wait: WaitNo) -> Option<Request<'_>> {
        let waiting = self.durable.waits.get(&wait)?;
        Some(Request { owner: waiting.owner, wants: &waiting.wants, place: Some(wait) })
    }

    /// The first request of the same owner that waits for the same lock before: when that is given it,
    /// this one has it too.
    pub(super) fn own_before(&self, request: Request<'_>, key: &LockKey) -> Option<WaitNo> {
        let end = request.place.unwrap_or(WaitNo(u64::MAX));
        let wants = |wait: &&WaitNo| {
            let waiting = self.durable.waits.get(wait);
            waiting.is_some_and(|waiting| waiting.wants.iter().any(|want| want.key == *key))
        };
        self.durable.owned.get(&request.owner)?.waits.range(..end).find(wants).copied()
    }

    /// Who waits for whom of those that wait for a lock, and so on; so many links at most.
    pub(super) fn links_from(&self, key: &LockKey, max: usize) -> Vec<Link> {
        let mut search = Search::new(self);
        let queue = self.durable.locks.get(key).into_iter().flat_map(|lock| &lock.queue);
        for wait in queue.take(max) {
            search.come_to(Node::Wait(*wait), &Node::Start, None);
        }
        let mut links = Vec::new();
        while let Some(node) = search.todo.pop_front() {
            links.extend(search.from.get(&node).and_then(|(_, link)| link.clone()));
            if links.len() >= max {
                break;
            }
            search.go_on_from(&node);
        }
        links
    }
}

impl<'a> Search<'a> {
    const fn new(machine: &'a LockMachine) -> Self {
        Self {
            machine,
            from: BTreeMap::new(),
            todo: VecDeque::new(),
            ahead: BTreeMap::new(),
            has_choice: false,
        }
    }

    /// Looks for a way to `goal`, the shortest first, and answers its links. Where there is a choice
    /// on the way it goes on to the end, so that all are known who matter.
    fn run(&mut self, goal: &Party) -> Option<Vec<Link>> {
        let goal = Node::Party(goal.clone());
        while let Some(node) = self.todo.pop_front() {
            if node == goal && !self.has_choice {
                break;
            }
            self.go_on_from(&node);
        }
        self.from.contains_key(&goal).then(|| self.links_to(&goal))
    }

    fn come_to(&mut self, node: Node, from: &Node, link: Option<Link>) {
        if !self.from.contains_key(&node) {
            self.from.insert(node.clone(), (from.clone(), link));
            self.todo.push_back(node);
        }
    }

    fn go_on_from(&mut self, node: &Node) {
        match node {
            Node::Start => {}
            Node::Wait(wait) => {
                if let Some(request) = self.machine.request(*wait) {
                    self.look_at(request, node);
                }
            }
            Node::Party(party) => {
                for wait in self.machine.waits_of(party) {
                    self.come_to(Node::Wait(wait), node, None);
                }
                let machine = self.machine;
                for whom in machine.live.ties.get(party).into_iter().flatten() {
                    let (who, called) = (machine.party_called(party), machine.party_called(whom));
                    let link = Link { who, key: None, tie: Tie::Said, whom: called };
                    self.come_to(Node::Party(whom.clone()), node, Some(link));
                }
            }
        }
    }

    /// Comes to all for whom a request waits.
    fn look_at(&mut self, request: Request<'a>, node: &Node) {
        for want in request.wants {
            let lock = self.machine.durable.locks.get(&want.key);
            // What one has one need not wait for; what one will have one waits for once.
            let Some(lock) = lock.filter(|lock| !lock.holders.contains_key(&request.owner)) else {
                continue;
            };
            if let Some(own) = self.machine.own_before(request, &want.key) {
                self.come_to(Node::Wait(own), node, None);
                continue;
            }
            self.look_at_holders(request, (want, lock), node);
            self.look_ahead(request, (want, lock), node);
        }
    }

    fn look_at_holders(&mut self, request: Request<'_>, (want, lock): (&Want, &Lock), node: &Node) {
        if lock.has_room_for(want.mode) {
            return;
        }
        self.has_choice |= is_counted(want.mode);
        for owner in lock.holders.keys() {
            let link = self.link(request.owner, &want.key, Tie::Holds, *owner);
            self.come_to(Node::Party(owner.party()), node, Some(link));
        }
    }

    fn look_ahead(&mut self, request: Request<'_>, (want, lock): (&Want, &Lock), node: &Node) {
        let all_conflict = want.mode.is_exclusive() || is_counted(want.mode);
        let seen = self.ahead.get(&(want.key.clone(), all_conflict)).copied();
        let from = seen.map_or(WaitNo(0), |WaitNo(seen)| WaitNo(seen + 1));
        let end = request.place.unwrap_or(WaitNo(u64::MAX));
        if from >= end {
            return;
        }
        for wait in lock.queue.range(from..end) {
            self.ahead.insert((want.key.clone(), all_conflict), *wait);
            let Some(before) = self.machine.durable.waits.get(wait) else { continue };
            let link = self.link(request.owner, &want.key, Tie::AskedEarlier, before.owner);
            if all_conflict || wants_alone(&before.wants, &want.key) {
                self.has_choice |= is_counted(want.mode);
                let party = Node::Party(before.owner.party());
                self.come_to(party, node, Some(link.clone()));
            }
            self.come_to(Node::Wait(*wait), node, Some(link));
        }
    }

    fn link(&self, who: Owner, key: &LockKey, tie: Tie, whom: Owner) -> Link {
        let durable = &self.machine.durable;
        Link { who: durable.who(who), key: Some(key.clone()), tie, whom: durable.who(whom) }
    }

    fn way_to<'b>(&'b self, goal: &'b Node) -> impl Iterator<Item = (&'b Node, Option<&'b Link>)> {
        let mut at = Some(goal);
        std::iter::from_fn(move || {
            let (node, (before, link)) = self.from.get_key_value(at?)?;
            at = (*before != Node::Start).then_some(before);
            Some((node, link.as_ref()))
        })
    }

    fn links_to(&self, goal: &Node) -> Vec<Link> {
        let mut links: Vec<Link> =
            self.way_to(goal).filter_map(|(_, link)| link.cloned()).collect();
        links.reverse();
        links
    }

    /// The youngest request on the way.
    fn youngest(&self, goal: &Party) -> Option<WaitNo> {
        let goal = Node::Party(goal.clone());
        let waits = self.way_to(&goal).filter_map(|(node, _)| match node {
            Node::Wait(wait) => Some(*wait),
            Node::Party(_) | Node::Start => None,
        });
        waits.max()
    }

    /// Tries out whether `goal` would go on if all who wait for nobody came to their end, and those
    /// after them, and so on.
    fn comes_free(&self, goal: &Party, new: Option<Request<'_>>) -> bool {
        let mut trial = Trial::of(self.machine);
        loop {
            let mut moved = false;
            for node in self.from.keys() {
                moved |= match node {
                    Node::Start => false,
                    Node::Wait(wait) => trial.grant(*wait),
                    Node::Party(party) => trial.finish(party, goal, new),
                };
            }
            if trial.finished.contains(goal) {
                return true;
            }
            if !moved {
                return false;
            }
        }
    }
}

/// Whether it depends on a number whether one may have a lock.
const fn is_counted(mode: Mode) -> bool {
    matches!(mode, Mode::Permits { .. })
}

fn wants_alone(wants: &[Want], key: &LockKey) -> bool {
    wants.iter().any(|want| want.key == *key && want.mode.is_exclusive())
}
