//! Whom to ask: the process that holds the folder, at its door; or nobody, and then the folder is
//! opened for one change.
//!
//! The folder is then opened for writing by a node without agents: it leads, takes the request, and
//! stops with everything durable. No agent is there, so nothing is worked on meanwhile.

use std::{path::Path, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, embedded::holder},
    id::AgentId,
    time::{Clock as _, SystemClock},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    cli::{
        cluster::asking as cluster,
        run::{bare_spec, open},
        settings::Settings,
    },
    door::{Asker, CouncilAsk, Link, Request, VoteAsk},
    inspect::Inspection,
    system::System,
};

/// How often a process that holds the folder is looked for its door: it may be starting.
const TRIES: u32 = 20;
/// How long to wait between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// What is needed to ask for something.
#[derive(Debug)]
pub(in crate::cli) struct Asking<'a> {
    pub(in crate::cli) settings: &'a Settings,
    pub(in crate::cli) clock: Arc<SystemClock>,
}

/// Who is at work in a folder.
pub(in crate::cli) enum Found {
    /// Nobody.
    Nobody,
    /// A process that can be asked.
    Node(Link),
    /// A process without a door.
    Closed(u32),
}

impl Asking<'_> {
    pub(in crate::cli) fn data_dir(&self) -> &Path {
        self.settings.data_dir()
    }

    /// Asks for something, in the name of somebody if one is given.
    pub(in crate::cli) async fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
        name: Option<&AgentId>,
    ) -> Result<T> {
        if self.settings.is_cluster() {
            let asked = cluster::ask(request, name, (self.settings, Arc::clone(&self.clock)));
            return read(asked.await?);
        }
        match self.find().await? {
            Found::Node(mut link) => link.ask(request, name).await,
            Found::Closed(pid) => Err(held(self.data_dir(), pid)),
            Found::Nobody => read(self.by_itself(request, name).await?),
        }
    }

    /// Finds out who is at work.
    pub(in crate::cli) async fn find(&self) -> Result<Found> {
        let mut tried = 0;
        loop {
            let Some(pid) = holder(self.data_dir())? else { return Ok(Found::Nobody) };
            if let Some(link) = Link::open(self.data_dir()).await? {
                return Ok(Found::Node(link));
            }
            tried += 1;
            if tried == TRIES {
                return Ok(Found::Closed(pid));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn by_itself(&self, request: &Request, name: Option<&AgentId>) -> Result<Value> {
        // A vote or a council may be the first thing that is there.
        if !matches!(
            request,
            Request::Vote { ask: VoteAsk::Enrol { .. } | VoteAsk::Call { .. } }
                | Request::Council { ask: CouncilAsk::Register { .. } }
        ) {
            // Looked for first, so that a name that is wrong changes nothing at all.
            let inspection = Inspection::of(self.data_dir()).await?;
            let found = request.target().find(&(inspection.tasks(), self.clock.now())).await;
            inspection.close().await;
            found?;
        }
        let fabric: Arc<dyn Fabric> = Arc::new(open(self.data_dir())?);
        let answer = self.in_fabric(request, name, &fabric).await;
        fabric.close().await;
        answer
    }

    async fn in_fabric(
        &self,
        request: &Request,
        name: Option<&AgentId>,
        fabric: &Arc<dyn Fabric>,
    ) -> Result<Value> {
        // The supervision log tells of nodes that work: this one would only hide the last of them.
        let spec = bare_spec(self.settings, Arc::clone(fabric), Arc::clone(&self.clock))?;
        let system = System::start(spec).await?;
        let asker = Asker::of_process().await.speaking_for(name.cloned());
        let answer = system.clerk().carry_out(request, &asker).await;
        // Only what was stopped in order is surely durable.
        system.stop().await?;
        answer
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T> {
    serde_json::from_value(answer)
        .map_err(|error| Error::new(ErrorKind::Fault, "cannot read an answer").because(error))
}

/// What to do about a process that cannot be asked.
pub(in crate::cli) fn held(data_dir: &Path, pid: u32) -> Error {
    let message = format!(
        "cannot change anything in {}: process {pid} is at work there and has no control door; \
         interrupt it (Ctrl-C, or `kill {pid}`), then ask again",
        data_dir.display()
    );
    Error::new(ErrorKind::Conflict, message)
}
