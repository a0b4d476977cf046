//! The command itself, built with the tests so that they can run it.

use orkestra_coordinator::{cli, output::Exit};

fn main() -> Exit {
    cli::main()
}
