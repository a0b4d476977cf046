//! What workers say, and what it means for the tasks that they hold.

use std::collections::BTreeSet;

use orkestra_runtime::{
    id::{AgentId, Attempt, Incarnation, TaskNo},
    protocol::{
        agent::{AgentProfile, FromAgent, Report, ToAgent},
        task::Outcome,
    },
    time::Now,
};

use crate::task::{
    command::{Decision, Round, TaskCommand},
    credits::Granted,
    event::{CancelReason, TaskEvent, Then},
    live::{Lease, Loss},
    machine::TaskMachine,
    retry,
    roster::AgentNo,
    state::{Phase, Task},
};

impl TaskMachine {
    /// Renews terms and remembers who is there.
    pub(super) fn hear_agent(&mut self, now: Now, news: &FromAgent) {
        match news {
            FromAgent::Joined { profile, incarnation } => {
                let Some(no) = self.durable.roster.no(&profile.id) else { return };
                let known = self.live.joined.get(&no).copied();
                if known.is_none_or(|known| known < *incarnation) {
                    self.drop_credit(no);
                }
                if known.is_none_or(|known| known <= *incarnation) {
                    // Whoever is about to go says so again after this.
                    self.live.leaving.remove(&no);
                    self.live.joined.insert(no, *incarnation);
                    self.live.settled = false;
                    let is_old = |lease: &Lease, is_of_boot: bool| {
                        let old = lease.incarnation.filter(|old| old != incarnation);
                        old.is_some_and(|old| (boot(old) == boot(*incarnation)) == is_of_boot)
                    };
                    // Whoever begins to say so first, its node or its worker: a node that went down
                    // and is back blames nobody.
                    self.lose(now, no, |_, lease| is_old(lease, false), Loss::WithNode);
                    self.lose(now, no, |_, lease| is_old(lease, true), Loss::WithWorker);
                }
            }
            FromAgent::Beat { agent, incarnation, held } => {
                let Some(no) = self.current(agent, *incarnation) else { return };
                for (task, attempt) in held {
                    self.renew(now, (*task, *attempt), (no, *incarnation));
                }
                // What it held was renewed, so whatever nobody knows the holder of was lost.
                let unknown = |_, lease: &Lease| lease.incarnation.is_none();
                self.lose(now, no, unknown, Loss::WithNode);
            }
            FromAgent::Progressed { agent, task, attempt, progress } => {
                let Some(no) = self.durable.roster.no(agent) else { return };
                let Some(incarnation) = self.live.joined.get(&no).copied() else { return };
                if self.renew(now, (*task, *attempt), (no, incarnation)) {
                    self.live.progress.insert(*task, progress.clone());
                }
            }
            FromAgent::Left { agent, incarnation } => {
                let Some(no) = self.current(agent, *incarnation) else { return };
                self.live.joined.remove(&no);
                self.live.leaving.remove(&no);
                self.drop_credit(no);
                let of_it = |_, lease: &Lease| lease.incarnation == Some(*incarnation);
                self.lose(now, no, of_it, Loss::HandedBack);
            }
            FromAgent::Leaving { agent, incarnation } => {
                if let Some(no) = self.current(agent, *incarnation) {
                    self.live.leaving.insert(no);
                }
            }
            FromAgent::Granted { agent, incarnation, number, asked, credits, for_ms } => {
                let (incarnation, number, asked) = (*incarnation, *number, *asked);
                let (credits, for_ms) = (*credits, *for_ms);
                let granted = Granted { agent, incarnation, number, asked, credits, for_ms };
                self.hear_granted(now, &granted);
            }
            // What an agent understands is for the context.
            FromAgent::Ended { .. } | FromAgent::Kept { .. } | FromAgent::Understood { .. } => {}
        }
    }

    /// Remembers that these are gone with their node: what they held is lost, and nobody is blamed.
    pub(super) fn hear_node_lost(&mut self, now: Now, gone: &[(AgentId, Incarnation)]) {
        for (agent, incarnation) in gone {
            let Some(no) = self.current(agent, *incarnation) else { continue };
            self.live.joined.remove(&no);
            self.live.leaving.remove(&no);
            let of_it = |_, lease: &Lease| lease.incarnation == Some(*incarnation);
            self.lose(now, no, of_it, Loss::WithNode);
        }
    }

    fn renew(
        &mut self,
        now: Now,
        (task, attempt): (TaskNo, Attempt),
        (agent, incarnation): (AgentNo, Incarnation),
    ) -> bool {
        let until = now.moment + self.settings.lease;
        let lease = self.live.leases.get_mut(&task);
        let Some(lease) = lease.filter(|lease| lease.attempt == attempt && lease.agent == agent)
        else {
            return false;
        };
        lease.until = until;
        lease.incarnation = Some(incarnation);
        true
    }

    /// The number of an agent whose worker is in this life.
    pub(super) fn current(&self, agent: &AgentId, incarnation: Incarnation) -> Option<AgentNo> {
        let no = self.durable.roster.no(agent)?;
        (self.live.joined.get(&no) == Some(&incarnation)).then_some(no)
    }

    /// Marks the attempts of an agent that meet a condition as over: the next sweep ends them.
    fn lose(
        &mut self,
        now: Now,
        agent: AgentNo,
        condition: impl Fn(TaskNo, &Lease) -> bool,
        loss: Loss,
    ) {
        for (no, lease) in &mut self.live.leases {
            if lease.agent == agent && lease.lost.is_none() && condition(*no, lease) {
                lease.lost = Some(loss);
                self.live.sweep = Some(now.moment);
            }
        }
    }

    pub(super) fn decide_heard(&self, round: &mut Round<'_>, news: &FromAgent) {
        match news {
            FromAgent::Joined { profile, incarnation } => {
                self.decide_joined(profile, *incarnation, round.out);
            }
            FromAgent::Ended { agent, reports, .. } => self.decide_ended(agent, reports, round),
            FromAgent::Kept { agent, task, attempt, artifact } => {
                let Some(no) = self.durable.roster.no(agent) else { return };
                if self.held_by(*task, *attempt, no).is_some() {
                    let (task, attempt, artifact) = (*task, *attempt, artifact.clone());
                    round.out.events.push(TaskEvent::ArtifactKept { task, attempt, artifact });
                }
                return;
            }
            FromAgent::Beat { .. } | FromAgent::Left { .. } => {}
            FromAgent::Granted { .. } => return self.decide_granted(round.out),
            FromAgent::Leaving { .. }
            | FromAgent::Progressed { .. }
            | FromAgent::Understood { .. } => return,
        }
        round.out.then.push(TaskCommand::Sweep);
    }

    fn decide_joined(&self, profile: &AgentProfile, incarnation: Incarnation, out: &mut Decision) {
        let known = self.durable.roster.named(&profile.id).map(|record| &record.profile);
        if known == Some(profile) {
            return;
        }
        out.events.push(TaskEvent::AgentDescribed { profile: profile.clone() });
        if known.is_none() {
            // Only now has it a number under which its life can be remembered.
            let profile = profile.clone();
            out.then.push(TaskCommand::Heard(FromAgent::Joined { profile, incarnation }));
        }
    }

    /// A task, if its current attempt is this one and this agent holds it.
    fn held_by(&self, no: TaskNo, attempt: Attempt, agent: AgentNo) -> Option<&Task> {
        let task = self.task(no)?;
        let held = matches!(task.phase, Phase::Assigned { agent: by, .. } if by == agent);
        (held && task.attempt == attempt).then_some(task)
    }

    fn decide_ended(&self, agent: &AgentId, reports: &[Report], round: &mut Round<'_>) {
        let no = self.durable.roster.no(agent);
        let mut first = BTreeSet::new();
        let mut any_failed = false;
        for report in reports {
            let task = no.and_then(|no| self.held_by(report.task, report.attempt, no));
            // The first outcome of the current attempt counts; any other is stale.
            let Some(task) = task.filter(|_| first.insert(report.task)) else { continue };
            let outcome = self.examine_report(task, report, round);
            let outcome = outcome.as_ref().unwrap_or(&report.outcome);
            let event = match self.no_ballot(task, outcome) {
                Some(failure) => TaskEvent::AttemptFailed {
                    task: report.task,
                    attempt: report.attempt,
                    failure,
                    then: Then::Retry { due: round.now.wall },
                    worked_ms: report.worked_ms,
                },
                None => self.event_of(task, (report, outcome), round),
            };
            any_failed |= matches!(event, TaskEvent::AttemptFailed { .. });
            self.record_told(event, round.out);
        }
        if let Some(no) = no.filter(|no| !first.is_empty() && self.must_guard(*no, any_failed)) {
            round.out.then.push(TaskCommand::Guard(no));
        }
        let heard = reports.iter().map(|report| (report.task, report.attempt)).collect();
        round.out.tell(agent, ToAgent::Acknowledged(heard));
    }

    fn event_of(
        &self,
        task: &Task,
        (report, outcome): (&Report, &Outcome),
        round: &mut Round<'_>,
    ) -> TaskEvent {
        match outcome {
            Outcome::Completed(output) => TaskEvent::Completed {
                task: report.task,
                attempt: report.attempt,
                output: output.clone(),
                worked_ms: report.worked_ms,
            },
            Outcome::Failed(failure) => TaskEvent::AttemptFailed {
                task: report.task,
                attempt: report.attempt,
                failure: failure.clone(),
                then: retry::judge(task, failure, &self.settings, round.now.wall, round.chance),
                worked_ms: report.worked_ms,
            },
            Outcome::Cancelled => TaskEvent::Cancelled {
                task: report.task,
                reason: CancelReason::Requested {
                    by: "its agent".to_owned(),
                    reason: "the agent ended the attempt as cancelled".to_owned(),
                },
            },
        }
    }
}

/// In which life of its node, or of its hosting, a worker lives.
const fn boot(incarnation: Incarnation) -> u64 {
    incarnation.0 >> 32
}
