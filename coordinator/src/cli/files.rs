//! Commands about files: scenarios and configuration.

use std::path::Path;

use orkestra_agents::{builtin, demo};
use orkestra_runtime::{Error, ErrorKind};

use crate::{
    cli::{
        args::{Common, ConfigCommand, ScenarioCommand},
        failure::Failure,
        settings::Settings,
    },
    output::{Console, Exit, Table},
    pin::pin,
    scenario::{Prepared, Scenario, argument_fault, schema},
    sensitive::given,
    written::Faults,
};

/// Reads a scenario file and checks it as it stands.
pub(super) fn read_scenario(file: &Path) -> Result<Scenario, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("cannot read the scenario {}", file.display());
        Error::new(ErrorKind::Invalid, message).because(error)
    })?;
    let functions: Vec<&str> = builtin::all()
        .iter()
        .map(|builtin| builtin.name)
        .chain(demo::ALL.iter().map(|demo| demo.name))
        .collect();
    let scenario = Scenario::read(&text, &file.display().to_string(), &functions)?;
    // Agents work in folders of their own, so what a scenario names beside it is named in full.
    let folder = file.canonicalize().ok().and_then(|file| Some(file.parent()?.to_owned()));
    Ok(match folder {
        Some(folder) => scenario.in_folder(&folder.to_string_lossy()),
        None => scenario,
    })
}

/// What a scenario comes to with these inputs. Nothing is left behind: the files of commits go to a
/// folder that is removed.
pub(super) fn prepare_aside(file: &Path, set: &[String]) -> Result<Prepared, Failure> {
    let scenario = read_scenario(file)?;
    let (set, _) = given(&scenario, split_set(set)?)?;
    let folder = std::env::temp_dir().join(format!("orkestra-check-{}", std::process::id()));
    let prepared = scenario
        .resolve(&set, |path| {
            pin(path, &folder).map(|pinned| pinned.repository).map_err(|error| error.to_string())
        })
        .and_then(|inputs| scenario.prepare(&inputs));
    let _ = std::fs::remove_dir_all(&folder);
    Ok(prepared?)
}

/// Splits `NAME=VALUE` arguments; tells all that are none.
pub(super) fn split_set(set: &[String]) -> Result<Vec<(String, String)>, Faults> {
    let mut faults = Vec::new();
    let mut split = Vec::new();
    for argument in set {
        match argument.split_once('=') {
            Some((name, value)) => split.push((name.to_owned(), value.to_owned())),
            None => faults.push(argument_fault(argument)),
        }
    }
    Faults::unless_none("the command line", faults)?;
    Ok(split)
}

pub(super) fn scenario(command: &ScenarioCommand, console: &mut Console) -> Result<Exit, Failure> {
    match command {
        ScenarioCommand::Check { file, set } => {
            let prepared = prepare_aside(file, set)?;
            console.say(format!(
                "{}: {} tasks for {} agents, no fault (scenario {}, input {})",
                file.display(),
                prepared.tasks.len(),
                prepared.agents.len(),
                short(&prepared.scenario_hash),
                short(&prepared.input_hash),
            ))?;
        }
        ScenarioCommand::Schema => console.item(&schema(), |schema| format!("{schema:#}"))?,
    }
    Ok(Exit::Done)
}

/// The beginning of a hash, as people compare it.
pub(super) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

pub(super) fn config(
    command: &ConfigCommand,
    common: &Common,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let Settings { config, .. } = Settings::load(common)?;
    match command {
        ConfigCommand::Show => console.list(&config.show(), |all| {
            let mut table = Table::new(["KEY", "VALUE", "FROM"]);
            for one in all {
                table.row([one.key.to_owned(), one.value.clone(), one.origin.to_string()]);
            }
            table
        })?,
        ConfigCommand::Check => console.say("the configuration has no fault")?,
        ConfigCommand::Explain { key } => console.item(&config.explain(key)?, |one| {
            format!(
                "{} = {}\n  {}\n  from {}; by default {}",
                one.key, one.value, one.meaning, one.origin, one.default
            )
        })?,
    }
    Ok(Exit::Done)
}
