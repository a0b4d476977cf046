//! Appends records to the log `journal` of a directory until it is killed, and prints the sequence
//! of each once it is acknowledged: for tests of what survives a kill.

use std::{error::Error, io::Write as _, path::PathBuf};

use bytes::Bytes;
use orkestra_runtime::fabric::{Fabric as _, LogName, Sequence, embedded::Embedded};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or("give a directory")?);
    let fabric = Embedded::open(dir)?;
    let (logs, log) = (fabric.logs(), LogName::new("journal")?);
    let mut out = std::io::stdout();
    let mut end = logs.end(&log).await?;
    loop {
        let record = format!("record {}", end.0 + 1);
        end = logs.append(&log, Sequence(end.0), Bytes::from(record)).await?;
        writeln!(out, "{}", end.0)?;
        out.flush()?;
    }
}
