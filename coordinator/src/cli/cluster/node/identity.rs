//! Which node a data directory belongs to: the same in each of its lives.

use std::{
    fs::{self, File},
    path::Path,
};

use orkestra_runtime::{Error, ErrorKind, Result, id::NodeId};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::{cli::settings::Settings, config::Origin};

/// The file that says it.
const FILE: &str = "node.json";
/// The file that whoever is at work holds.
const LOCK: &str = "node.lock";
/// The version of the file.
const VERSION: u32 = 1;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    v: u32,
    node: NodeId,
    cluster: String,
}

/// Who a node is, while no other process can be it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) name: NodeId,
    _held: File,
}

impl Identity {
    /// Who the node is: as the folder says, or else as it is configured, or else as the machine is
    /// called. The folder remembers it.
    pub(super) fn of(settings: &Settings) -> Result<Self> {
        let folder = settings.data_dir();
        fs::create_dir_all(folder).map_err(|error| failed("make", folder, error))?;
        let held = hold(folder)?;
        let configured = match settings.config.explain("node.name").map(|told| told.origin) {
            Ok(Origin::Default) | Err(_) => None,
            Ok(_) => Some(settings.config.node_name.clone()),
        };
        let cluster = settings.config.cluster_name.0.clone();
        let path = folder.join(FILE);
        let known = match fs::read(&path) {
            Ok(bytes) => Some(read(&bytes, &path)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("read", &path, error)),
        };
        if let Some(known) = known {
            let is_other = configured.as_ref().is_some_and(|name| *name != known.node);
            if is_other || known.cluster != cluster {
                let now = configured.as_ref().unwrap_or(&known.node);
                let message = format!(
                    "the data directory {} belongs to node {} of cluster {}, and this is node {now} of \
                     cluster {cluster}: give each node a folder of its own (data_dir)",
                    folder.display(),
                    known.node,
                    known.cluster,
                );
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            return Ok(Self { name: known.node, _held: held });
        }
        let name = match configured {
            Some(name) => name,
            None => machine()?,
        };
        let written = Written { v: VERSION, node: name.clone(), cluster };
        let text = serde_json::to_vec_pretty(&written).unwrap_or_default();
        let part = folder.join(format!("{FILE}.part"));
        fs::write(&part, text).map_err(|error| failed("write", &part, error))?;
        fs::rename(&part, &path).map_err(|error| failed("write", &path, error))?;
        Ok(Self { name, _held: held })
    }
}

/// Holds the folder for as long as the file is open.
fn hold(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|error| failed("write", &path, error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        if error != rustix::io::Errno::WOULDBLOCK {
            return failed("lock", &path, error.into());
        }
        let message = format!(
            "another node is at work in {}: give each node a folder of its own (data_dir)",
            folder.display()
        );
        Error::new(ErrorKind::Conflict, message)
    })?;
    Ok(file)
}

/// What the machine is called.
fn machine() -> Result<NodeId> {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    NodeId::new(name.as_ref()).map_err(|error| {
        let message = "the node has no name: say which with node.name";
        Error::new(ErrorKind::Invalid, message).because(error)
    })
}

fn read(bytes: &[u8], path: &Path) -> Result<Written> {
    let known: Written = serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("cannot read which node this is in {}", path.display());
        Error::new(ErrorKind::Corrupt, message).because(error)
    })?;
    if known.v > VERSION {
        let message = format!("{} is of a newer program: use that one", path.display());
        return Err(Error::new(ErrorKind::TooNew, message));
    }
    Ok(known)
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot {what} {}", path.display());
    Error::new(ErrorKind::Io, message).because(error)
}
