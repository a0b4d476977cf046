//! How often a node was started: lives of workers rise across its restarts.

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Key, Registers, SetError, Value},
    id::NodeId,
    names,
};

/// The register that counts the starts of a node.
fn boots_key(node: &NodeId) -> Result<Key> {
    let token: String = node
        .as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    Key::new(&format!("node.{token}.boots"))
}

/// How often a node was started.
pub(crate) async fn boots(registers: &dyn Registers, node: &NodeId) -> Result<u64> {
    Ok(counted(registers.get(&boots_key(node)?).await?.as_ref()))
}

fn counted(value: Option<&Value>) -> u64 {
    value.and_then(|value| std::str::from_utf8(&value.bytes).ok()?.parse().ok()).unwrap_or(0)
}

/// Refuses a folder that holds what a cluster kept: a node that is alone would lead one of its shards
/// and none of the others.
pub(super) async fn no_cluster_in(registers: &dyn Registers) -> Result<()> {
    if registers.get(&names::cluster_key()?).await?.is_none() {
        return Ok(());
    }
    let message = "here are the journals of a cluster: restore its backup into a cluster \
                   (`orkestra restore` with --nats), or name another folder";
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Counts the starts of a node, so that the lives of its workers rise across them.
pub(super) async fn next_boot(registers: &dyn Registers, node: &NodeId) -> Result<u64> {
    next(registers, &boots_key(node)?).await
}

/// Counts the starts of all nodes of a cluster together, so that a life that begins later anywhere
/// has the higher number: an agent that moves to another node is known by it.
pub(crate) async fn next_life(registers: &dyn Registers) -> Result<u64> {
    next(registers, &names::lives_key()?).await
}

async fn next(registers: &dyn Registers, key: &Key) -> Result<u64> {
    loop {
        let now = registers.get(key).await?;
        let boot = counted(now.as_ref()) + 1;
        let bytes = Bytes::from(boot.to_string());
        let set = match now {
            Some(value) => registers.compare_and_set(key, value.revision, bytes).await,
            None => registers.create(key, bytes).await,
        };
        match set {
            Ok(_) => return Ok(boot),
            Err(SetError::Conflict(_)) => {}
            Err(error) => {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    "cannot count the starts of this node",
                )
                .because(error));
            }
        }
    }
}
