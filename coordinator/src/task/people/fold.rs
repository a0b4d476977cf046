//! Questions and what people say, as they are folded.

use std::time::Duration;

use orkestra_runtime::{id::TaskNo, protocol::task::TaskSpec, time::Wall};

use super::PersonDecision;
use crate::task::state::{Durable, Phase};

/// The phase of a task that begins to ask.
pub(in crate::task) fn asking(spec: &TaskSpec, at: Wall) -> Option<Phase> {
    if spec.is_decided_elsewhere() {
        // Its time is that of the vote, or of the deliberation.
        return Some(Phase::Asked { since: at, due: None, escalated: false });
    }
    let ask = spec.ask.as_ref()?;
    let due = ask.timeout_ms.map(|ms| at + Duration::from_millis(ms));
    Some(Phase::Asked { since: at, due, escalated: false })
}

impl Durable {
    pub(in crate::task) fn hear_person(&mut self, no: TaskNo, decision: PersonDecision) {
        if let Some(record) = self.roster.no(&decision.by).and_then(|no| self.roster.get_mut(no)) {
            record.completed += 1;
        }
        if let Some(task) = self.tasks.get_mut(&no) {
            task.decisions.push(decision);
        }
    }

    pub(in crate::task) fn escalate(&mut self, no: TaskNo, at: Wall) {
        let Some(task) = self.tasks.get(&no) else { return };
        let Phase::Asked { since, .. } = task.phase else { return };
        let ms = task.spec.ask.as_ref().and_then(|ask| ask.timeout_ms);
        let due = ms.map(|ms| at + Duration::from_millis(ms));
        self.set_phase(no, Phase::Asked { since, due, escalated: true });
    }

    /// Keeps what is kept beside tasks that ask, when one goes from its phase to another.
    pub(in crate::task) fn set_asking(&mut self, no: TaskNo, next: &Phase) {
        let Some(task) = self.tasks.get(&no) else { return };
        let run = self.runs.get_mut(&task.run);
        let mut asked = run.map(|run| &mut run.counts.asked);
        if let Phase::Asked { due, .. } = &task.phase {
            self.asked.remove(&(task.run, no));
            if let Some(due) = due {
                self.asks.remove(&(*due, no));
            }
            if let Some(asked) = &mut asked {
                **asked = asked.saturating_sub(1);
            }
        }
        if let Phase::Asked { due, .. } = next {
            self.asked.insert((task.run, no));
            self.asks.extend(due.map(|due| (due, no)));
            if let Some(asked) = &mut asked {
                **asked += 1;
            }
        }
    }
}
