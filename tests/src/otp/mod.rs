//! The policy of our supervisors beside the real supervisor of Erlang/OTP.
//!
//! ```text
//!   random ──▶ scenario ──┬──▶ stage: our machines, on a clock moved by hand ──┐
//!                         │                                                   ├──▶ line by line
//!                         └──▶ live: erl plays it   or   what erl played once ┘
//! ```
//!
//! A scenario is text, and what happened is told in lines between its steps; the folder
//! `runtime/tests-data` tells how. The usual tests compare with what was recorded; the program
//! `otp-oracle` makes new scenarios and asks a real Erlang.

mod live;
mod random;
mod scenario;
mod stage;

use std::fmt::Write as _;

pub use live::play;
pub use random::{FAMILIES, scenario};
pub use scenario::{Played, Scenario, read};
pub use stage::told;

/// How far a play of ours agreed with theirs: `None`, or a text that shows the first difference.
pub fn difference(theirs: &Played) -> Option<String> {
    let ours = match told(&theirs.scenario) {
        Ok(told) => told,
        Err(fault) => return Some(format!("scenario {}: {fault}", theirs.scenario.number)),
    };
    if ours == theirs.told {
        return None;
    }
    let mut text = format!("scenario {}\n", theirs.scenario.number);
    let steps = std::iter::once("(start)".to_owned())
        .chain(theirs.scenario.steps.iter().map(|words| words.join(" ")));
    for (n, step) in steps.enumerate() {
        let (we, they) = (ours.get(n), theirs.told.get(n));
        let shown = |line: Option<&String>| line.map_or("(over)", String::as_str).to_owned();
        let _ = writeln!(text, "  {step}\n    otp:  {}", shown(they));
        if we != they {
            let _ = writeln!(text, "    ours: {}", shown(we));
            break;
        }
    }
    Some(text)
}
