//! The command itself, built with the tests so that they can run it.
//!
//! `UNDER_TEST_CROOK` names a bug that is planted in what it remembers with; see
//! `orkestra_tests::crooked`. Without it this is the command as it is.

use orkestra_coordinator::{cli, output::Exit};
use orkestra_tests::crooked::{CROOK_VARIABLE, crooked};

fn main() -> Exit {
    if std::env::var_os(CROOK_VARIABLE).is_some() {
        return cli::main_over(crooked);
    }
    cli::main()
}
