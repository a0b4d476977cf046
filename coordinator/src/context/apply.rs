//! Folds the context's own events into the durable state. Never decides.

use orkestra_runtime::{id::Number, time::Wall};

use crate::{
    context::{
        event::{ContextEvent, SnapshotNo, SnapshotReason},
        machine::ContextMachine,
        row::{Kind, Row},
        state::{Durable, Snapshot},
    },
    task::TaskMachine,
};

impl ContextMachine {
    /// Folds one event in. `at` is the shard time of its record.
    pub fn apply(&mut self, number: Number, at: Wall, event: &ContextEvent, tasks: &TaskMachine) {
        let durable = &mut self.durable;
        match event {
            ContextEvent::Understood { agent, understanding } => {
                durable.version += 1;
                durable.keep(agent, at, understanding);
                let agent = tasks.agent_no(agent);
                durable.log(Row { kind: Kind::ContextRefresh, number, at, subject: 0, agent });
            }
            ContextEvent::SnapshotTaken { .. } => durable.take((number, at), event, tasks),
            ContextEvent::SnapshotsForgotten { snapshots } => {
                for snapshot in snapshots {
                    if let Some(forgotten) = durable.snapshots.remove(snapshot) {
                        durable.release(forgotten.understood.into_values());
                    }
                }
            }
            ContextEvent::Restored { snapshot, by } => durable.restore((number, at), *snapshot, by),
            ContextEvent::PhaseSet { phase, by } => {
                durable.version += 1;
                durable.phase = Some(*phase);
                durable.decided((number, at), 0, by, &format!("the phase is {}", phase.as_str()));
            }
            ContextEvent::Reconnected { agents } => {
                let numbers = agents.iter().map(|agent| tasks.agent_no(agent));
                durable.told((number, at), Kind::Reconnect, numbers);
            }
        }
    }
}

impl Durable {
    fn take(&mut self, (number, at): (Number, Wall), event: &ContextEvent, tasks: &TaskMachine) {
        let ContextEvent::SnapshotTaken { reason, by, note, gone, tally, active } = event else {
            return;
        };
        self.version += 1;
        let snapshot = Snapshot {
            at,
            version: self.version,
            reason: *reason,
            by: by.clone(),
            note: note.clone(),
            gone: gone.clone(),
            tally: *tally,
            active: active.clone(),
            phase: self.phase,
            understood: self.understood.clone(),
        };
        self.name(&snapshot.understood);
        self.snapshots.insert(SnapshotNo(number.0), snapshot);
        if *reason == SnapshotReason::Disconnect {
            let numbers = gone.iter().map(|agent| tasks.agent_no(agent));
            self.told((number, at), Kind::Disconnect, numbers);
        } else {
            self.told((number, at), Kind::ContextRefresh, std::iter::empty());
        }
        self.changed = None;
    }

    /// Adds a row for each agent, or one for nobody in particular.
    fn told(
        &mut self,
        (number, at): (Number, Wall),
        kind: Kind,
        agents: impl ExactSizeIterator<Item = Option<crate::task::AgentNo>>,
    ) {
        let row = |agent| Row { kind, number, at, subject: 0, agent };
        if agents.len() == 0 {
            self.push(row(None));
        }
        for agent in agents {
            self.push(row(agent));
        }
    }

    fn restore(&mut self, (number, at): (Number, Wall), snapshot: SnapshotNo, by: &str) {
        let Some(found) = self.snapshots.get(&snapshot) else { return };
        let (understood, phase) = (found.understood.clone(), found.phase);
        self.version += 1;
        self.name(&understood);
        let before = std::mem::replace(&mut self.understood, understood);
        self.release(before.into_values());
        self.phase = phase;
        self.decided((number, at), 0, by, &format!("restored snapshot {snapshot}"));
    }
}
