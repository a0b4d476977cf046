//! Decides which shard may give the agent how much.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::ShardId,
    machine::Machine,
    time::{Moment, Now},
};

use super::{
    account::Account,
    share::shares,
    words::{AttemptKey, CreditSettings, Effect, Event, Grant, Leader, Want},
};

/// How many shards are known at once; a wish of one more is not heard.
const SHARDS_MAX: usize = 4_096;

/// The credits of one agent, in one life of its worker.
#[derive(Clone, Debug)]
pub struct CreditMachine {
    settings: CreditSettings,
    capacity: u32,
    accounts: BTreeMap<ShardId, Account>,
    /// Whose attempt it is, for those that are held.
    holders: BTreeMap<AttemptKey, ShardId>,
    /// The number of the latest grant.
    number: u64,
    /// Whether somebody has less than its share.
    is_short: bool,
    /// When shares are looked at though nothing happened: somebody's turn ends, or is paced.
    look: Option<Moment>,
}

impl CreditMachine {
    /// The machine of an agent that can hold `capacity` attempts and holds none.
    pub const fn new(settings: CreditSettings, capacity: u32) -> Self {
        Self {
            settings,
            capacity,
            accounts: BTreeMap::new(),
            holders: BTreeMap::new(),
            number: 0,
            is_short: false,
            look: None,
        }
    }

    /// How many attempts all shards together have outstanding or may still give out.
    pub fn claimed(&self) -> u64 {
        self.accounts.values().map(|account| u64::from(account.claim())).sum()
    }

    /// How many attempts the worker was given and has not ended.
    pub fn outstanding(&self) -> usize {
        self.holders.len()
    }

    /// The number of the latest grant to a shard's present leader; 0: none.
    #[cfg(test)]
    pub(super) fn latest_of(&self, shard: ShardId) -> u64 {
        self.accounts.get(&shard).map_or(0, Account::latest)
    }

    fn free(&self) -> u32 {
        u32::try_from(u64::from(self.capacity).saturating_sub(self.claimed())).unwrap_or(u32::MAX)
    }

    fn hear(&mut self, now: Moment, by: Leader, want: Want, effects: &mut Vec<Effect>) {
        if !self.reigns(by) {
            return;
        }
        self.expire(now);
        let (until, free) = (now + self.settings.term, self.free());
        let Some(account) = self.accounts.get_mut(&by.shard) else { return };
        if !account.hear((now, until), want, free) {
            return;
        }
        let first = effects.len();
        self.balance(now, effects);
        // Whoever asks is answered, or it would ask again; and its term is counted from this wish.
        let mine = |effect: &Effect| matches!(effect, Effect::Grant { to, .. } if *to == by);
        if effects.iter().skip(first).any(mine) {
            return;
        }
        let account = self.accounts.get(&by.shard);
        let wishing = account.filter(|account| account.wishes().is_some());
        if let Some(credits) = wishing.map(|account| account.credits) {
            self.grant(now, by.shard, credits, effects);
        }
    }

    /// Notes who leads a shard; answers whether this one does, as far as is known.
    fn reigns(&mut self, leader: Leader) -> bool {
        let is_known = self.accounts.contains_key(&leader.shard);
        if !is_known && self.accounts.len() >= SHARDS_MAX {
            return false;
        }
        let account = self.accounts.entry(leader.shard).or_default();
        if account.epoch < leader.epoch {
            account.reign(leader.epoch);
        }
        account.epoch == leader.epoch
    }

    fn assigned(
        &mut self,
        now: Moment,
        by: Leader,
        attempts: Vec<AttemptKey>,
        effects: &mut Vec<Effect>,
    ) {
        self.expire(now);
        // What an old leader gave out is on record, and its successor counts it.
        self.reigns(by);
        let mut refused = Vec::new();
        for key in attempts {
            // What the worker has already it does not begin again.
            if self.holders.contains_key(&key) {
                continue;
            }
            if self.admits(by.shard) {
                self.holders.insert(key, by.shard);
                if let Some(account) = self.accounts.get_mut(&by.shard) {
                    account.take(key);
                }
            } else {
                refused.push(key);
            }
        }
        if !refused.is_empty() {
            effects.push(Effect::HandBack { to: by, attempts: refused });
        }
    }

    /// Whether one attempt more of a shard finds room.
    fn admits(&self, shard: ShardId) -> bool {
        let account = self.accounts.get(&shard);
        account.is_some_and(|account| account.outstanding() < account.claim() || self.free() > 0)
    }

    fn ended(&mut self, now: Moment, keys: &[AttemptKey], effects: &mut Vec<Effect>) {
        let mut is_free = false;
        for key in keys {
            let Some(shard) = self.holders.remove(key) else { continue };
            let Some(account) = self.accounts.get_mut(&shard) else { continue };
            let before = account.claim();
            account.release(*key);
            is_free |= account.claim() < before;
        }
        // While everybody stays within its grant, nothing changes for others.
        if is_free && self.is_short {
            self.balance(now, effects);
        }
    }

    fn holds(&mut self, now: Moment, mut held: Vec<AttemptKey>, effects: &mut Vec<Effect>) {
        held.sort_unstable();
        for account in self.accounts.values_mut() {
            account.reconcile(&held);
        }
        let accounts = &self.accounts;
        self.holders
            .retain(|key, shard| accounts.get(shard).is_some_and(|account| account.holds(*key)));
        if self.is_short {
            self.balance(now, effects);
        }
    }

    fn expire(&mut self, now: Moment) {
        let usable = self.settings.usable();
        for account in self.accounts.values_mut() {
            account.expire(now, usable);
        }
    }

    /// Who wants, in the order in which shares are given: who has its turn, then who has waited, and
    /// then whose turn is over.
    fn order(&self, now: Moment) -> Vec<(ShardId, u32)> {
        let wishes = self
            .accounts
            .iter()
            .filter_map(|(shard, account)| Some((*shard, account, account.wishes()?)));
        let mut order: Vec<_> = wishes.collect();
        let is_crowded = order.len() > usize::try_from(self.capacity).unwrap_or(usize::MAX);
        let slice = self.settings.slice;
        order.sort_by_key(|(shard, account, _)| {
            let is_over = is_crowded && account.since + slice <= now;
            let turn = match (account.credits > 0, is_over) {
                (true, false) => 0,
                (false, _) => 1,
                (true, true) => 2,
            };
            let most_first = if is_crowded { 0 } else { u32::MAX - account.credits };
            (turn, most_first, account.since, *shard)
        });
        order.into_iter().map(|(shard, _, wish)| (shard, wish)).collect()
    }

    /// Gives everybody its share, as far as there is room by now.
    fn balance(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.expire(now);
        (self.is_short, self.look) = (false, None);
        let order = self.order(now);
        let is_crowded = order.len() > usize::try_from(self.capacity).unwrap_or(usize::MAX);
        let wishes: Vec<u32> = order.iter().map(|(_, wish)| *wish).collect();
        let targets: BTreeMap<ShardId, u32> =
            order.iter().map(|(shard, _)| *shard).zip(shares(self.capacity, &wishes)).collect();
        let too_much = self.accounts.iter().filter_map(|(shard, account)| {
            let target = targets.get(shard).copied().unwrap_or(0);
            (account.credits > target).then_some((*shard, target))
        });
        for (shard, target) in too_much.collect::<Vec<_>>() {
            self.grant(now, shard, target, effects);
        }
        let mut look = None;
        for (shard, _) in order {
            let target = targets.get(&shard).copied().unwrap_or(0);
            let free = self.free();
            let Some(account) = self.accounts.get(&shard) else { continue };
            if is_crowded && account.credits > 0 {
                sooner(&mut look, account.since + self.settings.slice);
            }
            if account.credits >= target {
                self.is_short |= target == 0;
                continue;
            }
            let possible = target.min(account.claim().saturating_add(free));
            self.is_short |= possible < target;
            if possible <= account.credits {
                continue;
            }
            // By little, and not for the first time: that can wait for more.
            let paced = account.granted_at + self.settings.pace;
            let is_little =
                account.credits > 0 && possible < target && possible / 2 < account.credits;
            if is_little && paced > now {
                sooner(&mut look, paced);
                continue;
            }
            self.grant(now, shard, possible, effects);
        }
        self.look = look.filter(|at| *at > now);
    }

    fn grant(&mut self, now: Moment, shard: ShardId, credits: u32, effects: &mut Vec<Effect>) {
        let CreditSettings { term, .. } = self.settings;
        let usable = self.settings.usable();
        let Some(account) = self.accounts.get_mut(&shard) else { return };
        let Some(wish) = account.wish else { return };
        self.number += 1;
        if (account.credits == 0) != (credits == 0) {
            account.since = now;
        }
        account.granted_at = now;
        account.grant((self.number, credits), wish.at + term);
        let to = Leader { shard, epoch: account.epoch };
        let (number, asked) = (self.number, wish.number);
        effects.push(Effect::Grant { to, grant: Grant { number, asked, credits, within: usable } });
    }
}

fn sooner(look: &mut Option<Moment>, at: Moment) {
    *look = Some(look.map_or(at, |look| look.min(at)));
}

impl Machine for CreditMachine {
    type Event = Event;
    type Effect = Effect;

    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        let now = now.moment;
        match event {
            Event::Wanted { by, want } => self.hear(now, by, want, effects),
            Event::Assigned { by, attempts } => self.assigned(now, by, attempts, effects),
            Event::Ended(keys) => self.ended(now, &keys, effects),
            Event::Holds(keys) => self.holds(now, keys, effects),
            Event::Reigns(leader) => {
                self.reigns(leader);
                self.balance(now, effects);
            }
            Event::Capacity(capacity) => {
                self.capacity = capacity;
                self.balance(now, effects);
            }
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.balance(now.moment, effects);
    }

    fn wakeup(&self) -> Option<Moment> {
        let usable = self.settings.usable();
        let accounts = self.accounts.values().filter_map(|account| account.wakeup(usable));
        accounts.chain(self.look).min()
    }
}
