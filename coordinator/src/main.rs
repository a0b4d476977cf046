//! The `orkestra` command.

use orkestra_coordinator::{cli, output::Exit};

fn main() -> Exit {
    cli::main()
}
