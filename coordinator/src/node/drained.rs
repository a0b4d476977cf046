//! Whether a person has drained a node: kept in a register, so that it holds while the node restarts.

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Registers, SetError},
    id::NodeId,
    names,
};
use serde::{Deserialize, Serialize};

/// The version of what is kept.
const VERSION: u32 = 1;
/// How often the register is tried while others change it.
const TRIES_MAX: usize = 10;

/// What is known of a node while it is away as well. A later version only adds fields.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    v: u32,
    #[serde(default)]
    drained: bool,
}

/// Whether a node was told to lead nothing more and take no more work, and not yet to do so again.
pub(super) async fn is_drained(registers: &dyn Registers, node: &NodeId) -> Result<bool> {
    let found = registers.get(&names::node_key(node)?).await?;
    Ok(found.is_some_and(|found| read(node, &found.bytes)))
}

/// Keeps that a node is drained, or that it is not; answers whether that is another than before.
pub(super) async fn remember(
    registers: &dyn Registers,
    node: &NodeId,
    drained: bool,
) -> Result<bool> {
    let key = names::node_key(node)?;
    let kept = serde_json::to_vec(&Kept { v: VERSION, drained }).map(Bytes::from);
    let kept = kept.map_err(|error| {
        Error::new(ErrorKind::Fault, "cannot write that a node is drained").because(error)
    })?;
    for _ in 0..TRIES_MAX {
        let found = registers.get(&key).await?;
        if found.as_ref().is_some_and(|found| read(node, &found.bytes)) == drained {
            return Ok(false);
        }
        let set = match found {
            Some(found) => {
                registers.compare_and_set(&key, found.revision, kept.clone()).await.map(drop)
            }
            None => registers.create(&key, kept.clone()).await.map(drop),
        };
        match set {
            Ok(()) => return Ok(true),
            Err(SetError::Conflict(_)) => {}
            Err(error) => {
                let message = format!("cannot keep whether node {node} is drained: try again");
                return Err(Error::new(ErrorKind::Unavailable, message).because(error));
            }
        }
    }
    let message = format!("others keep saying whether node {node} is drained: try again");
    Err(Error::new(ErrorKind::Conflict, message))
}

/// What cannot be read drains nobody: a node that works is easier to notice than one that does not.
fn read(node: &NodeId, bytes: &[u8]) -> bool {
    match serde_json::from_slice::<Kept>(bytes) {
        Ok(kept) => kept.drained,
        Err(error) => {
            tracing::warn!(%node, %error, "whether the node was drained cannot be read: it is not");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::fabric::{Fabric as _, embedded::Embedded};

    use super::*;

    #[tokio::test]
    async fn a_node_is_drained_until_it_is_told_otherwise_and_whatever_cannot_be_read_drains_nobody()
     {
        let registers = Embedded::strict().registers();
        let (one, other) = (NodeId::new("one").unwrap(), NodeId::new("other").unwrap());
        assert!(!is_drained(registers.as_ref(), &one).await.unwrap());
        assert!(!remember(registers.as_ref(), &one, false).await.unwrap(), "it was not");
        assert!(remember(registers.as_ref(), &one, true).await.unwrap());
        assert!(!remember(registers.as_ref(), &one, true).await.unwrap(), "it was before");
        assert!(is_drained(registers.as_ref(), &one).await.unwrap());
        assert!(!is_drained(registers.as_ref(), &other).await.unwrap());
        assert!(remember(registers.as_ref(), &one, false).await.unwrap());
        assert!(!is_drained(registers.as_ref(), &one).await.unwrap());

        let later = Bytes::from_static(br#"{"v":7,"drained":true,"until":"tomorrow"}"#);
        registers.create(&names::node_key(&other).unwrap(), later).await.unwrap();
        assert!(is_drained(registers.as_ref(), &other).await.unwrap(), "of a newer program");
        let junk = registers.get(&names::node_key(&other).unwrap()).await.unwrap().unwrap();
        let key = names::node_key(&other).unwrap();
        registers.compare_and_set(&key, junk.revision, "{".into()).await.unwrap();
        assert!(!is_drained(registers.as_ref(), &other).await.unwrap());
        assert!(remember(registers.as_ref(), &other, true).await.unwrap(), "it is written anew");
    }
}
