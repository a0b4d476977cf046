//! A hash of inputs that tells nothing of those that are sensitive.
//!
//! A run keeps the hash of its inputs, to be compared when it goes on. The plain hash of a short
//! content can be guessed, so where inputs are sensitive a random key is hashed with them. It stands
//! in a sealed blob that the run's opening names, and is deleted with the last of what is sensitive.

use std::fmt;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{BlobName, seal, unseal},
    id::RunId,
    protocol::{
        payload::{Json, Payload},
        task::TaskSpec,
    },
};

use crate::{
    client::Tasks,
    task::{Answer, Query},
};

/// A hash, and the blob with its key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keyed {
    pub(crate) hash: String,
    pub(crate) key: Option<BlobName>,
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Tasks {
    /// What tells a graph of tasks from another.
    pub(crate) async fn hash_of(&self, run: &RunId, tasks: &[TaskSpec]) -> Result<Keyed> {
        let is_hidden = |task: &&TaskSpec| task.sensitive.input;
        let hidden: Vec<Payload> =
            tasks.iter().filter(is_hidden).map(|task| task.input.clone()).collect();
        let plain = if hidden.is_empty() {
            Json::of(tasks)?
        } else {
            let shown = tasks.iter().cloned().map(|task| TaskSpec {
                input: if is_hidden(&&task) { Payload::null() } else { task.input.clone() },
                ..task
            });
            Json::of(&shown.collect::<Vec<_>>())?
        };
        let plain = BlobName::of(plain.as_str().as_bytes()).to_string();
        let hidden = if hidden.is_empty() { None } else { Some(Json::of(&hidden)?) };
        self.keyed_hash(run, plain, hidden.as_ref()).await
    }

    /// The hash of the inputs of a run: the plain one where nothing is sensitive. A run that is
    /// there is asked for its key, any other gets a new one.
    pub(crate) async fn keyed_hash(
        &self,
        run: &RunId,
        plain: String,
        sensitive: Option<&Json>,
    ) -> Result<Keyed> {
        let Some(sensitive) = sensitive else { return Ok(Keyed { hash: plain, key: None }) };
        let known = match self.query(Query::Run(run.clone())).await? {
            Answer::Run(Some(run)) => run.opening.input_key,
            _ => None,
        };
        let (name, sealed) = if let Some(name) = known {
            let found = self.blobs().get(&name).await?.ok_or_else(|| {
                let message = format!(
                    "what is sensitive in run {run:?} was deleted, so its inputs cannot be \
                     compared with these: begin another run"
                );
                Error::new(ErrorKind::Conflict, message)
            })?;
            (name, found)
        } else {
            let sealed = seal(&[])?;
            (self.blobs().put(sealed.clone()).await?, sealed)
        };
        // Checked, and what is random in it serves as the key.
        unseal(&sealed)?;
        let of_inputs = BlobName::of(format!("{plain}\n{sensitive}").as_bytes());
        // Both parts have a length that is known, so nobody can go on from a hash to another.
        let hash = BlobName::of(&[&sealed[..], of_inputs.as_str().as_bytes()].concat());
        Ok(Keyed { hash: hash.to_string(), key: Some(name) })
    }
}
