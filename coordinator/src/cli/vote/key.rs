//! `orkestra vote key`: keys of voters, in files that nobody else can read.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nkeys::{KeyPair, KeyPairType};
use orkestra_runtime::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::output::{Console, Exit};

/// No seed is longer, with what may stand around it.
const FILE_BYTES_MAX: u64 = 4 * 1024;

#[derive(Serialize)]
struct Made {
    key: String,
}

/// Makes a key.
pub(super) fn make(file: &Path, console: &mut Console) -> Result<Exit> {
    let cannot = |why: &dyn std::fmt::Display| {
        let message = format!("cannot make a key in {}: {why}", file.display());
        Error::new(ErrorKind::Invalid, message)
    };
    let mut drawn = [0; 32];
    getrandom::fill(&mut drawn).map_err(|error| cannot(&error))?;
    let pair = KeyPair::new_from_raw(KeyPairType::User, drawn).map_err(|error| cannot(&error))?;
    let seed = pair.seed().map_err(|error| cannot(&error))?;
    let mut into = private(file).map_err(|error| cannot(&error))?;
    let written = writeln!(into, "{seed}").and_then(|()| into.sync_all());
    written.map_err(|error| cannot(&error))?;
    let shown = file.display();
    console.item(&Made { key: pair.public_key() }, |made| {
        format!(
            "{}\nits seed is in {shown}, which only you can read: whoever has it can vote for you; \
             the line above goes into `voters` of a proposal\n",
            made.key
        )
    })?;
    Ok(Exit::Done)
}

/// A new file that nobody else can read.
pub(super) fn private(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

/// The seed that stands in a file: alone, or as the line of it that is one.
pub(super) fn seed_in(file: &Path) -> Result<String> {
    let cannot = |error: io::Error| {
        let message = format!("cannot read a voter's key from {}", file.display());
        Error::new(ErrorKind::Invalid, message).because(error)
    };
    let mut text = String::new();
    let opened = File::open(file).map_err(cannot)?;
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(cannot)?;
    let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    seed.map(str::to_owned).ok_or_else(|| {
        let message = format!(
            "{} holds no voter's key: it is one line that begins with SU, as `orkestra vote key` \
             writes it",
            file.display()
        );
        Error::new(ErrorKind::Invalid, message)
    })
}
