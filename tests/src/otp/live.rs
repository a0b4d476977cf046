//! A real Erlang, asked.

use std::{fs, path::Path, process::Command};

use super::scenario::{Played, read};

const PROGRAM: &str = include_str!("../../../runtime/tests-data/otp_play.erl");

/// Lets the `erl` of this machine play scenarios, in a folder that is there; the text of what
/// happened, and the same as it was read.
pub fn play(scenarios: &str, folder: &Path) -> Result<(String, Vec<Played>), String> {
    let cannot = |what: &str, why: &dyn std::fmt::Display| format!("cannot {what}: {why}");
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).map_err(|error| cannot("write", &error))
    };
    write("otp_play.erl", PROGRAM)?;
    write("scenarios.txt", scenarios)?;
    run(Command::new("erlc").arg("otp_play.erl"), folder)?;
    let play = "-noshell -s otp_play main -extra scenarios.txt played.txt";
    run(Command::new("erl").args(play.split(' ')), folder)?;
    let text = fs::read_to_string(folder.join("played.txt"));
    let text = text.map_err(|error| cannot("read what was played", &error))?;
    let played = read(&text)?;
    Ok((text, played))
}

fn run(command: &mut Command, folder: &Path) -> Result<(), String> {
    let output = command.current_dir(folder).output().map_err(|error| {
        let program = command.get_program().display();
        format!("cannot start {program}: {error}; install Erlang (Debian: erlang-base)")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("Erlang ended with {}: {}", output.status, String::from_utf8_lossy(&said)))
}
