//! `orkestra bench`: measures, and shows the figures.

use std::path::{Path, PathBuf};

use orkestra_runtime::Result;

use crate::{
    bench::{Figure, Part, measure, measure_part, table},
    cli::{args::Common, failure::Failure},
    output::{Console, Exit},
};

/// Measures in a folder beside the data directory that was named, or in a temporary one.
pub(super) async fn run(
    only: Option<&str>,
    part: Option<Part>,
    common: &Common,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let data_dir = common.data_dir.as_deref();
    let measured = {
        let measuring = figures(only, (part, data_dir), console);
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
    only: Option<&str>,
    (part, data_dir): (Option<Part>, Option<&Path>),
    console: &mut Console,
) -> Result<Vec<Figure>> {
    if let (Some(part), Some(data_dir)) = (part, data_dir) {
        return measure_part(part, data_dir).await;
    }
    let at = data_dir.map_or_else(std::env::temp_dir, there);
    measure(only, &at, |group| console.say(format_args!("measuring {group}"))).await
}

/// The folder itself, or the nearest one above it that is there: the same file system.
fn there(folder: &Path) -> PathBuf {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let found = folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned);
    found.unwrap_or_else(std::env::temp_dir)
}
