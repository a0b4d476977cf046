//! Troubles a cluster of real processes for as long as is wanted:
//! `chaos --kills N --tasks N --seed N [--servers 1|3] [--coordinators N] [--agents N] [--only KIND]
//! [--faults N] [--apart-ms N] [--folder F]`, or `chaos --plant BUG --seed N`, which must find it.
//!
//! With `--faults` all that goes wrong is counted, and not only kills; two things go wrong at most
//! `--apart-ms` apart. `KIND` and `BUG` are spelled as in the source, such as `Pause` and
//! `AnswerEarly`. What was found goes to standard output with the figures, and the exit code says
//! whether anything was.

#![expect(clippy::print_stdout, reason = "this program's output is what it is for")]

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

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
        println!(
            "cannot find cluster-node beside this program: cargo build -p orkestra-tests --bins"
        );
        return ExitCode::FAILURE;
    };
    let seed = number("--seed").unwrap_or(0) as u64;
    if let Some(named) = text("--plant") {
        let plant = Plant::ALL.into_iter().find(|known| format!("{known:?}") == *named);
        let Some(plant) = plant else {
            println!("there is no {named}: {:?}", Plant::ALL);
            return ExitCode::FAILURE;
        };
        let folder = text("--folder").map(Into::into);
        return told(&Setup { folder, ..Setup::planted(program, seed, plant) }).await;
    }
    let mut setup = Setup::new(program, seed);
    setup.counts_kills = number("--faults").is_none();
    setup.faults = number("--faults").or_else(|| number("--kills")).unwrap_or(0) as u64;
    setup.tasks = number("--tasks").unwrap_or(1_000);
    setup.apart = Duration::from_millis(number("--apart-ms").unwrap_or(1_200) as u64);
    // A hundred seconds, and ten more for each that goes wrong.
    setup.limit = Duration::from_secs(100 + 10 * setup.faults);
    // Machines on which much else goes on stand still for a while.
    setup.patience = Duration::from_mins(5);
    setup.servers = number("--servers").unwrap_or(1);
    setup.coordinators = number("--coordinators").unwrap_or(3);
    setup.agents = number("--agents").unwrap_or(3);
    setup.folder = text("--folder").map(Into::into);
    if let Some(only) = text("--only") {
        setup.kinds.retain(|(fault, _)| only.split(',').any(|only| format!("{fault:?}") == only));
    }
    if setup.kinds.is_empty() || (setup.counts_kills && !kills(&setup)) {
        println!("nothing that goes wrong is counted: {:?}", Fault::ALL.map(|(fault, _)| fault));
        return ExitCode::FAILURE;
    }
    told(&setup).await
}

async fn told(setup: &Setup) -> ExitCode {
    match run(setup).await {
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
    // Under cargo it is built as this program was; what is beside may be of another day.
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "-p", "orkestra-tests", "--bin", "cluster-node"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        build.current_dir(env!("CARGO_MANIFEST_DIR")).status().ok()?;
    }
    let program = std::env::current_exe().ok()?.with_file_name("cluster-node");
    program.exists().then_some(program)
}
