//! Runs any number of seeds of the simulated shard: `simulate --seeds N [--seed FIRST] [--trace]`.

#![expect(clippy::print_stdout, reason = "this program's output is what it is for")]

use std::process::ExitCode;

use orkestra_tests::sim::{Plant, repeat, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let (Some(seeds), first) = (after("--seeds"), after("--seed").unwrap_or(0)) else {
        println!("say how many: simulate --seeds N [--seed FIRST] [--trace]");
        return ExitCode::FAILURE;
    };
    let mut done = 0;
    for seed in first..first.saturating_add(seeds) {
        match run(seed, Plant::Nothing) {
            Ok(history) => {
                done += history.done;
                if arguments.iter().any(|argument| argument == "--trace") {
                    println!("{}", history.trace.join("\n"));
                }
            }
            Err(fault) => {
                println!("seed {seed}: {fault}\nrepeat: {}", repeat(seed));
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{seeds} seeds hold; {done} transfers were acknowledged");
    ExitCode::SUCCESS
}
