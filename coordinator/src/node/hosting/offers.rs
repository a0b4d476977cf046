//! Which agents the cluster hosts beside those of its nodes' own configurations: one register that
//! names one blob.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{BlobName, Blobs, Fabric, Registers, Revision, SetError, Value},
    id::AgentId,
    names,
};
use serde::{Deserialize, Serialize};

use crate::scenario::AgentConfig;

/// The most agents that a cluster hosts this way.
pub(crate) const OFFERED_MAX: usize = 10_000;
/// How often a change is tried while others change the same.
const TRIES_MAX: usize = 20;

/// What the register holds.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    v: u32,
    blob: BlobName,
}

/// What the blob holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offered {
    v: u32,
    /// By name.
    pub(crate) agents: BTreeMap<AgentId, AgentConfig>,
}

const VERSION: u32 = 1;

/// The way to what the cluster hosts. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Offers {
    registers: Arc<dyn Registers>,
    blobs: Arc<dyn Blobs>,
}

impl Offers {
    pub(crate) fn of(fabric: &dyn Fabric) -> Self {
        Self { registers: fabric.registers(), blobs: fabric.blobs() }
    }

    /// What the cluster hosts now.
    #[cfg(test)]
    pub(crate) async fn get(&self) -> Result<Offered> {
        let held = self.registers.get(&names::hosted_key()?).await?;
        self.read(held.as_ref()).await
    }

    /// What the cluster hosts now, unless that is what was read at this revision.
    pub(crate) async fn changed(
        &self,
        known: Option<Revision>,
    ) -> Result<Option<(Revision, Offered)>> {
        let held = self.registers.get(&names::hosted_key()?).await?;
        let Some(revision) = held.as_ref().map(|held| held.revision) else { return Ok(None) };
        if known == Some(revision) {
            return Ok(None);
        }
        Ok(Some((revision, self.read(held.as_ref()).await?)))
    }

    /// What a register says.
    pub(crate) async fn read(&self, held: Option<&Value>) -> Result<Offered> {
        let Some(held) = held else { return Ok(Offered { v: VERSION, ..Offered::default() }) };
        let corrupt = |error: serde_json::Error| {
            Error::new(ErrorKind::Corrupt, "cannot read which agents the cluster hosts")
                .because(error)
        };
        let Held { v, blob } = serde_json::from_slice(&held.bytes).map_err(corrupt)?;
        if v > VERSION {
            let message = format!(
                "a newer program wrote which agents the cluster hosts (version {v}): use that one"
            );
            return Err(Error::new(ErrorKind::TooNew, message));
        }
        let Some(bytes) = self.blobs.get(&blob).await? else {
            let message = format!("the blob {blob} that says which agents are hosted is gone");
            return Err(Error::new(ErrorKind::Corrupt, message));
        };
        serde_json::from_slice(&bytes).map_err(corrupt)
    }

    /// Hosts these from now on. One that is hosted already with another configuration is refused
    /// unless it is to be replaced; then nothing is changed.
    pub(crate) async fn offer(&self, agents: &[AgentConfig], replace: bool) -> Result<()> {
        self.change(|offered| {
            for agent in agents {
                let other = offered.agents.get(&agent.id).is_some_and(|known| known != agent);
                if other && !replace {
                    let message = format!(
                        "the cluster hosts an agent {:?} with another configuration: rename one, or \
                         replace it with --replace-agents",
                        agent.id
                    );
                    return Err(Error::new(ErrorKind::Conflict, message));
                }
                offered.agents.insert(agent.id.clone(), agent.clone());
            }
            if offered.agents.len() > OFFERED_MAX {
                let message = format!("a cluster hosts at most {OFFERED_MAX} agents: remove some");
                return Err(Error::new(ErrorKind::Full, message));
            }
            Ok(())
        })
        .await
    }

    /// Hosts this one no more; says whether it was hosted.
    pub(crate) async fn withdraw(&self, agent: &AgentId) -> Result<bool> {
        let mut was_there = false;
        self.change(|offered| {
            was_there = offered.agents.remove(agent).is_some();
            Ok(())
        })
        .await?;
        Ok(was_there)
    }

    async fn change(
        &self,
        mut change: impl FnMut(&mut Offered) -> Result<()> + Send,
    ) -> Result<()> {
        let key = names::hosted_key()?;
        let fault = |error: serde_json::Error| {
            Error::new(ErrorKind::Fault, "cannot write which agents are hosted").because(error)
        };
        for _ in 0..TRIES_MAX {
            let held = self.registers.get(&key).await?;
            let before = self.read(held.as_ref()).await?;
            let mut offered = before.clone();
            change(&mut offered)?;
            if offered == before {
                return Ok(());
            }
            offered.v = VERSION;
            let bytes = Bytes::from(serde_json::to_vec(&offered).map_err(fault)?);
            let blob = self.blobs.put(bytes).await?;
            let held_now =
                Bytes::from(serde_json::to_vec(&Held { v: VERSION, blob }).map_err(fault)?);
            let set = match held {
                Some(held) => self.registers.compare_and_set(&key, held.revision, held_now).await,
                None => self.registers.create(&key, held_now).await,
            };
            match set {
                Ok(_) => return Ok(()),
                // Somebody else was faster, or we were and do not know: look again.
                Err(SetError::Conflict(_) | SetError::Unknown(_)) => {}
                Err(SetError::Full) => {
                    return Err(Error::new(
                        ErrorKind::Full,
                        "there is no room to host more agents",
                    ));
                }
            }
        }
        let message = "others change which agents are hosted all the time: try again";
        Err(Error::new(ErrorKind::Unavailable, message))
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::fabric::embedded::Embedded;

    use super::*;
    use crate::scenario::{AgentKind, RestartConfig};

    fn agents(capacity: u32) -> Vec<AgentConfig> {
        vec![AgentConfig {
            id: AgentId::new("echo").unwrap(),
            description: String::new(),
            capacity,
            capabilities: Vec::new(),
            specialties: Vec::new(),
            silence_max: None,
            restart_on: Vec::new(),
            restart: RestartConfig::default(),
            kind: AgentKind::Function("noop".to_owned()),
        }]
    }

    #[tokio::test]
    async fn an_agent_is_hosted_once_and_another_of_its_name_is_refused_unless_it_replaces_it() {
        let fabric = Embedded::strict();
        let offers = Offers::of(&fabric);
        assert!(offers.get().await.unwrap().agents.is_empty());
        offers.offer(&agents(2), false).await.unwrap();
        offers.offer(&agents(2), false).await.unwrap();
        let refused = offers.offer(&agents(3), false).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        offers.offer(&agents(3), true).await.unwrap();
        let echo = AgentId::new("echo").unwrap();
        assert_eq!(offers.get().await.unwrap().agents[&echo].capacity, 3);
        assert!(offers.withdraw(&echo).await.unwrap());
        assert!(!offers.withdraw(&echo).await.unwrap());
        assert!(offers.get().await.unwrap().agents.is_empty());
    }
}
