//! `orkestra doctor`: what is wrong here, what to do, and with `--heal` the doing.

use std::{fmt::Write as _, sync::Arc};

use orkestra_runtime::{
    Result,
    time::{Clock as _, SystemClock},
};

use crate::{
    cli::{
        args::DoctorArgs, change::Asking, failure::Failure, files::prepare_aside, run::shared,
        settings::Settings,
    },
    door::{Healed, Request},
    output::{Console, Exit, Table, counted},
    safety::{
        doctor::{Diagnosis, Questions, examine},
        remedy::Remedy,
    },
};

/// Looks, and heals if that was asked for. The answer is no when something fails or is critical.
pub(super) async fn doctor(
    args: &DoctorArgs,
    settings: &Settings,
    console: &mut Console,
    clock: Arc<SystemClock>,
) -> Result<Exit, Failure> {
    let data_dir = settings.data_dir();
    let scenario = args.scenario.as_deref().map(|file| prepare_aside(file, &args.set));
    let scenario = scenario.transpose()?;
    let mut actions = Vec::new();
    if args.heal && data_dir.exists() {
        // Whoever is at work there does it; where nobody is, a node without agents.
        let asking = Asking { settings, clock: Arc::clone(&clock) };
        let healed: Healed = asking.ask(&Request::DoctorHeal {}, None).await?;
        actions = healed.actions;
    }
    let shared = shared(settings);
    let questions = Questions {
        data_dir: data_dir.to_owned(),
        deep: args.deep,
        backups: args.backups.clone(),
        team: scenario.as_ref().map(|scenario| (scenario.agents.as_slice(), &shared)),
    };
    let diagnosis = examine(&questions, clock.now(), actions).await;
    Ok(shown(&diagnosis, console)?)
}

/// Shows what was found; the answer is no when something fails or is critical.
pub(super) fn shown(diagnosis: &Diagnosis, console: &mut Console) -> Result<Exit> {
    console.item(diagnosis, told)?;
    Ok(if diagnosis.summary.is_well() { Exit::Done } else { Exit::Negative })
}

fn told(diagnosis: &Diagnosis) -> String {
    let Diagnosis { findings, actions, remedies, summary, .. } = diagnosis;
    let mut text = String::new();
    for action in actions {
        let _ = writeln!(text, "healed: {}", action.told());
    }
    let mut table = Table::new(["LEVEL", "PART", "WHAT", "FOUND"]);
    for finding in findings {
        let message = if finding.details.is_empty() {
            finding.message.clone()
        } else {
            format!("{} ({})", finding.message, finding.details)
        };
        table.row([finding.level.as_str(), finding.section, &finding.name, &message]);
    }
    text.push_str(&table.render());
    if !remedies.is_empty() {
        text.push('\n');
        text.push_str(&failures(remedies).render());
    }
    let advised = findings.iter().filter(|finding| !finding.suggestion.is_empty());
    for finding in advised {
        let _ = write!(text, "\n{}: {}", finding.name, finding.suggestion);
    }
    let warnings = counted(summary.warning, "warning");
    let faults = counted(summary.fail + summary.critical, "fault");
    let well = if summary.is_well() { "all is well" } else { "something is wrong" };
    let _ = write!(text, "\n\n{well}: {} passed, {warnings}, {faults}\n", summary.pass);
    text
}

fn failures(remedies: &[Remedy]) -> Table {
    let mut table = Table::new([
        "FAILURES",
        "HOW MANY",
        "TRIED AGAIN",
        "GIVEN UP",
        "SUCCEEDED",
        "RATE",
        "TABLE",
    ]);
    for remedy in remedies {
        let class = serde_json::to_value(remedy.class).unwrap_or_default();
        table.row([
            class.as_str().unwrap_or_default().to_owned(),
            remedy.failures.to_string(),
            (remedy.retried + remedy.given_again).to_string(),
            remedy.given_up.to_string(),
            remedy.succeeded.to_string(),
            remedy.rate.map(|rate| format!("{rate:.3}")).unwrap_or_default(),
            remedy.strategy.to_owned(),
        ]);
    }
    table
}
