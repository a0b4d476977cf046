//! Sensitive inputs on the command line: a file or a variable is named there, since everybody on a
//! machine can see the arguments of its processes.

use std::{collections::BTreeMap, path::PathBuf};

use orkestra_agents::{SecretSource, Secrets as _};
use orkestra_runtime::Result;

use crate::scenario::Scenario;

/// Inputs as they are set, by name.
type Set = Vec<(String, String)>;

/// Puts the values of files (`@file`) and variables (`env:NAME`) in the place of what names them, for
/// inputs that are sensitive; answers also which of these were given in the open.
pub(crate) fn given(scenario: &Scenario, set: Set) -> Result<(Set, Vec<String>)> {
    let declared = scenario.inputs();
    let is_sensitive =
        |name: &str| declared.iter().any(|input| input.name == name && input.sensitive);
    let (mut read, mut in_the_open) = (Vec::with_capacity(set.len()), Vec::new());
    for (name, value) in set {
        if !is_sensitive(&name) {
            read.push((name, value));
            continue;
        }
        let source = match (value.strip_prefix('@'), value.strip_prefix("env:")) {
            (Some(file), _) => SecretSource::File(PathBuf::from(file)),
            (None, Some(variable)) => SecretSource::Environment(variable.to_owned()),
            (None, None) => {
                in_the_open.push(name.clone());
                read.push((name, value));
                continue;
            }
        };
        let value = BTreeMap::from([(name.clone(), source)]).secret(&name)?;
        read.push((name, value.reveal().to_owned()));
    }
    Ok((read, in_the_open))
}
