//! How often a node was started.

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Key, Registers, SetError},
    id::NodeId,
};

/// Counts the starts of a node, so that the lives of its workers rise across them.
pub(super) async fn next_boot(registers: &dyn Registers, node: &NodeId) -> Result<u64> {
    let token: String = node
        .as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    let key = Key::new(&format!("node.{token}.boots"))?;
    loop {
        let now = registers.get(&key).await?;
        let last =
            now.as_ref().and_then(|value| std::str::from_utf8(&value.bytes).ok()?.parse().ok());
        let boot: u64 = last.unwrap_or(0) + 1;
        let bytes = Bytes::from(boot.to_string());
        let set = match now {
            Some(value) => registers.compare_and_set(&key, value.revision, bytes).await,
            None => registers.create(&key, bytes).await,
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
