//! `orkestra bench`: measures, and shows the figures.

use std::path::{Path, PathBuf};

use orkestra_runtime::Result;

use crate::{
    bench::{Figure, PeerPlace, Servers, measure, measure_over_nats, measure_part, serve, table},
    cli::{
        args::{BenchArgs, Common},
        failure::Failure,
    },
    output::{Console, Exit},
};

/// Measures in a folder beside the data directory that was named, or in a temporary one.
pub(super) async fn run(
    args: &BenchArgs,
    common: &Common,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let data_dir = common.data_dir.as_deref();
    let measured = {
        let measuring = figures(args, data_dir, console);
        tokio::select! {
            figures = measuring => Some(figures?),
            // Folders and processes go with the measurement that is dropped.
            _ = tokio::signal::ctrl_c() => None,
        }
    };
    let Some(figures) = measured else { return Ok(Exit::Interrupted) };
    if !figures.is_empty() {
        console.list(&figures, table)?;
    }
    Ok(Exit::Done)
}

async fn figures(
    args: &BenchArgs,
    data_dir: Option<&Path>,
    console: &mut Console,
) -> Result<Vec<Figure>> {
    let only = args.only.as_deref();
    if let (Some(part), Some(data_dir)) = (args.part, data_dir) {
        if let (Some(Servers::At(url)), Some(cluster), Some(node)) =
            (&args.nats, &args.cluster, &args.node)
        {
            let (url, cluster, node) = (url.clone(), cluster.clone(), node.clone());
            let served = serve(part, &PeerPlace { url, cluster, node }, data_dir).await;
            return served.map(|()| Vec::new());
        }
        return measure_part(part, data_dir).await;
    }
    let at = data_dir.map_or_else(std::env::temp_dir, there);
    let tell = |group: &str| console.say(format_args!("measuring {group}"));
    match &args.nats {
        Some(servers) => measure_over_nats(servers, only, &at, tell).await,
        None => measure(only, &at, tell).await,
    }
}

/// The folder itself, or the nearest one above it that is there: the same file system.
fn there(folder: &Path) -> PathBuf {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let found = folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned);
    found.unwrap_or_else(std::env::temp_dir)
}
