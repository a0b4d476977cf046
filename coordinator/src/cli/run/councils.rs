//! The councils that a scenario brings.

use std::time::Duration;

use orkestra_runtime::{
    Result,
    id::AgentId,
    time::{Clock as _, Moment, SystemClock},
};

use super::refused;
use crate::{
    client::{
        Tasks,
        councils::{CouncilError, Councils},
    },
    council::{CouncilRefusal, NewCouncil, view::CouncilView},
    scenario::Prepared,
};

/// How long agents may take until they are there, before it is said that nobody is.
const THERE_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Makes the councils of a scenario; one that is there already must be the same.
pub(super) async fn convene(prepared: &Prepared, tasks: &Tasks) -> Result<()> {
    let councils = Councils::beside(tasks);
    for council in &prepared.councils {
        let made = create(council, &councils).await;
        match made {
            Err(CouncilError::Refused(CouncilRefusal::CouncilExists { role })) => {
                let there = councils.list(&council.namespace, Some(&role)).await?;
                if !there.iter().any(|there| is_same(council, there)) {
                    return Err(refused(format!(
                        "role {role} has a council that is not as this scenario says: end it with \
                         `orkestra council delete {role}`, or take another role"
                    )));
                }
            }
            made => drop(made?),
        }
    }
    Ok(())
}

/// Makes a council, once its agents are there.
async fn create(council: &NewCouncil, councils: &Councils) -> Result<CouncilView, CouncilError> {
    let clock = SystemClock::start();
    loop {
        let made = councils.create(council.clone()).await;
        let is_early = matches!(made, Err(CouncilError::Refused(CouncilRefusal::NoAgents { .. })));
        if !is_early || clock.now().moment.since(Moment::START) >= THERE_WITHIN {
            return made;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_same(wanted: &NewCouncil, there: &CouncilView) -> bool {
    let mut workers: Vec<&AgentId> = there.seats.iter().map(|seat| &seat.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    let named = wanted.agents.is_empty() || workers.iter().all(|it| wanted.agents.contains(it));
    named && there.config == wanted.config
}
