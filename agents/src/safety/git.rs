//! Whether a folder's repository has something uncommitted.

use std::{
    io::Read as _,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::builtin::git::{FORGOTTEN, SETTINGS};

/// How long git may say nothing, in seconds, before it is given up.
const SILENCE_MAX: u32 = 30;
/// How many paths are named.
const PATHS_MAX: usize = 10;
/// How much of what git prints is read: more paths than anybody wants to be told.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What git says of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// The folder is in no repository, or not there.
    NoRepository,
    /// Nothing is uncommitted.
    Clean,
    /// These are, and perhaps more.
    Changed { paths: Vec<String>, more: bool },
}

/// Asks git about a folder; blocks. The error says why there is no answer.
pub(super) fn look(folder: &Path) -> Result<Tree, String> {
    let folder = match std::fs::canonicalize(folder) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Tree::NoRepository);
        }
        Err(error) => return Err(format!("cannot open {}: {error}", folder.display())),
    };
    // Looked for first, so that nobody needs git who has no repository.
    if !folder.ancestors().any(|above| above.join(".git").exists()) {
        return Ok(Tree::NoRepository);
    }
    let mut child = command(&folder).spawn().map_err(|error| {
        format!("cannot start git: {error}; install git and put it on PATH, or switch this off")
    })?;
    let complaints = child.stderr.take();
    // Both pipes are read at once: a full one would stop git.
    let (output, errors) = std::thread::scope(|scope| {
        let errors = scope.spawn(move || {
            let mut text = Vec::new();
            if let Some(mut pipe) = complaints {
                let _ = pipe.by_ref().take(4096).read_to_end(&mut text);
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            }
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        let output = child.stdout.take().map_or_else(|| Ok(Vec::new()), read);
        let is_whole = matches!(&output, Ok(bytes) if bytes.len() < OUTPUT_BYTES_MAX);
        if !is_whole {
            let _ = child.kill();
        }
        (output, errors.join().unwrap_or_default())
    });
    judge(&mut child, &output?, &errors)
}

fn judge(child: &mut Child, output: &[u8], errors: &str) -> Result<Tree, String> {
    let ended = child.wait().map_err(|error| format!("cannot wait for git: {error}"))?;
    let is_cut = output.len() >= OUTPUT_BYTES_MAX;
    if !ended.success() && !is_cut {
        if errors.contains("not a git repository") {
            return Ok(Tree::NoRepository);
        }
        return Err(format!("git status ended with {ended}: {errors}"));
    }
    let text = String::from_utf8_lossy(output);
    let mut paths: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if paths.is_empty() {
        return Ok(Tree::Clean);
    }
    let more = paths.len() > PATHS_MAX;
    paths.truncate(PATHS_MAX);
    Ok(Tree::Changed { paths, more })
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-pager");
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.arg("-C").arg(folder).args(["status", "--porcelain=v1", "--untracked-files=normal"]);
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_NO_LAZY_FETCH", "1").env("LC_ALL", "C");
    for name in FORGOTTEN {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Reads what git prints, up to a bound and as long as it goes on printing.
fn read(mut pipe: ChildStdout) -> Result<Vec<u8>, String> {
    let mut output = Vec::new();
    let mut piece = vec![0; 8 * 1024];
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    let mut silent = 0;
    while output.len() < OUTPUT_BYTES_MAX {
        let mut watched = [PollFd::new(&pipe, PollFlags::IN)];
        match poll(&mut watched, Some(&second)) {
            Ok(0) if silent + 1 >= SILENCE_MAX => {
                return Err(format!("git said nothing for {SILENCE_MAX} s"));
            }
            Ok(0) => silent += 1,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(format!("cannot wait for git: {error}")),
            Ok(_) => {
                silent = 0;
                let read = pipe.read(&mut piece);
                let read = read.map_err(|error| format!("cannot read from git: {error}"))?;
                if read == 0 {
                    break;
                }
                output.extend_from_slice(piece.get(..read).unwrap_or_default());
            }
        }
    }
    Ok(output)
}
