//! Puts sensitive inputs into sealed blobs before anything names them.

use std::sync::Arc;

use orkestra_runtime::{
    Result,
    fabric::keep_sealed,
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

impl Tasks {
    /// The same tasks, with what is sensitive in sealed blobs. A task that is there already keeps
    /// the blob that it has if its content is the same: then submitting it again changes nothing.
    pub(crate) async fn with_sealed_inputs(
        &self,
        run: &RunId,
        mut tasks: Vec<Arc<TaskSpec>>,
    ) -> Result<Vec<Arc<TaskSpec>>> {
        for task in &mut tasks {
            if !task.sensitive.input || task.input.is_sensitive() {
                continue;
            }
            let json = self.read(&task.input).await?;
            let input = match self.known_input(run, task, &json).await? {
                Some(known) => known,
                None => keep_sealed(&json, self.blobs().as_ref()).await?,
            };
            Arc::make_mut(task).input = input;
        }
        Ok(tasks)
    }

    /// The sealed input of a task that was submitted before with the same content. One that is
    /// deleted cannot be compared, and is taken for the same.
    async fn known_input(
        &self,
        run: &RunId,
        task: &TaskSpec,
        json: &Json,
    ) -> Result<Option<Payload>> {
        let asked = Query::Task(run.clone(), task.id.clone());
        let Answer::Task(Some(known)) = self.query(asked).await? else { return Ok(None) };
        if !known.input.is_sensitive() {
            return Ok(None);
        }
        let is_same = known.redacted.is_some() || self.read(&known.input).await? == *json;
        Ok(is_same.then_some(known.input))
    }
}
