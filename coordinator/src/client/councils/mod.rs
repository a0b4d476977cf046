//! The way to councils: make them, give them something to think about, follow it to its end.
//!
//! Promises: a deliberation is known by its name, so asking twice because an answer was lost begins
//! one; what is answered is durable. Dropping [`Councils::wait`] ends nothing: cancel for that.

#[cfg(test)]
mod tests;
mod way;

use std::{fmt, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result, machine::ReplyTo};

use super::Tasks;
use crate::{
    council::{
        Begun, CouncilAnswer, CouncilCommand, CouncilQuery, CouncilRefusal, CouncilReply,
        DeliberationRequest, NewCouncil, Registration,
        view::{CouncilGauges, CouncilMetricsView, CouncilView, DeliberationView},
    },
    reach::Shard,
};

/// How often a deliberation is looked at that somebody waits for, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// Why nothing came of a request for councils.
#[derive(Debug)]
pub enum CouncilError {
    /// It was refused: nothing was done.
    Refused(CouncilRefusal),
    /// It could not be asked, or what became of it is not known.
    Failed(Error),
}

impl fmt::Display for CouncilError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CouncilError {}

impl From<Error> for CouncilError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<CouncilRefusal> for CouncilError {
    fn from(refusal: CouncilRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CouncilError> for Error {
    fn from(error: CouncilError) -> Self {
        match error {
            CouncilError::Refused(refusal) => Self::new(refusal.kind(), refusal.to_string()),
            CouncilError::Failed(error) => error,
        }
    }
}

/// The way to the councils of the shard that keeps these namespaces. Cheap to clone.
#[derive(Clone)]
pub struct Councils {
    shard: Shard,
}

impl Councils {
    pub(crate) const fn new(shard: Shard) -> Self {
        Self { shard }
    }

    /// The way to the councils that are kept where these tasks are.
    pub fn beside(tasks: &Tasks) -> Self {
        Self::new(tasks.shard.clone())
    }

    /// Makes a council. Where the answer was lost and it is asked again, it may say that the council
    /// exists: look at it then.
    pub async fn create(&self, council: NewCouncil) -> Result<CouncilView, CouncilError> {
        let (to, council) = (ReplyTo::default(), Box::new(council));
        match self.once(CouncilCommand::Create { to, council }).await? {
            CouncilReply::Created(view) => Ok(*view),
            reply => Err(odd(&reply)),
        }
    }

    /// Gives an agent a seat; answers what its council is called, which is made if it is missing.
    pub async fn register(&self, registration: Registration) -> Result<String, CouncilError> {
        let (to, registration) = (ReplyTo::default(), Box::new(registration));
        match self.once(CouncilCommand::Register { to, registration }).await? {
            CouncilReply::Registered { council_id } => Ok(council_id),
            reply => Err(odd(&reply)),
        }
    }

    /// Takes a seat away.
    pub async fn unregister(
        &self,
        namespace: &str,
        role: &str,
        agent: &str,
    ) -> Result<(), CouncilError> {
        let to = ReplyTo::default();
        let [namespace, role, agent] = [namespace, role, agent].map(str::to_owned);
        match self.once(CouncilCommand::Unregister { to, namespace, role, agent }).await? {
            CouncilReply::Unregistered => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Ends a council; answers how many seats it had. While it deliberates that is refused, unless
    /// by force: then that is cancelled.
    pub async fn delete(
        &self,
        namespace: &str,
        role: &str,
        force: bool,
    ) -> Result<u32, CouncilError> {
        let to = ReplyTo::default();
        let [namespace, role] = [namespace, role].map(str::to_owned);
        match self.once(CouncilCommand::Delete { to, namespace, role, force }).await? {
            CouncilReply::Deleted { agents_removed } => Ok(agents_removed),
            reply => Err(odd(&reply)),
        }
    }

    /// Councils of a namespace, by role.
    pub async fn list(
        &self,
        namespace: &str,
        role: Option<&str>,
    ) -> Result<Vec<CouncilView>, CouncilError> {
        let (namespace, role) = (namespace.to_owned(), role.map(str::to_owned));
        match self.query(CouncilQuery::List { namespace, role }).await? {
            CouncilAnswer::Councils(councils) => Ok(councils),
            answer => Err(way::other(&answer).into()),
        }
    }

    /// Gives a council something to think about, or finds it at it. Where the request has no name
    /// one of 16 hexadecimal digits is drawn.
    pub async fn deliberate(
        &self,
        mut request: DeliberationRequest,
    ) -> Result<Begun, CouncilError> {
        if request.id.is_empty() {
            request.id = drawn()?;
        }
        let (to, request) = (ReplyTo::default(), Box::new(request));
        match self.asked(CouncilCommand::Deliberate { to, request }).await? {
            CouncilReply::Begun(begun) => Ok(begun),
            reply => Err(odd(&reply)),
        }
    }

    /// How a deliberation stands; none if there is none of the name, or it is forgotten.
    pub async fn result(
        &self,
        namespace: &str,
        id: &str,
    ) -> Result<Option<DeliberationView>, CouncilError> {
        let [namespace, id] = [namespace, id].map(str::to_owned);
        match self.query(CouncilQuery::Deliberation { namespace, id }).await? {
            CouncilAnswer::Deliberation(found) => Ok(found.map(|found| *found)),
            answer => Err(way::other(&answer).into()),
        }
    }

    /// Waits until a deliberation is over.
    ///
    /// # Cancellation
    /// Dropping the future changes nothing: the deliberation goes on.
    pub async fn wait(&self, namespace: &str, id: &str) -> Result<DeliberationView, CouncilError> {
        let mut wait = LOOK_EVERY.0;
        loop {
            let Some(found) = self.result(namespace, id).await? else {
                return Err(CouncilRefusal::NotFound { id: id.to_owned() }.into());
            };
            if found.status.is_over() {
                return Ok(found);
            }
            tokio::time::sleep(wait).await;
            wait = LOOK_EVERY.1.min(wait * 2);
        }
    }

    /// Ends a deliberation, down to the agents that are at it; answers whether it went on before.
    pub async fn cancel(
        &self,
        namespace: &str,
        id: &str,
        by: &str,
        why: &str,
    ) -> Result<bool, CouncilError> {
        let to = ReplyTo::default();
        let [namespace, id, by, why] = [namespace, id, by, why].map(str::to_owned);
        match self.asked(CouncilCommand::Cancel { to, namespace, id, by, why }).await? {
            CouncilReply::Cancelled { changed } => Ok(changed),
            reply => Err(odd(&reply)),
        }
    }

    /// What happened in a deliberation, as lines for people.
    pub async fn minutes(
        &self,
        namespace: &str,
        id: &str,
    ) -> Result<Option<Vec<String>>, CouncilError> {
        let [namespace, id] = [namespace, id].map(str::to_owned);
        match self.query(CouncilQuery::Minutes { namespace, id }).await? {
            CouncilAnswer::Minutes(lines) => Ok(lines),
            answer => Err(way::other(&answer).into()),
        }
    }

    /// Figures of all namespaces of the shard: of all that ended, or within so many milliseconds.
    pub async fn metrics(&self, range_ms: Option<u64>) -> Result<CouncilMetricsView, CouncilError> {
        self.figures(None, range_ms).await
    }

    /// The same of one namespace: what a tenant may see.
    pub async fn metrics_of(
        &self,
        namespace: &str,
        range_ms: Option<u64>,
    ) -> Result<CouncilMetricsView, CouncilError> {
        self.figures(Some(namespace.to_owned()), range_ms).await
    }

    /// Figures for whoever counts.
    pub async fn gauges(&self) -> Result<CouncilGauges, CouncilError> {
        match self.query(CouncilQuery::Gauges).await? {
            CouncilAnswer::Gauges(gauges) => Ok(*gauges),
            answer => Err(way::other(&answer).into()),
        }
    }

    /// Asks something that changes nothing.
    pub async fn query(&self, query: CouncilQuery) -> Result<CouncilAnswer> {
        way::query(&self.shard, query).await
    }

    async fn figures(
        &self,
        namespace: Option<String>,
        range_ms: Option<u64>,
    ) -> Result<CouncilMetricsView, CouncilError> {
        match self.query(CouncilQuery::Metrics { namespace, range_ms }).await? {
            CouncilAnswer::Metrics(metrics) => Ok(*metrics),
            answer => Err(way::other(&answer).into()),
        }
    }

    async fn asked(&self, command: CouncilCommand) -> Result<CouncilReply, CouncilError> {
        way::asked(&self.shard, command).await
    }

    async fn once(&self, command: CouncilCommand) -> Result<CouncilReply, CouncilError> {
        way::once(&self.shard, command).await
    }
}

/// A name of 16 hexadecimal digits that nothing else has.
fn drawn() -> Result<String> {
    let drawn = getrandom::u64().map_err(|error| {
        Error::new(ErrorKind::Io, "cannot draw a name for a deliberation")
            .because(error.to_string())
    })?;
    Ok(format!("{drawn:016x}"))
}

fn odd(reply: &CouncilReply) -> CouncilError {
    let why = format!("the council answered something else: {reply:?}");
    CouncilError::Failed(Error::new(ErrorKind::Fault, why))
}

impl fmt::Debug for Councils {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Councils").field("shard", &self.shard).finish_non_exhaustive()
    }
}
