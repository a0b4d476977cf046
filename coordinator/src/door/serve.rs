//! The door as a child of the node: it lets askers in, a bounded number for a bounded time, and
//! hands on what they ask.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    backoff::Backoff,
    duty,
    supervise::{ChildSpec, Running, Started, Starting},
    time::Clock,
};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::{UnixStream, unix::OwnedWriteHalf},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::{
    ANSWER_BYTES_MAX, CLOSE_WITHIN, CONNECTIONS_MAX, IDLE_WITHIN, LINE_BYTES_MAX, WRITE_WITHIN,
    asker::Asker,
    clerk::Clerk,
    frame::{Broken, Lines},
    message::{self, Answered, Asked, Code, Trouble},
    place,
    socket::Socket,
};

/// How long to wait before letting in again, when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);
/// After how many tries in a row a door that cannot be opened stays shut.
const TRIES_MAX: u32 = 5;

/// The door of a folder as a child of its node.
///
/// One that cannot be opened must not keep the node from its work: it fails once it runs, is tried
/// again, and is parked with its reason in the supervision log.
pub(crate) fn child(data_dir: PathBuf, clerk: Arc<Clerk>, clock: Arc<dyn Clock>) -> ChildSpec {
    let data_dir = Arc::new(data_dir);
    let child = ChildSpec::worker("control", move |starting: Starting| {
        let (data_dir, clerk, clock) =
            (Arc::clone(&data_dir), Arc::clone(&clerk), Arc::clone(&clock));
        async move {
            let socket = Socket::open(&data_dir, &place::bases());
            if let Err(error) = &socket {
                tracing::warn!(%error, "no other process can ask this one for anything");
            }
            let (close, closing) = watch::channel(false);
            let duty = async move { serve(socket?, clerk, closing).await };
            let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(Running::new(cell).stopped_by(move || {
                close.send_replace(true);
            })))
        }
    });
    child.backoff(Backoff::default()).attempts_max(TRIES_MAX)
}

/// Lets askers in until the door is to close; those who are being answered then get their answers.
pub(super) async fn serve(
    socket: Socket,
    clerk: Arc<Clerk>,
    mut closing: watch::Receiver<bool>,
) -> Result<()> {
    let mut visits = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = closed(&mut closing) => break,
            Some(ended) = visits.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection at the control door ended badly");
                }
            }
            came = socket.listener.accept() => match came {
                Ok((stream, _)) if visits.len() < CONNECTIONS_MAX => {
                    visits.spawn(visit(stream, Arc::clone(&clerk), closing.clone()));
                }
                Ok((stream, _)) => turn_away(stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot let anybody in at the control door");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    drop(socket);
    // Whoever takes longer is cut off with the set.
    let _ = timeout(CLOSE_WITHIN, async { while visits.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn closed(closing: &mut watch::Receiver<bool>) {
    // Without anybody who could say so, it is to close as well.
    let _ = closing.wait_for(|is_closing| *is_closing).await;
}

/// Tells one asker too many to come back. Its socket is new, so a line fits; if not, it sees that
/// it was closed.
fn turn_away(stream: UnixStream) {
    let message = format!("{CONNECTIONS_MAX} connections are open at this door: ask again later");
    let answer = Answered::new(Value::Null, Err(Trouble::new(Code::Busy, message)));
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(&answer.line());
    }
}

/// Answers one asker, request by request.
async fn visit(stream: UnixStream, clerk: Arc<Clerk>, mut closing: watch::Receiver<bool>) {
    let own = rustix::process::geteuid().as_raw();
    let admitted = admit(stream.peer_cred().map(|peer| peer.uid()), own);
    let (reader, mut writer) = stream.into_split();
    let asker = match admitted {
        Ok(uid) => Asker::of_uid(uid).await,
        Err(trouble) => {
            return say(&mut writer, &Answered::new(Value::Null, Err(trouble)))
                .await
                .unwrap_or_default();
        }
    };
    let mut lines = Lines::of(reader, LINE_BYTES_MAX);
    loop {
        let line = tokio::select! {
            biased;
            () = closed(&mut closing) => return,
            line = timeout(IDLE_WITHIN, lines.next()) => line,
        };
        let (answer, goes_on) = match line {
            Ok(Ok(Some(line))) => (answer(&line, &clerk, &asker).await, true),
            Ok(Ok(None) | Err(Broken::Io(_))) | Err(_) => return,
            Ok(Err(Broken::TooLong)) => {
                let message = format!("a line has at most {LINE_BYTES_MAX} bytes");
                let trouble = Trouble::new(Code::TooLong, message);
                (Answered::new(Value::Null, Err(trouble)), false)
            }
            Ok(Err(Broken::Cut)) => {
                let trouble = Trouble::new(Code::Unreadable, "the line does not end");
                (Answered::new(Value::Null, Err(trouble)), false)
            }
        };
        if say(&mut writer, &answer).await.is_err() || !goes_on {
            return;
        }
    }
}

/// Lets in the owner of this process, and root.
fn admit(peer: io::Result<u32>, own: u32) -> Result<u32, Trouble> {
    match peer {
        Ok(uid) if uid == own || uid == 0 => Ok(uid),
        Ok(uid) => Err(Trouble::new(
            Code::Forbidden,
            format!("this node belongs to uid {own}, and does nothing for uid {uid}"),
        )),
        Err(error) => {
            Err(Trouble::new(Code::Forbidden, format!("the system does not say who asks: {error}")))
        }
    }
}

/// Carries out one line, within the limit of a request.
async fn answer(line: &[u8], clerk: &Clerk, asker: &Asker) -> Answered {
    let (id, read) = message::read(line);
    let answer = match read {
        Ok(Asked { name, command, request }) => {
            let asker = asker.clone().speaking_for(name);
            tracing::info!(%asker, command, "asked at the control door");
            let within = request.within();
            let done = timeout(within, clerk.carry_out(&request, &asker)).await;
            done.unwrap_or_else(|_| {
                let message = format!("no answer within {within:?}; it may have been done");
                Err(Error::new(ErrorKind::Unavailable, message))
            })
            .map_err(Trouble::from)
        }
        Err(trouble) => Err(trouble),
    };
    Answered::new(id, answer)
}

/// Writes an answer, for as long as an asker may take to read it.
async fn say(writer: &mut OwnedWriteHalf, answer: &Answered) -> io::Result<()> {
    let mut line = answer.line();
    if line.len() > ANSWER_BYTES_MAX {
        let message = format!(
            "it was done, but its answer has {} bytes and at most {ANSWER_BYTES_MAX} are sent",
            line.len()
        );
        let trouble = Trouble::new(Code::Unavailable, message);
        line = Answered::new(answer.id.clone(), Err(trouble)).line();
    }
    timeout(WRITE_WITHIN, writer.write_all(&line)).await.map_err(io::Error::from)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_the_node_and_root_are_let_in() {
        assert_eq!(admit(Ok(1000), 1000).unwrap(), 1000);
        assert_eq!(admit(Ok(0), 1000).unwrap(), 0);
        let other = admit(Ok(1001), 1000).unwrap_err();
        assert_eq!(other.code, Code::Forbidden);
        assert_eq!(other.message, "this node belongs to uid 1000, and does nothing for uid 1001");
        assert_eq!(admit(Ok(1000), 0).unwrap_err().code, Code::Forbidden);
        let unknown = admit(Err(io::Error::other("no")), 0).unwrap_err();
        assert_eq!(unknown.code, Code::Forbidden);
    }
}
