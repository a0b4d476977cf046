//! Changes of tasks, runs and agents of a cluster: the same requests as at the door of a folder, each
//! carried out at the shard that it is about.

use std::sync::Arc;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Fabric as _,
    id::{AgentId, NodeId, RunId},
    journal::Journal,
    time::SystemClock,
};
use serde::Deserialize;
use serde_json::Value;

use super::{Cluster, Way, not_here};
use crate::{
    cli::settings::Settings,
    door::{Asker, Clerk, Identity, Request},
    public::kept_namespace,
    system::{Means, Standing},
};

/// Asks for something, in the name of somebody if one is given.
pub(in crate::cli) async fn ask(
    request: &Request,
    name: Option<&AgentId>,
    (settings, clock): (&Settings, Arc<SystemClock>),
) -> Result<Value> {
    refuse(request)?;
    let cluster = Cluster::connect(settings).await?;
    let asker = Asker::of_process().await.speaking_for(name.cloned());
    let carry_out = async |way: Way| {
        let clerk = clerk(&cluster, way, (settings, Arc::clone(&clock)))?;
        clerk.carry_out(request, &asker).await
    };
    let answer = match request {
        Request::AgentDrain { .. } | Request::AgentResume { .. } => {
            everywhere(&cluster, carry_out).await
        }
        Request::TaskSubmit { submission } => match home_of(submission, &cluster) {
            Ok(way) => carry_out(way).await,
            Err(error) => Err(error),
        },
        Request::Lock { .. } | Request::Vote { .. } | Request::Council { .. } => {
            match cluster.way_of(kept_namespace(settings.namespace.as_deref())) {
                Ok(way) => carry_out(way).await,
                Err(error) => Err(error),
            }
        }
        _ => match cluster.meant(run_of(request)).await {
            Ok(way) => carry_out(way).await,
            Err(error) => Err(error),
        },
    };
    cluster.close().await;
    answer
}

/// The shard in which what is submitted lives.
fn home_of(submission: &str, cluster: &Cluster) -> Result<Way> {
    #[derive(Deserialize)]
    struct Whose {
        namespace: Option<String>,
    }
    let whose: Whose = serde_json::from_str(submission).map_err(|error| {
        Error::new(ErrorKind::Invalid, "cannot read what is submitted").because(error)
    })?;
    cluster.way_of(kept_namespace(whose.namespace.as_deref()))
}

/// An agent works for all shards: each that knows it is asked.
async fn everywhere(
    cluster: &Cluster,
    carry_out: impl AsyncFn(Way) -> Result<Value>,
) -> Result<Value> {
    let (mut came, mut unknown) = (None, None);
    for way in cluster.ways()? {
        match carry_out(way).await {
            Ok(answer) => {
                let changed = |answer: &Value| answer["changed"] == Value::Bool(true);
                if came.as_ref().is_none_or(|came| !changed(came)) {
                    came = Some(answer);
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => unknown = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (came, unknown) {
        (Some(came), _) => Ok(came),
        (None, Some(unknown)) => Err(unknown),
        (None, None) => Err(Error::new(ErrorKind::Fault, "the cluster has no shard")),
    }
}

fn clerk(
    cluster: &Cluster,
    way: Way,
    (settings, clock): (&Settings, Arc<SystemClock>),
) -> Result<Clerk> {
    let identity = Identity {
        name: NodeId::new("client")?,
        boot: 0,
        durability: cluster.nats.durability(),
        folder: settings.config.data_dir.clone(),
        is_at_work: false,
        cluster: Some(cluster.name.clone()),
    };
    let means = Means {
        journal: Journal::of(cluster.nats.as_ref(), way.shard)?,
        shard: way.to,
        keeper: None,
        standing: Arc::new(Standing::default()),
        clock,
    };
    Ok(Clerk::new(identity, way.tasks, means))
}

fn run_of(request: &Request) -> Option<&RunId> {
    request.target().run()
}

/// What is only done where the data is.
fn refuse(request: &Request) -> Result<()> {
    match request {
        Request::Compact { .. } => Err(not_here(
            "compacting",
            "coordinators trim their journals by themselves; journal.keep_records says how far",
        )),
        Request::DoctorHeal {} => Err(not_here(
            "healing a folder",
            "`orkestra doctor --heal` with --nats heals the shards of a cluster",
        )),
        _ => Ok(()),
    }
}
