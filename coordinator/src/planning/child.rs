//! Planning as a child of a coordinator's supervisor of doors.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result, duty,
    fabric::Fabric,
    supervise::{ChildSpec, Started, Starting},
    time::Clock,
};

use super::{
    Door, Planning, PlanningSettings, Store, Tellers, response::AGENTS_MAX, team::OwnTeam,
};
use crate::public::Shards;

/// How a coordinator reads what planning says on NATS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanningSpec {
    /// How planning behaves.
    pub settings: PlanningSettings,
    /// How often it is looked whether a job is over.
    pub sweep_every: Duration,
}

impl Default for PlanningSpec {
    fn default() -> Self {
        Self { settings: PlanningSettings::default(), sweep_every: Duration::from_secs(2) }
    }
}

impl PlanningSpec {
    /// Refuses what is out of its bounds.
    pub fn check(&self) -> Result<()> {
        let wanted = self.settings.agents_elsewhere;
        if wanted <= AGENTS_MAX {
            return Ok(());
        }
        let message = format!("planning.agents_elsewhere is {wanted}: write at most {AGENTS_MAX}");
        Err(Error::new(ErrorKind::Invalid, message))
    }
}

/// Planning over a fabric and the shards that a node reaches, for every way in.
pub fn planning_of(
    fabric: &dyn Fabric,
    shards: Arc<dyn Shards>,
    (clock, settings): (Arc<dyn Clock>, PlanningSettings),
) -> Planning {
    let tellers = Tellers { inboxes: fabric.inboxes(), outside: fabric.outside() };
    let store = Store::new(fabric.registers());
    Planning::new(store, Arc::new(OwnTeam::new(shards)), tellers, clock, settings)
}

/// The door at which planning is heard; an error of kind `Invalid` says that nobody can be heard here.
pub fn child(
    fabric: &dyn Fabric,
    shards: Arc<dyn Shards>,
    clock: &Arc<dyn Clock>,
    spec: &PlanningSpec,
) -> Result<ChildSpec> {
    spec.check()?;
    let Some(inboxes) = fabric.inboxes() else {
        let message = "planning.enabled is true, and this node keeps nothing on NATS: take it out, or \
                       give the node a login as coordinator";
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    let planning = planning_of(fabric, shards, (Arc::clone(clock), spec.settings.clone()));
    let door = Arc::new(Door::new(planning, inboxes, spec.sweep_every));
    let clock = Arc::clone(clock);
    let child = ChildSpec::worker("planning", move |starting: Starting| {
        let (door, clock) = (Arc::clone(&door), Arc::clone(&clock));
        async move {
            let cell = duty::spawn_linked(door.run(), clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    });
    Ok(crate::system::patient(child))
}
