//! `orkestra vote`: what has to do with votes.

pub(super) mod args;
mod show;
mod tally;

use crate::{
    cli::{failure::Failure, vote::args::VoteCommand},
    output::{Console, Exit},
};

/// Does what needs no configuration and no folder.
pub(super) fn serve(command: &VoteCommand, console: &mut Console) -> Result<Exit, Failure> {
    match command {
        VoteCommand::Tally(args) => tally::tally(args, console),
    }
}
