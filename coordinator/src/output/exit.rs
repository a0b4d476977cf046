//! How the command ends.

use std::process::{ExitCode, Termination};

/// How the command ends, for whoever called it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// 0: it was done, and the answer is yes.
    #[default]
    Done,
    /// 1: it was done, and the answer is no: a task failed, a verdict was false.
    Negative,
    /// 2: it was not begun: usage, a file, or an input is wrong.
    Invalid,
    /// 3: it waits for somebody: a person, a vote, a budget.
    Waiting,
    /// 4: a store or another machine cannot be reached.
    Unreachable,
    /// 130: it was interrupted.
    Interrupted,
    /// That of a program that was run, or what stands in its place.
    Of(u8),
}

impl Exit {
    /// Its number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Negative => 1,
            Self::Invalid => 2,
            Self::Waiting => 3,
            Self::Unreachable => 4,
            Self::Interrupted => 130,
            Self::Of(code) => code,
        }
    }

    /// The codes and what they mean, for help texts.
    pub const HELP: &'static str = "\
Exit codes:
  0    done, and the answer is yes
  1    done, and the answer is no: a task failed, a verdict was false
  2    not begun: usage, a file or an input is wrong
  3    waits for somebody: a person, a vote, a budget
  4    a store or another machine cannot be reached
  130  interrupted";
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_code() {
        let all = [
            Exit::Done,
            Exit::Negative,
            Exit::Invalid,
            Exit::Waiting,
            Exit::Unreachable,
            Exit::Interrupted,
        ];
        for exit in all {
            assert!(Exit::HELP.contains(&format!("\n  {:<4} ", exit.code())), "{exit:?}");
        }
    }
}
