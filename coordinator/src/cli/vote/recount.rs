//! `orkestra vote recount`: a vote counted again from the journal alone.

use std::{collections::BTreeMap, fmt::Write as _};

use orkestra_runtime::{
    Result,
    id::{VoteId, VoteNo},
};
use serde::Serialize;

use super::no_vote;
use crate::{
    cli::{change::Asking, cluster::Cluster},
    committee::{CommitteeEvent, Difference, Recount, Recounted},
    inspect::Inspection,
    output::{Console, Exit},
    public::kept_namespace,
};

/// What came of counting again.
#[derive(Serialize)]
struct Counted {
    vote: VoteId,
    rounds: Vec<Recounted>,
    /// The first place that is not what follows from what stands before it.
    difference: Option<Difference>,
}

/// Counts a vote again; ends with 1 and the first place that is not as it must be.
pub(super) async fn recount(
    vote: &str,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let vote = VoteId::new(vote)?;
    let counted = if asking.settings.is_cluster() {
        let cluster = Cluster::connect(asking.settings).await?;
        let counted = of_cluster(&vote, &cluster, asking).await;
        cluster.close().await;
        counted?
    } else {
        let inspection = Inspection::of(asking.data_dir()).await?;
        let counted = of(&vote, &inspection).await;
        inspection.close().await;
        counted?
    };
    let exit = if counted.difference.is_some() { Exit::Negative } else { Exit::Done };
    console.item(&counted, text)?;
    Ok(exit)
}

async fn of_cluster(vote: &VoteId, cluster: &Cluster, asking: &Asking<'_>) -> Result<Counted> {
    let way = cluster.way_of(kept_namespace(asking.settings.namespace.as_deref()))?;
    let inspection = Inspection::over(cluster.fabric(), way.shard).await?;
    of(vote, &inspection).await
}

async fn of(vote: &VoteId, inspection: &Inspection) -> Result<Counted> {
    // Which events are of it is found out before any is believed.
    let (mut named, mut from) = (None, BTreeMap::new());
    let is_whole = inspection
        .each_of_votes(|number, _, event| {
            if let CommitteeEvent::Opened { proposal, climb, .. } = event {
                let no = VoteNo(number.0);
                from.extend(climb.as_ref().map(|climb| (no, climb.from)));
                if proposal.id == *vote {
                    named = Some(no);
                }
            }
        })
        .await?;
    let Some(mut root) = named else { return Err(no_vote(vote)) };
    while let Some(before) = from.get(&root).copied().filter(|before| *before < root) {
        root = before;
    }
    let mut recount = Recount::of(root, is_whole);
    inspection.each_of_votes(|number, at, event| recount.hear(number, at, event)).await?;
    let (rounds, difference) = recount.finish();
    Ok(Counted { vote: vote.clone(), rounds, difference })
}

fn text(counted: &Counted) -> String {
    let mut text = String::new();
    for round in &counted.rounds {
        let came_to = match &round.decision {
            Some(decision) => decision.to_string(),
            None => "not decided yet".to_owned(),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "vote {} (number {}): {came_to}; record {}",
            round.vote, round.number, round.record
        );
    }
    // The same.
    let _ = match &counted.difference {
        None => writeln!(text, "vote {} was counted again: everything is as it says", counted.vote),
        Some(Difference { number, why }) => writeln!(
            text,
            "event {number} is not what follows from those before it: {why}\nnothing behind it can \
             be trusted"
        ),
    };
    text
}
