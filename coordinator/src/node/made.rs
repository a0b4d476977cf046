//! What the register of a cluster says: with how many shards it was made.

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, SetError},
    names,
};

use super::SHARDS_MAX;

/// The cluster has as many shards as this node thinks, or is made with so many.
pub(super) async fn check_cluster(fabric: &dyn Fabric, shards: u16) -> Result<()> {
    if !(1..=SHARDS_MAX).contains(&shards) {
        let message = format!("a cluster has 1 to {SHARDS_MAX} shards, not {shards}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let (registers, key) = (fabric.registers(), names::cluster_key()?);
    let wanted = format!("{{\"v\":1,\"shards\":{shards}}}");
    let found = match registers.get(&key).await? {
        Some(found) => found,
        None => match registers.create(&key, wanted.into()).await {
            Ok(_) => return Ok(()),
            Err(SetError::Conflict(Some(found))) => found,
            Err(error) => {
                let message = "cannot make the cluster: its register was not set";
                return Err(Error::new(ErrorKind::Unavailable, message).because(error));
            }
        },
    };
    let has = shards_in(&found.bytes)?;
    if has != shards {
        let message = format!(
            "this node is configured for {shards} shards, and the cluster was made with {has}, which \
             never changes: set cluster.shards = {has}"
        );
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    Ok(())
}

/// How many shards the cluster has; none if it was not made yet.
pub async fn shards_of(fabric: &dyn Fabric) -> Result<Option<u16>> {
    let found = fabric.registers().get(&names::cluster_key()?).await?;
    found.map(|found| shards_in(&found.bytes)).transpose()
}

fn shards_in(bytes: &[u8]) -> Result<u16> {
    #[derive(serde::Deserialize)]
    struct Found {
        v: u32,
        shards: u16,
    }
    let corrupt = || Error::new(ErrorKind::Corrupt, "the register of the cluster cannot be read");
    let Found { v, shards } = serde_json::from_slice(bytes).map_err(|_| corrupt())?;
    if v > 1 {
        let message =
            format!("the cluster was made by a newer program (version {v}): use that one");
        return Err(Error::new(ErrorKind::TooNew, message));
    }
    if !(1..=SHARDS_MAX).contains(&shards) {
        return Err(corrupt());
    }
    Ok(shards)
}
