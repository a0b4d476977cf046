//! What other sub-machines and views may look at; nothing here changes anything.

use orkestra_runtime::id::{AgentId, Incarnation, RunId, TaskId, TaskNo};

use crate::task::{
    machine::TaskMachine,
    people::{PendingView, pending},
    roster::{AgentNo, AgentRecord},
    state::{Phase, Run, RunNo, Task},
    view::{self, AgentView},
};

impl TaskMachine {
    /// The number of an agent.
    pub(crate) fn agent_no(&self, agent: &AgentId) -> Option<AgentNo> {
        self.durable.roster.no(agent)
    }

    /// All agents that ever described themselves.
    pub(crate) fn agents(&self) -> impl Iterator<Item = (AgentNo, &AgentRecord)> {
        self.durable.roster.iter()
    }

    /// The name of an agent.
    pub(crate) fn agent_name(&self, no: AgentNo) -> Option<&AgentId> {
        self.durable.roster.get(no).map(|record| &record.profile.id)
    }

    /// Whether an agent's worker is there in this life.
    pub(crate) fn is_there(&self, agent: &AgentId, incarnation: Incarnation) -> bool {
        let no = self.durable.roster.no(agent);
        no.is_some_and(|no| self.live.joined.get(&no) == Some(&incarnation))
    }

    /// Whether any worker is there.
    pub(crate) fn is_anybody_there(&self) -> bool {
        !self.live.joined.is_empty()
    }

    /// All runs that are kept.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (RunNo, &Run)> {
        self.durable.runs.iter().map(|(no, run)| (*no, run))
    }

    /// A run by number.
    pub(crate) fn run_of(&self, no: RunNo) -> Option<&Run> {
        self.durable.runs.get(&no)
    }

    /// A run by name.
    pub(crate) fn run_called(&self, run: &RunId) -> Option<&Run> {
        self.durable.run_named(run).map(|(_, run)| run)
    }

    /// A task by the names of its run and its own.
    pub(crate) fn task_called(&self, run: &RunId, task: &TaskId) -> Option<&Task> {
        self.durable.task_named(run, task).map(|(_, task)| task)
    }

    /// All agents as people see them.
    pub(crate) fn agent_views(&self) -> Vec<AgentView> {
        view::agents(self)
    }

    /// What people are asked now, oldest task first.
    pub(crate) fn questions(&self) -> Vec<PendingView> {
        pending(self, None)
    }

    /// Tasks that are with an agent, in the order of their submission.
    pub(crate) fn active(&self) -> Box<dyn Iterator<Item = (TaskNo, &Task, AgentNo)> + '_> {
        let with_agent = |no: TaskNo, task| match task {
            &Task { phase: Phase::Assigned { agent, .. }, .. } => Some((no, task, agent)),
            _ => None,
        };
        // A leader has a lease for each; what is only folded from a journal has none.
        if !self.live.leases.is_empty() {
            let leases = self.live.leases.keys();
            return Box::new(leases.filter_map(move |no| with_agent(*no, self.task(*no)?)));
        }
        let runs = self.durable.runs.values();
        if runs.map(|run| run.counts.assigned).sum::<u64>() == 0 {
            return Box::new(std::iter::empty());
        }
        Box::new(self.durable.tasks.iter().filter_map(move |(no, task)| with_agent(*no, task)))
    }
}
