//! Makes random scenarios, lets the real Erlang/OTP of this machine play them, and compares with our
//! machines: `otp-oracle --scenarios N [--seed FIRST] [--keep FILE]`.
//!
//! `--keep` writes down what OTP did, in the form of the records of the tests.

#![expect(clippy::print_stdout, reason = "this program's output is what it is for")]

use std::process::ExitCode;

use orkestra_tests::otp::{difference, play, scenario};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let number = |name: &str| after(name).and_then(|text| text.parse::<u64>().ok());
    let Some(scenarios) = number("--scenarios") else {
        println!("say how many: otp-oracle --scenarios N [--seed SEED] [--keep FILE]");
        return ExitCode::FAILURE;
    };
    let seed = number("--seed").unwrap_or(1);
    match compare(seed, scenarios, after("--keep").map(String::as_str)) {
        Ok(0) => {
            println!("{scenarios} scenarios of seed {seed} agree with Erlang/OTP");
            ExitCode::SUCCESS
        }
        Ok(differ) => {
            println!("{differ} of {scenarios} scenarios of seed {seed} differ");
            ExitCode::FAILURE
        }
        Err(fault) => {
            println!("{fault}");
            ExitCode::FAILURE
        }
    }
}

/// How many differ, of which each is shown.
fn compare(seed: u64, scenarios: u64, keep: Option<&str>) -> Result<usize, String> {
    let text: String = (1..=scenarios).map(|number| scenario(seed, number)).collect();
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let (written, played) = play(&text, folder.path())?;
    if let Some(file) = keep {
        std::fs::write(file, written).map_err(|error| format!("cannot write {file}: {error}"))?;
    }
    if u64::try_from(played.len()) != Ok(scenarios) {
        return Err(format!("Erlang played {} of {scenarios} scenarios", played.len()));
    }
    let mut differ = 0;
    for one in played.iter().filter(|one| difference(one).is_some()) {
        // A slow machine may have taken longer than a child was given: it is asked again, alone.
        let (_, again) = play(&again(&text, &one.scenario.number), folder.path())?;
        if let Some(shown) = again.first().and_then(difference) {
            println!("{shown}");
            differ += 1;
        }
    }
    Ok(differ)
}

/// The text of one scenario.
fn again(text: &str, number: &str) -> String {
    let head = format!("scenario {number}\n");
    let found = text.split_inclusive('\n').skip_while(|line| **line != head);
    let mut lines =
        found.enumerate().take_while(|(n, line)| *n == 0 || !line.starts_with("scenario"));
    lines.by_ref().map(|(_, line)| line).collect()
}
