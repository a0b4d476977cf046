//! One process of a program: started, spoken with, and ended as a tree.

use std::{
    collections::BTreeMap, io, process::ExitStatus, process::Stdio, sync::Arc, time::Duration,
};

use orkestra_runtime::protocol::task::Failure;
use rustix::{
    io::Errno,
    process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit},
};
use tokio::process::{Child, Command};

use super::{
    capture::{self, Enough, Listener, Tail},
    exit, program,
    spec::{CommandSpec, Limits},
    unavailable,
};
use crate::{
    context::Context,
    kinds::tokens::{self, Tokens},
    redaction::Redaction,
    secret::Secret,
};

/// After a program has ended, how long what it has written may take to be read: only a child that
/// has left the group can still hold the pipe.
const LINGER: Duration = Duration::from_secs(1);

/// A process group that is killed when nobody looks after it any longer.
struct Tree {
    group: Option<Pid>,
}

impl Tree {
    fn signal(&self, signal: Signal) {
        // A group that is gone already is what was wanted.
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, signal)
            && error != Errno::SRCH
        {
            tracing::warn!(%error, ?group, "process group not signalled");
        }
    }

    /// Kills what is left of it, once: its number may belong to somebody else later.
    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.group = None;
    }

    /// Asks it to end, and kills it after the grace.
    async fn stop(&mut self, child: &mut Child, grace: Duration) {
        self.signal(Signal::TERM);
        let _ = tokio::time::timeout(grace, child.wait()).await;
        self.kill();
        let _ = child.wait().await;
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a conversation ended.
pub(super) struct Ended {
    /// How the program ended, if it did so by itself.
    pub(super) status: Option<ExitStatus>,
    /// Why it was ended.
    pub(super) fault: Option<Failure>,
    /// The end of what it wrote to standard error, without secrets.
    pub(super) stderr: String,
}

impl Ended {
    /// The failure of a program that did not come to a result.
    pub(super) fn failure(self, program: &str, otherwise: impl FnOnce() -> Failure) -> Failure {
        match (self.fault, self.status) {
            (_, Some(status)) if !status.success() => exit::failure(program, status, &self.stderr),
            (Some(fault), _) => fault,
            (None, _) => otherwise(),
        }
    }
}

/// The secrets that a program gets, by variable, and what is taken out of its output.
pub(super) struct Confidences {
    variables: BTreeMap<String, Secret>,
    /// What is taken out of whatever it is heard to say.
    pub(super) redaction: Arc<Redaction>,
    /// What is taken out of its output.
    pub(super) of_output: Arc<Redaction>,
    /// Whether lines that cannot be read may hold an output that must not be shown.
    pub(super) hides_lines: bool,
}

impl Confidences {
    /// Without secrets for a program, hiding these values.
    #[cfg(feature = "testing")]
    pub(super) fn hiding(redaction: Redaction) -> Self {
        let redaction = Arc::new(redaction);
        let of_output = Arc::clone(&redaction);
        Self { variables: BTreeMap::new(), redaction, of_output, hides_lines: false }
    }

    /// Reads all secrets of a spec.
    pub(super) fn of(spec: &CommandSpec, context: &Context) -> Result<Self, Failure> {
        let mut variables = BTreeMap::new();
        for (variable, name) in &spec.secrets {
            variables.insert(variable.clone(), context.secret(name)?);
        }
        // The context has heard of each secret that was asked for.
        let confidence = context.confidence();
        let of_output = confidence.of_output();
        let hides_lines = confidence.seals_output;
        Ok(Self { variables, redaction: confidence.redaction, of_output, hides_lines })
    }
}

/// Starts a program, feeds it, listens to it, and sees to it that nothing of it is left.
pub(super) async fn converse(
    spec: &CommandSpec,
    context: &Context,
    confidences: &Confidences,
    input: &[u8],
    listener: &mut impl Listener,
) -> Result<Ended, Failure> {
    let (mut child, mut tree) = start(spec, context, confidences)?;
    let mut tail = Tail::new(spec.limits.stderr_bytes_kept);
    let grace = spec.limits.stop_grace;
    let (status, fault) = {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let talk = async {
            let feed = async {
                if let Some(stdin) = stdin {
                    capture::feed(stdin, input).await;
                }
                Ok(())
            };
            let listen = async {
                let Some(stdout) = stdout else { return Ok(()) };
                capture::listen(stdout, listener, spec.limits.stdout_bytes_max, grace).await
            };
            let follow = async {
                if let Some(stderr) = stderr {
                    tail.follow(stderr).await;
                }
                Ok(())
            };
            futures::future::try_join3(feed, listen, follow).await.map(|_| ())
        };
        tokio::pin!(talk);
        tokio::select! {
            biased;
            () = context.cancelled() => {
                tree.stop(&mut child, grace).await;
                (None, Some(Failure::error("it was told to end")))
            }
            end = attend(&mut child, &mut tree, talk) => end,
        }
    };
    let (text, cut) = tail.text();
    let redaction = &confidences.redaction;
    let stderr = if cut { redaction.clean_end(&text) } else { redaction.clean(&text).into_owned() };
    Ok(Ended { status, fault, stderr })
}

/// Waits until a program has ended or has to be ended; afterwards nothing of its group is left.
async fn attend(
    child: &mut Child,
    tree: &mut Tree,
    mut talk: impl Future<Output = Result<(), Enough>> + Unpin,
) -> (Option<ExitStatus>, Option<Failure>) {
    let early = tokio::select! {
        biased;
        said = &mut talk => Some(said),
        status = child.wait() => {
            tree.kill();
            let rest = tokio::time::timeout(LINGER, &mut talk).await;
            let fault = match rest {
                Ok(Err(Enough::Failed(failure))) => Some(failure),
                Ok(Err(Enough::LastWord) | Ok(())) | Err(_) => None,
            };
            return (status.ok(), fault);
        }
    };
    match early {
        Some(Ok(())) | None => {
            let status = child.wait().await.ok();
            tree.kill();
            (status, None)
        }
        Some(Err(enough)) => {
            tree.kill();
            let _ = child.wait().await;
            match enough {
                Enough::LastWord => (None, None),
                Enough::Failed(failure) => (None, Some(failure)),
            }
        }
    }
}

fn start(
    spec: &CommandSpec,
    context: &Context,
    confidences: &Confidences,
) -> Result<(Child, Tree), Failure> {
    let program = program::find(spec.program()).map_err(unavailable)?;
    let own = context
        .folder()
        .map_err(|error| Failure::error(format!("cannot make a folder to work in: {error}")))?;
    let mut command = Command::new(program);
    command
        .args(spec.argv.iter().skip(1))
        .current_dir(spec.folder.as_deref().unwrap_or(own))
        .env_clear()
        .envs(spec.environment.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .envs(&spec.variables)
        .envs(Tokens(context.locks()).text().map(|text| (tokens::VARIABLE, text)))
        .envs(confidences.variables.iter().map(|(name, secret)| (name, secret.reveal())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    // Of the command only the program is shown: its environment holds secrets.
    let refused = |error: io::Error| {
        let why = format!("cannot start {:?}: {error}", spec.program());
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => unavailable(why),
            _ => Failure::error(why),
        }
    };
    let child = command.spawn().map_err(refused)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let tree = Tree { group };
    limit(group, &spec.limits).map_err(|error| refused(error.into()))?;
    Ok((child, tree))
}

/// Bounds what a process may take, and keeps its core (which may hold secrets) off the disk.
fn limit(process: Option<Pid>, limits: &Limits) -> Result<(), Errno> {
    let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let bounds = [
        (Resource::Core, Some(0)),
        (Resource::As, limits.memory_bytes_max),
        (Resource::Cpu, limits.cpu_max.map(seconds)),
        (Resource::Nofile, limits.open_files_max),
        (Resource::Fsize, limits.file_bytes_max),
    ];
    for (resource, most) in bounds {
        let Some(most) = most else { continue };
        let bound = Rlimit { current: Some(most), maximum: Some(most) };
        match prlimit(process, resource, bound) {
            // It has ended already.
            Ok(_) | Err(Errno::SRCH) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
