//! What a shard may give each agent, where an agent's capacity is shared with other shards.
//!
//! The node of an agent grants credits: how many attempts this shard may have outstanding there,
//! until a term ends. A term is counted from the moment at which the wish was said that the grant
//! answers, by this shard's own clock: so it is over here before it is over there, however long
//! the words were on their way. Wishes are said when ready tasks find an agent without credit,
//! when a grant says less than the one before it, and a few times a term for as long as credit is
//! used; never for each task: wishes grow by doubling and shrink at the pace of the term.
//!
//! All of it is volatile. A new leader begins without credit, and what is outstanding from before
//! counts.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, Incarnation, TaskNo},
    protocol::agent::{Availability, ToAgent},
    time::{Moment, Now},
};

use crate::task::{
    command::{Decision, TaskCommand},
    machine::TaskMachine,
    roster::{AgentNo, AgentRecord, PERSON},
};

/// What this shard may give one agent, and what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credit {
    /// The number of the latest grant that was heard.
    heard: u64,
    /// How many attempts may be outstanding.
    credits: u32,
    /// And until when.
    until: Moment,
    /// How many it said that it could use, in all.
    wish: u32,
    /// When it said so last; its number is this moment, so numbers rise.
    asked: Moment,
    /// The latest of its wishes that was answered.
    answered: u64,
    /// How many were outstanding at once since that was looked at.
    peak: u32,
    /// Whether a grant is to be confirmed.
    confirms: bool,
    /// Whether the command that is being decided says its wish.
    says: bool,
}

impl Credit {
    const NONE: Self = Self {
        heard: 0,
        credits: 0,
        until: Moment::START,
        wish: 0,
        asked: Moment::START,
        answered: 0,
        peak: 0,
        confirms: false,
        says: false,
    };

    /// How many attempts may be outstanding at this moment.
    fn usable(&self, now: Moment) -> u32 {
        if self.until > now { self.credits } else { 0 }
    }

    /// Wishes for so many in all. What it does not wish for it does not use either, from now on and
    /// until a later grant: so what is given back is free as soon as the wish is heard.
    fn ask(&mut self, now: Moment, wish: u32) {
        (self.wish, self.credits) = (wish, self.credits.min(wish));
        self.asked = now.max(Moment::from_nanos(self.asked.as_nanos() + 1));
        (self.says, self.confirms) = (true, false);
    }

    fn is_answered(&self) -> bool {
        self.answered >= self.asked.as_nanos()
    }
}

/// What a [`FromAgent::Granted`](orkestra_runtime::protocol::agent::FromAgent::Granted) says.
pub(super) struct Granted<'a> {
    pub(super) agent: &'a AgentId,
    pub(super) incarnation: Incarnation,
    pub(super) number: u64,
    pub(super) asked: u64,
    pub(super) credits: u32,
    pub(super) for_ms: u64,
}

impl TaskMachine {
    /// How many attempts an agent may have outstanding as far as its credit goes.
    pub(super) fn credit_of(&self, no: AgentNo, now: Moment) -> u32 {
        if !self.settings.needs_credit {
            return u32::MAX;
        }
        self.live.credits.get(&no).map_or(0, |credit| credit.usable(now))
    }

    /// Takes a grant, unless a later one was heard or nobody asked for it.
    pub(super) fn hear_granted(&mut self, now: Now, granted: &Granted<'_>) {
        let Some(no) = self.current(granted.agent, granted.incarnation) else { return };
        let began = self.live.began;
        let Some(credit) = self.live.credits.get_mut(&no) else { return };
        let asked = Moment::from_nanos(granted.asked);
        // What answers a wish of another leader says nothing to this one.
        if granted.number <= credit.heard || asked > credit.asked || asked < began {
            return;
        }
        let within = Duration::from_millis(granted.for_ms).min(self.settings.credit_term);
        let before = credit.usable(now.moment);
        credit.heard = granted.number;
        credit.credits = granted.credits;
        credit.until = asked + within;
        credit.answered = credit.answered.max(granted.asked);
        let after = credit.usable(now.moment);
        // The sooner it is known that this is heeded, the sooner others have it.
        credit.confirms |= after < before;
        if after > before {
            self.live.settled = false;
        }
    }

    /// The internal command that looks after credits, if that is due.
    pub(super) fn due_want(&self, now: Now) -> Option<TaskCommand> {
        self.live.credit_look.is_some_and(|at| at <= now.moment).then_some(TaskCommand::Want)
    }

    /// Drops what an agent granted: another life of its worker knows nothing of it.
    pub(super) fn drop_credit(&mut self, no: AgentNo) {
        self.live.credits.remove(&no);
    }

    /// An attempt was given to an agent.
    pub(super) fn use_credit(&mut self, no: AgentNo) {
        let Some(record) = self.durable.roster.get(no) else { return };
        if let Some(credit) = self.live.credits.get_mut(&no) {
            credit.peak = credit.peak.max(record.outstanding);
        }
    }

    /// An attempt came back though there was credit for it: there is less room than was granted, so
    /// nothing more is given until the next grant.
    pub(super) fn doubt_credit(&mut self, task: TaskNo) {
        let Some(no) = self.live.leases.get(&task).map(|lease| lease.agent) else { return };
        let Some(record) = self.durable.roster.get(no) else { return };
        if let Some(credit) = self.live.credits.get_mut(&no) {
            credit.credits = credit.credits.min(record.outstanding);
        }
    }

    /// Before the internal command: who is asked for how much.
    pub(super) fn plan_wants(&mut self, now: Now) {
        for credit in self.live.credits.values_mut() {
            credit.says = false;
        }
        let is_due = self.live.credit_look.is_some_and(|at| at <= now.moment);
        let mut wishes = Vec::new();
        for (no, record) in self.givers() {
            let known = self.live.credits.get(&no);
            let room = record.breaker.room(record.profile.capacity, now.wall);
            let wish = known.map_or(0, |credit| credit.wish);
            let usable = known.map_or(0, |credit| credit.usable(now.moment));
            if wish >= room || record.outstanding < usable {
                continue;
            }
            let wanted = rounded(self.wanted_of(record), room);
            if wanted > wish && wanted > record.outstanding {
                wishes.push((no, wanted));
            }
        }
        for (no, wish) in wishes {
            self.live.credits.entry(no).or_insert(Credit::NONE).ask(now.moment, wish);
        }
        if is_due {
            self.tend_credits(now);
        }
        for credit in self.live.credits.values_mut().filter(|credit| credit.confirms) {
            credit.ask(now.moment, credit.wish);
        }
        let pace = self.settings.credit_term / 4;
        self.live.credit_look = match self.live.credit_look {
            _ if self.live.credits.is_empty() => None,
            Some(at) if !is_due => Some(at),
            Some(_) | None => Some(now.moment + pace),
        };
    }

    /// Renews what is used, asks again where no answer came, and gives back what is not used.
    fn tend_credits(&mut self, now: Now) {
        let term = self.settings.credit_term;
        let numbers: Vec<AgentNo> = self.live.credits.keys().copied().collect();
        for no in numbers {
            let record = self.durable.roster.get(no).filter(|_| self.live.joined.contains_key(&no));
            let Some(record) = record else {
                self.live.credits.remove(&no);
                continue;
            };
            let room = record.breaker.room(record.profile.capacity, now.wall);
            let wanted = if self.is_giver(no, record) { self.wanted_of(record) } else { 0 };
            let outstanding = record.outstanding;
            let Some(credit) = self.live.credits.get_mut(&no) else { continue };
            let used = wanted.max(outstanding).max(credit.peak);
            credit.peak = outstanding;
            let wish = rounded(used, room.max(outstanding));
            let since = now.moment.since(credit.asked);
            if wish == 0 {
                if credit.wish > 0 {
                    credit.ask(now.moment, 0);
                } else if since > term {
                    // Whatever is still on its way is over.
                    self.live.credits.remove(&no);
                }
            } else if since >= term * 3 / 8 || (!credit.is_answered() && since >= term / 4) {
                credit.ask(now.moment, wish);
            }
        }
    }

    /// Says what was planned.
    pub(super) fn decide_wants(&self, out: &mut Decision) {
        for (no, credit) in self.live.credits.iter().filter(|(_, credit)| credit.says) {
            let Some(record) = self.durable.roster.get(*no) else { continue };
            let Some(incarnation) = self.live.joined.get(no).copied() else { continue };
            let held = record.outstanding;
            let want = ToAgent::Want {
                incarnation,
                number: credit.asked.as_nanos(),
                count: credit.wish.saturating_sub(held),
                held,
                heard: credit.heard,
            };
            out.tell(&record.profile.id, want);
        }
    }

    /// What follows from a grant.
    pub(super) fn decide_granted(&self, out: &mut Decision) {
        if self.live.credits.values().any(|credit| credit.confirms) {
            out.then.push(TaskCommand::Want);
        }
    }

    /// Agents that are given tasks, if they have room.
    fn givers(&self) -> impl Iterator<Item = (AgentNo, &AgentRecord)> {
        let joined = self.live.joined.keys();
        let records = joined.filter_map(|no| Some((*no, self.durable.roster.get(*no)?)));
        records.filter(|(no, record)| self.is_giver(*no, record))
    }

    fn is_giver(&self, no: AgentNo, record: &AgentRecord) -> bool {
        !self.live.leaving.contains(&no)
            && record.profile.availability == Availability::Available
            && record.drained.is_none()
            && record.profile.kind != PERSON
    }

    /// How many attempts an agent could hold now, by what is ready: what it holds, and all that it
    /// may work on.
    fn wanted_of(&self, record: &AgentRecord) -> u32 {
        let profile = &record.profile;
        let queues = self.lines_of_ready();
        let ready = queues.map(|(class, places)| {
            if !class.admits(&profile.id, &profile.capabilities) {
                return 0;
            }
            let ready = u32::try_from(places.len()).unwrap_or(u32::MAX);
            ready.min(self.room_of(class.run))
        });
        ready.fold(record.outstanding, u32::saturating_add)
    }
}

/// The next power of two, so that small changes change nothing; at most what there is.
fn rounded(wanted: u32, most: u32) -> u32 {
    if wanted == 0 { 0 } else { wanted.checked_next_power_of_two().unwrap_or(u32::MAX).min(most) }
}
