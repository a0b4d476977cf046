//! The other side of the door: asks a node that is at work in another process.

use std::{io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result, id::AgentId};
use serde::de::DeserializeOwned;
use tokio::{
    io::AsyncWriteExt as _,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use super::{
    ANSWER_BYTES_MAX, LINE_BYTES_MAX,
    frame::{Broken, Lines},
    message::{Answered, Asking, VERSION},
    place,
    request::Request,
};

/// How long a node may take to let somebody in.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// How much longer than a request takes its answer is awaited.
const GRACE: Duration = Duration::from_secs(5);

/// A connection to the node that is at work in a folder.
#[derive(Debug)]
pub struct Link {
    lines: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    asked: u64,
}

impl Link {
    /// Connects to the node of a folder; none if it has no door, or nobody is behind it.
    ///
    /// An error means that there is a door which is not for this user.
    pub async fn open(data_dir: &Path) -> Result<Option<Self>> {
        let mut refused = None;
        for place in place::places(data_dir, &place::bases())? {
            let path = &place.socket;
            let connected = timeout(OPEN_WITHIN, UnixStream::connect(path)).await;
            let stream = match connected.map_err(io::Error::from).flatten() {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    refused = Some(not_ours(path).because(error));
                    continue;
                }
                Err(_) => continue,
            };
            if !is_believed(&stream, data_dir) {
                refused = Some(not_ours(path));
                continue;
            }
            let (reader, writer) = stream.into_split();
            let lines = Lines::of(reader, ANSWER_BYTES_MAX);
            return Ok(Some(Self { lines, writer, asked: 0 }));
        }
        refused.map_or(Ok(None), Err)
    }

    /// Asks, in the name of somebody if one is given, and waits for the answer.
    ///
    /// An error of kind `Unavailable` means that it may have been done.
    ///
    /// # Cancellation
    /// Dropping the future undoes nothing, and leaves the link of no more use.
    pub async fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        name: Option<&AgentId>,
    ) -> Result<T> {
        self.asked += 1;
        let asking = Asking { v: VERSION, id: self.asked, name, request };
        let mut line = serde_json::to_vec(&asking).map_err(unreadable)?;
        if line.len() > LINE_BYTES_MAX {
            let message = format!(
                "what is asked has {} bytes, and at most {LINE_BYTES_MAX} are taken at the door",
                line.len()
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        line.push(b'\n');
        let answer = timeout(request.within() + GRACE, self.exchange(&line)).await;
        let answer = answer.unwrap_or_else(|_| Err(unanswered("it does not answer")))?;
        if let Some(trouble) = answer.error {
            return Err(trouble.into());
        }
        if answer.id.as_u64() != Some(self.asked) {
            return Err(unanswered("it answered something else"));
        }
        serde_json::from_value(answer.ok.unwrap_or_default()).map_err(unreadable)
    }

    async fn exchange(&mut self, line: &[u8]) -> Result<Answered> {
        // Whoever is turned away can write no more, but read why.
        let written = self.writer.write_all(line).await;
        match self.lines.next().await {
            Ok(Some(line)) => serde_json::from_slice(&line).map_err(unreadable),
            Ok(None) | Err(Broken::Cut) => Err(unanswered("it closed the connection")),
            Err(Broken::TooLong) => Err(unanswered("its answer is too long")),
            Err(Broken::Io(error)) => {
                Err(unanswered("the connection broke").because(written.err().unwrap_or(error)))
            }
        }
    }
}

/// Whether who listens is of this user, of the folder's owner, or root.
fn is_believed(stream: &UnixStream, data_dir: &Path) -> bool {
    let owner = std::fs::metadata(data_dir).map(|found| found.uid()).ok();
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| {
        let uid = peer.uid();
        uid == own || uid == 0 || Some(uid) == owner
    })
}

fn not_ours(path: &Path) -> Error {
    let message = format!(
        "cannot ask at the control door {}: it belongs to another user; ask as that user",
        path.display()
    );
    Error::new(ErrorKind::Io, message)
}

fn unanswered(why: &str) -> Error {
    let message = format!(
        "no answer came from the process that is at work: {why}; it may have been done, \
         so look before you ask again"
    );
    Error::new(ErrorKind::Unavailable, message)
}

fn unreadable(error: serde_json::Error) -> Error {
    let message = "cannot read what the process that is at work answered; it may have been done";
    Error::new(ErrorKind::Unavailable, message).because(error)
}
