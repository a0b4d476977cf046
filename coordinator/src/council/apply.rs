//! Folds events into the durable state. Never decides: what was chosen stands in the event.

use std::collections::BTreeMap;

use orkestra_runtime::{id::Number, time::Wall};

use super::{
    command::DeliberationNo,
    event::{CouncilEvent, Ending, Opening, Version},
    machine::CouncilMachine,
    state::{Council, CouncilKey, Deliberation, Durable, Proposal, Seated, Stage},
    stats::Over,
    words::CouncilConfig,
};

impl CouncilMachine {
    /// Folds one event in. `at` is the shard time of its record.
    pub fn apply(&mut self, number: Number, at: Wall, event: &CouncilEvent) {
        self.durable.apply(number, at, event);
    }
}

fn key_of(namespace: &str, role: &str) -> CouncilKey {
    (namespace.to_owned(), role.to_ascii_lowercase())
}

impl Durable {
    fn apply(&mut self, number: Number, at: Wall, event: &CouncilEvent) {
        match event {
            CouncilEvent::Created { namespace, role, config, seats } => {
                let seated = |seat: &super::event::Seat| Seated { seat: seat.clone(), at };
                let seats = seats.iter().map(|seat| (seat.id.clone(), seated(seat))).collect();
                let council = Council { role: role.clone(), config: (**config).clone(), seats };
                self.councils.insert(key_of(namespace, role), council);
            }
            CouncilEvent::Registered { namespace, role, seat } => {
                let empty = || Council {
                    role: role.clone(),
                    config: CouncilConfig::default(),
                    seats: BTreeMap::new(),
                };
                let council = self.councils.entry(key_of(namespace, role)).or_insert_with(empty);
                let seated = Seated { seat: (**seat).clone(), at };
                council.seats.insert(seat.id.clone(), seated);
            }
            CouncilEvent::Unregistered { namespace, role, seat } => {
                if let Some(council) = self.councils.get_mut(&key_of(namespace, role)) {
                    council.seats.remove(seat);
                }
            }
            CouncilEvent::Deleted { namespace, role } => {
                self.councils.remove(&key_of(namespace, role));
            }
            CouncilEvent::Opened { opening } => self.opened(number.0, at, opening),
            CouncilEvent::PhaseBegun { no, phase, round, versions, out, tasks, remarks } => {
                let Some(found) = self.deliberations.get_mut(no) else { return };
                revise(found, versions);
                found.out.extend(out.iter().cloned());
                found.remarks.extend(remarks.iter().cloned());
                let (phase, round, steps) = (*phase, *round, tasks.clone());
                found.stages.push(Stage { phase, round, began: at, steps });
            }
            CouncilEvent::Ended { no, ending } => self.ended(*no, at, ending),
            CouncilEvent::Forgotten { deliberations } => {
                for no in deliberations {
                    self.forget(*no);
                }
            }
        }
    }

    fn opened(&mut self, no: DeliberationNo, at: Wall, opening: &Opening) {
        let deliberation = Deliberation {
            opening: opening.clone(),
            opened: at,
            stages: Vec::new(),
            proposals: Vec::new(),
            out: Vec::new(),
            remarks: Vec::new(),
            ended: None,
        };
        self.deliberations.insert(no, deliberation);
        self.index(no);
    }

    fn ended(&mut self, no: DeliberationNo, at: Wall, ending: &Ending) {
        let Some(found) = self.deliberations.get_mut(&no).filter(|found| found.is_open()) else {
            return;
        };
        let ranked = ending.ranking.iter();
        let last = ranked.map(|ranked| Version { seat: ranked.seat, task: ranked.task.clone() });
        let mut last: Vec<Version> = last.collect();
        last.sort_unstable_by_key(|version| version.seat);
        revise(found, &last);
        found.out.extend(ending.out.iter().cloned());
        found.remarks.extend(ending.remarks.iter().cloned());
        found.ended = Some((at, ending.clone()));
        self.deadlines.remove(&(found.opening.until, no));
        let over = Over {
            at,
            key: found.key(),
            kind: found.opening.request.kind,
            status: ending.status,
            ms: at.as_ms().saturating_sub(found.opened.as_ms()),
            answered: ending.answered,
            answered_ms: ending.answered_ms,
        };
        self.stats.add(over);
    }

    fn forget(&mut self, no: DeliberationNo) {
        let Some(found) = self.deliberations.remove(&no) else { return };
        let request = found.opening.request;
        self.names.remove(&(request.namespace, request.id));
        self.runs.remove(&found.opening.run);
        self.deadlines.remove(&(found.opening.until, no));
    }
}

/// Takes proposals as they stand now; what they were before is kept.
fn revise(found: &mut Deliberation, versions: &[Version]) {
    let mut proposals = Vec::with_capacity(versions.len());
    for Version { seat, task } in versions {
        let before = found.proposals.iter().find(|proposal| proposal.seat == *seat);
        let mut earlier = before.map(|before| before.earlier.clone()).unwrap_or_default();
        if let Some(before) = before.filter(|before| before.task != *task) {
            earlier.push(before.task.clone());
        }
        proposals.push(Proposal { seat: *seat, task: task.clone(), earlier });
    }
    found.proposals = proposals;
}
