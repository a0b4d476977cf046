//! Ships the repositories that a scenario is given: on other machines there is nothing at their paths.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use orkestra_agents::shipped::{PACKED_BYTES_MAX, Reference, make};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{BlobName, Blobs},
    protocol::agent::Artifact,
};

use crate::{
    cli::{
        args::RunArgs,
        failure::Failure,
        files::short,
        run::{read, told_uncommitted},
    },
    output::{Console, size},
    pin::{Found, find, source},
    scenario::{Prepared, Repository},
};

/// A commit that is to be kept as a blob before its run begins.
#[derive(Debug)]
pub(super) struct Shipment {
    artifact: Artifact,
    bytes: Bytes,
}

/// What becomes of a path: what agents are given in its place, or why nothing does.
type Came = Result<Repository, String>;

/// Reads the scenario and packs the commits of its repositories; references stand in the places of
/// their paths.
pub(super) async fn prepare(
    args: &RunArgs,
    console: &mut Console,
) -> Result<(Prepared, Vec<Shipment>), Failure> {
    let (scenario, set) = read(args, console)?;
    let mut wanted: BTreeMap<String, Result<Found, String>> = BTreeMap::new();
    // Looked at once to learn which there are: packing takes its time, and waits.
    let _ = scenario.resolve(&set, |path| {
        let found = find(path).map_err(|error| error.to_string());
        let commit = found.as_ref().map(|found| found.commit.clone()).unwrap_or_default();
        wanted.insert(path.to_owned(), found);
        Ok(Repository { path: String::new(), commit, workspace: String::new() })
    });
    let (mut came, mut shipments) = (BTreeMap::<String, Came>::new(), Vec::new());
    for (path, found) in wanted {
        let packed = match found {
            Ok(found) => pack(&found, console).await.map_err(|error| error.to_string()),
            Err(why) => Err(why),
        };
        came.insert(
            path,
            packed.map(|(repository, shipment)| {
                shipments.push(shipment);
                repository
            }),
        );
    }
    let unknown = || Err("it was not looked at".to_owned());
    let inputs = scenario.resolve(&set, |path| came.get(path).cloned().unwrap_or_else(unknown))?;
    let mut prepared = scenario.prepare(&inputs)?;
    prepared.shipped = shipments.iter().map(|shipment| shipment.artifact.clone()).collect();
    Ok((prepared, shipments))
}

/// Packs a commit, and says what is lost on the way.
async fn pack(found: &Found, console: &mut Console) -> Result<(Repository, Shipment)> {
    let Found { root, commit, uncommitted } = found;
    let source = source(root, commit)?;
    let scratch = tempfile::tempdir().map_err(|error| {
        let message = "cannot make a folder to pack a repository in";
        Error::new(ErrorKind::Io, message).because(error)
    })?;
    let made = make(&source, scratch.path(), PACKED_BYTES_MAX).await?;
    let blob = BlobName::of(&made.bytes);
    let reference = Reference::new(blob.clone(), commit, Path::new(root))?;
    if let Some(note) = told_uncommitted(*uncommitted, commit) {
        console.warn(note)?;
    }
    let (name, bytes) = (reference.name(), made.bytes.len() as u64);
    if made.has_history {
        let size = size(bytes);
        console.say(format!(
            "{name} at commit {} is shipped with its history: {size}",
            short(commit)
        ))?;
    } else {
        console.warn(format!(
            "the history of {name} is too large to be shipped (more than {}): commit {} goes alone, and \
             agents see a shallow clone, without earlier commits and their tags",
            size(PACKED_BYTES_MAX as u64),
            short(commit)
        ))?;
    }
    let repository = Repository {
        path: reference.path(),
        commit: commit.clone(),
        workspace: reference.workspace(),
    };
    let artifact = Artifact { name: name.to_owned(), blob, bytes };
    Ok((repository, Shipment { artifact, bytes: made.bytes }))
}

/// Keeps what is shipped, durable before the run that names it. What is there and damaged is kept
/// anew.
pub(super) async fn keep(shipments: Vec<Shipment>, blobs: &Arc<dyn Blobs>) -> Result<()> {
    for Shipment { artifact, bytes } in shipments {
        let failed = |error: Error| {
            let message = format!("cannot ship repository {:?} to the cluster", artifact.name);
            Error::new(error.kind(), message).because(error)
        };
        match blobs.get(&artifact.blob).await {
            Ok(Some(_)) => continue,
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                blobs.delete(&artifact.blob).await.map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        blobs.put(bytes).await.map_err(failed)?;
    }
    Ok(())
}
