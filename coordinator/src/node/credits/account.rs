//! What one shard holds, may hold, and wants.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{id::Epoch, time::Moment};

use super::words::{AttemptKey, Want};

/// The latest wish of a shard's leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// Its number.
    pub(super) number: u64,
    /// How many attempts it could use in all.
    pub(super) total: u32,
    /// When it came.
    pub(super) at: Moment,
}

/// A grant that may still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    number: u64,
    credits: u32,
    until: Moment,
}

/// One shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// The latest reign that was heard of.
    pub(super) epoch: Epoch,
    pub(super) wish: Option<Wish>,
    /// What the latest grant of this reign says.
    pub(super) credits: u32,
    /// Its number.
    granted: u64,
    /// Each has fewer credits than the one before it: what an earlier one allows and a later one
    /// allows too, and for longer, need not be remembered.
    open: Vec<Open>,
    /// What earlier leaders of the shard may still believe to have, and until when.
    before: Option<(u32, Moment)>,
    /// What the worker was given and has not ended, and in how many of its words each was missing.
    held: BTreeMap<AttemptKey, u8>,
    /// How many attempts were given out by the shard's record and have not come, and how long they
    /// are waited for.
    coming: Option<(u32, Moment)>,
    /// How many of those were waited for in vain: lost on their way, or ended before that was heard.
    lost: u32,
    /// Since when it has had credits without a break, or has waited for them.
    pub(super) since: Moment,
    /// When it was granted something last.
    pub(super) granted_at: Moment,
}

impl Account {
    #[cfg(test)]
    pub(super) const fn latest(&self) -> u64 {
        self.granted
    }

    /// How many attempts it has outstanding or may still give out.
    pub(super) fn claim(&self) -> u32 {
        self.reserved().max(self.outstanding().saturating_add(self.on_the_way()))
    }

    /// How many it may have outstanding under the grants that count.
    pub(super) fn reserved(&self) -> u32 {
        let before = self.before.map_or(0, |(credits, _)| credits);
        self.open.first().map_or(0, |open| open.credits).max(before)
    }

    pub(super) fn outstanding(&self) -> u32 {
        u32::try_from(self.held.len()).unwrap_or(u32::MAX)
    }

    fn on_the_way(&self) -> u32 {
        self.coming.map_or(0, |(count, _)| count)
    }

    /// How many attempts its leader could use in all, if it wishes for any.
    pub(super) fn wishes(&self) -> Option<u32> {
        self.wish.map(|wish| wish.total).filter(|total| *total > 0)
    }

    /// Hears a wish; answers whether it is news. Nothing that is said claims more than is free.
    pub(super) fn hear(&mut self, (now, until): (Moment, Moment), want: Want, free: u32) -> bool {
        if self.wish.is_some_and(|wish| wish.number >= want.number) {
            return false;
        }
        let most = want.held.saturating_add(want.count);
        if most > 0 && self.wishes().is_none() {
            self.since = now;
        }
        self.wish = Some(Wish { number: want.number, total: most, at: now });
        let claim = self.claim().saturating_add(free);
        self.confirm(want.heard, most);
        self.lost = self.lost.min(want.held.saturating_sub(self.outstanding()));
        let coming = want.held.saturating_sub(self.lost).min(claim);
        let coming = coming.saturating_sub(self.outstanding());
        // What was waited for already is not waited for anew with each word.
        let until = self.coming.filter(|(count, _)| *count >= coming).map_or(until, |(_, at)| at);
        self.coming = (coming > 0).then_some((coming, until));
        true
    }

    /// Its leader goes by the grant of this number, or by a later one, and of that by no more than
    /// it said that it could use.
    fn confirm(&mut self, heard: u64, most: u32) {
        if heard == 0 || heard > self.granted {
            return;
        }
        self.open.retain(|open| open.number >= heard);
        for open in &mut self.open {
            if open.number == heard {
                open.credits = open.credits.min(most);
            }
        }
        if heard == self.granted {
            self.credits = self.credits.min(most);
        }
        let open = std::mem::take(&mut self.open);
        for open in open {
            self.push(open);
        }
    }

    /// Writes a grant down.
    pub(super) fn grant(&mut self, (number, credits): (u64, u32), until: Moment) {
        (self.granted, self.credits) = (number, credits);
        self.push(Open { number, credits, until });
    }

    fn push(&mut self, open: Open) {
        // Terms are counted from wishes, which come one after another: no later grant ends earlier.
        while self.open.last().is_some_and(|last| last.credits <= open.credits) {
            self.open.pop();
        }
        if open.credits > 0 {
            self.open.push(open);
        }
    }

    /// A new leader: it begins without credits, and what the old one has counts until it is over.
    pub(super) fn reign(&mut self, epoch: Epoch) {
        let until = self.open.last().map(|open| open.until);
        let until = until.into_iter().chain(self.before.map(|(_, until)| until)).max();
        self.before = until.map(|until| (self.reserved(), until));
        self.open.clear();
        (self.epoch, self.wish, self.credits, self.granted) = (epoch, None, 0, 0);
    }

    /// Whether the worker was given this attempt, and has it.
    pub(super) fn holds(&self, key: AttemptKey) -> bool {
        self.held.contains_key(&key)
    }

    pub(super) fn take(&mut self, key: AttemptKey) {
        self.held.insert(key, 0);
        if let Some((count, _)) = &mut self.coming {
            *count -= 1;
            if *count == 0 {
                self.coming = None;
            }
        }
    }

    /// Whether it held that attempt.
    pub(super) fn release(&mut self, key: AttemptKey) -> bool {
        self.held.remove(&key).is_some()
    }

    /// Forgets what its worker does not hold, by its word, for the second time.
    pub(super) fn reconcile(&mut self, held: &[AttemptKey]) {
        self.held.retain(|key, missing| {
            *missing = if held.binary_search(key).is_ok() { 0 } else { *missing + 1 };
            *missing < 2
        });
    }

    /// Forgets what is over; a wish counts for as long as the grants that answer it can be used.
    pub(super) fn expire(&mut self, now: Moment, usable: Duration) {
        self.open.retain(|open| open.until > now);
        self.before = self.before.filter(|(_, until)| *until > now);
        if let Some((count, _)) = self.coming.filter(|(_, until)| *until <= now) {
            (self.coming, self.lost) = (None, self.lost.saturating_add(count));
        }
        // Whoever lives has said it again before that. Its number stays: older ones are no news.
        if let Some(wish) = self.wish.as_mut().filter(|wish| wish.at + usable <= now) {
            wish.total = 0;
            self.credits = 0;
        }
    }

    /// When something of it is over next.
    pub(super) fn wakeup(&self, usable: Duration) -> Option<Moment> {
        let open = self.open.iter().map(|open| open.until);
        let wish = self.wish.filter(|wish| wish.total > 0).map(|wish| wish.at + usable);
        let others = [self.before, self.coming].into_iter().flatten().map(|(_, until)| until);
        open.chain(others).chain(wish).min()
    }
}
