//! What workers say, and what it means for the tasks that they hold.

use std::collections::BTreeSet;

use orkestra_runtime::{
    id::{AgentId, Attempt, Incarnation, TaskNo},
    protocol::{
        agent::{AgentProfile, FromAgent, Report, ToAgent},
        task::{Failure, FailureKind, Outcome},
    },
    time::Now,
};

use crate::task::{
    command::{Round, TaskCommand},
    event::{CancelReason, TaskEvent},
    live::Lease,
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
                let known = self.live.joined.get(&no);
                if known.is_none_or(|known| known <= incarnation) {
                    if known != Some(incarnation) {
                        self.live.leaving.remove(&no);
                    }
                    self.live.joined.insert(no, *incarnation);
                    self.live.settled = false;
                }
            }
            FromAgent::Beat { agent, incarnation, held } => {
                let Some(no) = self.current(agent, *incarnation) else { return };
                for (task, attempt) in held {
                    self.renew(now, (*task, *attempt), (no, *incarnation));
                }
            }
            FromAgent::Progressed { agent, task, attempt, progress } => {
                let Some(no) = self.durable.roster.no(agent) else { return };
                let Some(incarnation) = self.live.joined.get(&no).copied() else { return };
                if self.renew(now, (*task, *attempt), (no, incarnation)) {
                    self.live.progress.insert(*task, progress.clone());
                }
            }
            FromAgent::Left { agent, incarnation } => {
                if let Some(no) = self.current(agent, *incarnation) {
                    self.live.joined.remove(&no);
                    self.live.leaving.remove(&no);
                }
            }
            FromAgent::Leaving { agent, incarnation } => {
                self.live.leaving.extend(self.current(agent, *incarnation));
            }
            FromAgent::Ended { .. } => {}
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
    fn current(&self, agent: &AgentId, incarnation: Incarnation) -> Option<AgentNo> {
        let no = self.durable.roster.no(agent)?;
        (self.live.joined.get(&no) == Some(&incarnation)).then_some(no)
    }

    pub(super) fn decide_heard(&self, round: &mut Round<'_>, news: &FromAgent) {
        match news {
            FromAgent::Joined { profile, incarnation } => {
                self.decide_joined(profile, *incarnation, round);
            }
            FromAgent::Beat { agent, incarnation, held } => {
                let Some(no) = self.current(agent, *incarnation) else { return };
                let held: BTreeSet<_> = held.iter().copied().collect();
                let lost = |task: TaskNo, lease: &Lease| {
                    lease.incarnation.is_none() && !held.contains(&(task, lease.attempt))
                };
                self.lose(no, lost, &retry::lost_with_node(), round);
            }
            FromAgent::Ended { agent, reports, .. } => self.decide_ended(agent, reports, round),
            FromAgent::Left { agent, incarnation } => {
                let Some(no) = self.durable.roster.no(agent) else { return };
                let failure = Failure::new(FailureKind::HandedBack, "its worker stopped in order");
                let lost = |_, lease: &Lease| lease.incarnation == Some(*incarnation);
                self.lose(no, lost, &failure, round);
            }
            FromAgent::Progressed { .. } | FromAgent::Leaving { .. } => return,
        }
        if !round.out.events.is_empty() || matches!(news, FromAgent::Joined { .. }) {
            round.out.then.push(TaskCommand::Sweep);
        }
    }

    fn decide_joined(
        &self,
        profile: &AgentProfile,
        incarnation: Incarnation,
        round: &mut Round<'_>,
    ) {
        let known = self.durable.roster.named(&profile.id).map(|record| &record.profile);
        if known != Some(profile) {
            round.out.events.push(TaskEvent::AgentDescribed { profile: profile.clone() });
            if known.is_none() {
                // Only now has it a number under which its life can be remembered.
                let profile = profile.clone();
                let again = FromAgent::Joined { profile, incarnation };
                round.out.then.push(TaskCommand::Heard(again));
                return;
            }
        }
        let Some(no) = self.current(&profile.id, incarnation) else { return };
        let lost = |_, lease: &Lease| lease.incarnation.is_some_and(|old| old != incarnation);
        self.lose(no, lost, &retry::lost_with_worker(), round);
    }

    /// Ends the attempts of an agent that meet a condition.
    fn lose(
        &self,
        agent: AgentNo,
        lost: impl Fn(TaskNo, &Lease) -> bool,
        failure: &Failure,
        round: &mut Round<'_>,
    ) {
        for (no, lease) in &self.live.leases {
            if lease.agent != agent || !lost(*no, lease) {
                continue;
            }
            if let Some(task) = self.held_by(*no, lease.attempt, agent) {
                self.fail_attempt((*no, task), failure.clone(), round);
            }
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
        for report in reports {
            let task = no.and_then(|no| self.held_by(report.task, report.attempt, no));
            // The first outcome of the current attempt counts; any other is stale.
            let Some(task) = task.filter(|_| first.insert(report.task)) else { continue };
            let event = self.event_of(task, report, round);
            self.record(event, round.out);
        }
        let heard = reports.iter().map(|report| (report.task, report.attempt)).collect();
        round.out.tell(agent, ToAgent::Acknowledged(heard));
    }

    fn event_of(&self, task: &Task, report: &Report, round: &mut Round<'_>) -> TaskEvent {
        match &report.outcome {
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
