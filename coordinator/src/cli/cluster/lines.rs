//! Lines of the supervision logs of all nodes.

use std::time::Duration;

use futures::{StreamExt as _, stream::BoxStream};
use orkestra_runtime::{Error, ErrorKind, Result, names};

use super::Cluster;
use crate::{
    cli::{run::interrupted, supervision::painted},
    node::{NodeAsk, NodeRecord},
    output::{Console, Exit, Format, Table, is_reader_gone},
};

/// How many lines of each node are asked for where nobody says how many.
const LAST: usize = 200;
/// How many lines may wait.
const WAITING_MAX: usize = 4_096;
/// How wide the names of children are.
const WHO_WIDTH: usize = 28;
/// How often it is looked whether anybody still reads.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Which lines are wanted.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Wanted<'a> {
    pub(in crate::cli) child: Option<&'a str>,
    pub(in crate::cli) limit: Option<usize>,
    pub(in crate::cli) follow: bool,
}

/// Lines of all nodes from now on.
pub(in crate::cli) async fn news(cluster: &Cluster) -> Result<BoxStream<'static, NodeRecord>> {
    let pattern = names::supervisions()?;
    let heard = cluster.messages().subscribe(&pattern, None, WAITING_MAX).await?;
    // What is not readable is nobody's line; what was lost stands in the files.
    let read = heard.filter_map(async |message| serde_json::from_slice(&message.ok()?.body).ok());
    Ok(read.boxed())
}

/// Shows the last lines of all nodes that are there, in the order of their times; then, if that is
/// wanted, each as it comes.
pub(in crate::cli) async fn show(
    cluster: &Cluster,
    wanted: Wanted<'_>,
    console: &mut Console,
) -> Result<Exit> {
    if wanted.follow && matches!(console.format(), Format::Json | Format::Yaml) {
        let message = "--follow writes line by line, and a document has an end: \
                       use -o table or -o ndjson";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    // Before the past is asked for, so that nothing falls between the two.
    let mut news = news(cluster).await?;
    let last = wanted.limit.unwrap_or(LAST);
    let told: Vec<Vec<NodeRecord>> = cluster.ask_all(&NodeAsk::Supervision { last }).await?;
    let nodes = told.len();
    let mut lines: Vec<NodeRecord> = told.into_iter().flatten().collect();
    lines.retain(|line| is_wanted(line, wanted));
    lines.sort_by(|a, b| {
        (a.record.at, &a.node, a.record.seq).cmp(&(b.record.at, &b.node, b.record.seq))
    });
    let surplus = lines.len().saturating_sub(wanted.limit.unwrap_or(usize::MAX));
    lines.drain(..surplus);
    if console.format() == Format::Table {
        lines.iter().try_for_each(|line| tell(line, console))?;
        if nodes == 0 {
            console.say("no node of the cluster is there to tell")?;
        }
    } else {
        console.list(&lines, |_| Table::default())?;
    }
    if !wanted.follow {
        return Ok(Exit::Done);
    }
    let mut seen: std::collections::BTreeMap<_, u64> = std::collections::BTreeMap::new();
    for line in &lines {
        let seq = seen.entry(line.node.clone()).or_default();
        *seq = (*seq).max(line.record.seq);
    }
    let stopped = interrupted();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => return Ok(Exit::Interrupted),
            line = news.next() => {
                let Some(line) = line else {
                    return Err(Error::new(ErrorKind::Unavailable, "the servers tell nothing more"));
                };
                let is_new = seen.get(&line.node).is_none_or(|seq| line.record.seq > *seq);
                if is_new && is_wanted(&line, wanted) {
                    if console.format() == Format::Table {
                        tell(&line, console)?;
                    } else {
                        console.line(&line)?;
                    }
                }
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if console.is_closed() || is_reader_gone() {
            return Ok(Exit::Done);
        }
    }
}

fn is_wanted(line: &NodeRecord, wanted: Wanted<'_>) -> bool {
    wanted.child.is_none_or(|text| line.record.who.contains(text))
}

fn tell(line: &NodeRecord, console: &mut Console) -> Result<()> {
    let painted = shown(line, console.surroundings().colours_data());
    console.text(&format!("{painted}\n"))
}

/// A line for people, with the node that it is from.
pub(in crate::cli) fn shown(line: &NodeRecord, is_coloured: bool) -> String {
    format!("{:<10} {}", line.node.as_str(), painted(&line.record, WHO_WIDTH, is_coloured))
}
