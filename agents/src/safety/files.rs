//! The checks of a workspace's own files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    path::Path,
};

use orkestra_runtime::{
    protocol::check::{CheckName, CheckResult, Level},
    time::Wall,
};

use super::Files;

/// What an output must not contain.
const ERRORS: [&str; 4] = ["ERROR", "FAILED", "Exception", "Traceback"];
/// How much of an output is looked through, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many entries of a folder are looked at.
const ENTRIES_MAX: usize = 10_000;
/// How many names a result tells.
const NAMES_MAX: usize = 10;

/// Whether the output folder can be made, and a file can be written there.
pub(super) fn output_writable(files: Files<'_>, at: Wall) -> CheckResult {
    let check = CheckName::OutputWritable;
    let Some(dir) = &files.workspace.output_dir else {
        return CheckResult::pass(check, at, "no output folder is declared");
    };
    let dir = files.path(dir);
    let shown = dir.display();
    let fail = |message: String| CheckResult::new(check, Level::Fail, at, message);
    if dir.exists() && !dir.is_dir() {
        let advice = "remove what is there, or name another output_dir";
        return fail(format!("{shown} is there and is no folder")).advise(advice);
    }
    if let Err(error) = fs::create_dir_all(&dir) {
        let advice = "make the folder, or let this user make it";
        return fail(format!("cannot make the output folder {shown}: {error}")).advise(advice);
    }
    let (task, attempt) = files.attempt;
    match probe(&dir.join(format!("{PROBE}{task}-{attempt}"))) {
        Ok(()) => CheckResult::pass(check, at, format!("{shown} can be written")),
        Err(error) => fail(format!("cannot write in the output folder {shown}: {error}"))
            .advise("let this user write there, make room, or name another output_dir"),
    }
}

/// How the name of a probe begins.
const PROBE: &str = ".orkestra-probe-";

fn probe(path: &Path) -> io::Result<()> {
    let open = || OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match open() {
        // A crash left it behind.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            open()?
        }
        opened => opened?,
    };
    let written = file.write_all(b"orkestra was here");
    let removed = fs::remove_file(path);
    written.and(removed)
}

/// Whether the input files are there.
pub(super) fn input_files_exist(files: Files<'_>, at: Wall) -> CheckResult {
    let check = CheckName::InputFilesExist;
    let inputs = &files.workspace.input_files;
    let missing = inputs.iter().filter(|file| !files.path(file).exists());
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    if missing.is_empty() {
        return CheckResult::pass(check, at, format!("all {} input files are there", inputs.len()));
    }
    let message = format!("{} of {} input files are not there", missing.len(), inputs.len());
    CheckResult::new(check, Level::Fail, at, message)
        .with_details(names(&missing))
        .advise("make them, or correct input_files")
}

/// Whether the output file is there.
pub(super) fn output_exists(files: Files<'_>, at: Wall) -> CheckResult {
    let check = CheckName::OutputExists;
    let Some(file) = &files.workspace.output_file else {
        return CheckResult::pass(check, at, "no output file is declared");
    };
    let path = files.path(file);
    match path.try_exists() {
        Ok(true) => CheckResult::pass(check, at, format!("{} is there", path.display())),
        Ok(false) => {
            let message = format!("the output file {} is not there", path.display());
            let advice = "see why the agent did not write it, or correct output_file";
            CheckResult::new(check, Level::Fail, at, message).advise(advice)
        }
        Err(error) => CheckResult::unable(check, at, format!("{}: {error}", path.display())),
    }
}

/// Whether the output file has something in it.
pub(super) fn output_not_empty(files: Files<'_>, at: Wall) -> CheckResult {
    let check = CheckName::OutputNotEmpty;
    let Some(file) = &files.workspace.output_file else {
        return CheckResult::pass(check, at, "no output file is declared");
    };
    let path = files.path(file);
    let warn = |message| CheckResult::new(check, Level::Warning, at, message);
    match fs::metadata(&path) {
        Ok(found) if found.len() > 0 => {
            CheckResult::pass(check, at, format!("it has {} bytes", found.len()))
        }
        Ok(_) => warn(format!("the output file {} is empty", path.display()))
            .advise("see what the agent answered: it wrote nothing"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            warn(format!("the output file {} is not there", path.display()))
        }
        Err(error) => CheckResult::unable(check, at, format!("{}: {error}", path.display())),
    }
}

/// Whether the output file speaks of errors.
pub(super) fn no_errors(files: Files<'_>, at: Wall) -> CheckResult {
    let check = CheckName::NoErrors;
    let Some(file) = &files.workspace.output_file else {
        return CheckResult::pass(check, at, "no output file is declared");
    };
    let path = files.path(file);
    match words_of_error(&path) {
        Ok(found) if found.is_empty() => CheckResult::pass(check, at, "no word of an error"),
        Ok(found) => {
            let message = format!("{} speaks of errors", path.display());
            CheckResult::new(check, Level::Warning, at, message)
                .with_details(found.join(", "))
                .advise("read it: its agent reported success")
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            CheckResult::pass(check, at, "there is no output file")
        }
        Err(error) => CheckResult::unable(check, at, format!("{}: {error}", path.display())),
    }
}

/// Which words of an error a file has, in bounded memory.
fn words_of_error(path: &Path) -> io::Result<Vec<&'static str>> {
    const OVERLAP: usize = 16;
    let mut file = File::open(path)?.take(OUTPUT_BYTES_MAX);
    let mut found = [false; ERRORS.len()];
    let mut window: Vec<u8> = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        window.extend_from_slice(piece.get(..read).unwrap_or_default());
        for (found, word) in found.iter_mut().zip(ERRORS) {
            *found |= window.windows(word.len()).any(|piece| piece == word.as_bytes());
        }
        // The end is kept: a word may go on in the next piece.
        window.drain(..window.len().saturating_sub(OVERLAP));
    }
    Ok(ERRORS.into_iter().zip(found).filter_map(|(word, found)| found.then_some(word)).collect())
}

/// Whether temporary files are left in the output folder, or in the workspace if it has none.
pub(super) fn no_orphan_temp_files(files: Files<'_>, at: Wall) -> CheckResult {
    let check = CheckName::NoOrphanTempFiles;
    let dir = files.workspace.output_dir.as_deref().unwrap_or("");
    let dir = files.path(dir);
    let listed = match fs::read_dir(&dir) {
        Ok(listed) => listed,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return CheckResult::pass(check, at, format!("{} is not there", dir.display()));
        }
        Err(error) => return CheckResult::unable(check, at, format!("{}: {error}", dir.display())),
    };
    let entries = listed.take(ENTRIES_MAX).filter_map(Result::ok);
    let mut left: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| is_temporary(name))
        .collect();
    left.sort();
    if left.is_empty() {
        return CheckResult::pass(check, at, "no temporary file is left");
    }
    let message = format!("{} temporary files are left in {}", left.len(), dir.display());
    CheckResult::new(check, Level::Warning, at, message)
        .with_details(names(&left.iter().map(String::as_str).collect::<Vec<_>>()))
        .advise("remove them, and see why the agent did not")
}

fn is_temporary(name: &str) -> bool {
    let ends = [".tmp", ".temp", ".part", ".swp", "~"];
    name.starts_with(PROBE) || ends.iter().any(|end| name.ends_with(end))
}

fn names(all: &[&str]) -> String {
    let shown = all.get(..NAMES_MAX).unwrap_or(all).join(", ");
    match all.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
