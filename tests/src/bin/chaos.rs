//! Troubles a cluster of real processes for as long as is wanted:
//! `chaos --kills N --tasks N --seed N [--servers 1|3] [--coordinators N] [--agents N] [--only KIND]
//! [--faults N] [--folder F] [--plant BUG]`.
//!
//! With `--faults` all that goes wrong is counted, and not only kills. `KIND` and `BUG` are spelled
//! as in the source, such as `Pause` and `AnswerEarly`. What was found goes to standard output with
//! the figures, and the exit code says whether anything was.

#![expect(clippy::print_stdout, reason = "this program's output is what it is for")]

use std::process::ExitCode;

use orkestra_tests::chaos::{Setup, plan::Fault, plant::Plant, run};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let number = |name: &str| text(name).and_then(|text| text.parse::<usize>().ok());
    let Some(program) = beside() else {
        println!("cannot find cluster-node beside this program: build it first");
        return ExitCode::FAILURE;
    };
    let mut setup = Setup::new(program, number("--seed").unwrap_or(0) as u64);
    setup.counts_kills = number("--faults").is_none();
    setup.faults = number("--faults").or_else(|| number("--kills")).unwrap_or(0) as u64;
    setup.tasks = number("--tasks").unwrap_or(1_000);
    setup.servers = number("--servers").unwrap_or(1);
    setup.coordinators = number("--coordinators").unwrap_or(3);
    setup.agents = number("--agents").unwrap_or(3);
    setup.folder = text("--folder").map(Into::into);
    if let Some(only) = text("--only") {
        setup.kinds.retain(|(fault, _)| only.split(',').any(|only| format!("{fault:?}") == only));
    }
    if let Some(plant) = text("--plant") {
        setup.plant = Plant::ALL
            .into_iter()
            .find(|known| format!("{known:?}") == *plant)
            .unwrap_or(Plant::Nothing);
    }
    if setup.kinds.is_empty() || (setup.counts_kills && !kills(&setup)) {
        println!("nothing that goes wrong is counted: {:?}", Fault::ALL.map(|(fault, _)| fault));
        return ExitCode::FAILURE;
    }
    match run(&setup).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(u8::from(!report.findings.is_empty()))
        }
        Err(error) => {
            println!("seed {}: {error}", setup.seed);
            ExitCode::FAILURE
        }
    }
}

fn kills(setup: &Setup) -> bool {
    setup.faults == 0 || setup.kinds.iter().any(|(fault, _)| *fault == Fault::Kill)
}

fn beside() -> Option<std::path::PathBuf> {
    let program = std::env::current_exe().ok()?.with_file_name("cluster-node");
    program.exists().then_some(program)
}
