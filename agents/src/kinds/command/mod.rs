//! Agents that are programs, in any language.
//!
//! A program is started for each attempt, from an argument list and never through a shell, in a
//! process group of its own. It gets a folder of its own to work in, which is removed afterwards,
//! and an environment that holds what the spec lists and nothing else.
//!
//! # Protocol `json-lines`
//!
//! The program reads one line from its standard input, then the input ends:
//!
//! ```json
//! {"type":"assignment","v":1,"run":"r","task":"t","attempt":1,"title":"…","instructions":"…",
//!  "input":{},"results":{"earlier-task":{}},"effect_key":"…","folder":"/…"}
//! ```
//!
//! (in one line). It writes lines to its standard output, as many of the first three as it likes:
//!
//! ```json
//! {"type":"progress","percent":40,"message":"reading"}
//! {"type":"heartbeat"}
//! {"type":"understanding","understanding":{"current_understanding":"…","confidence":0.9}}
//! ```
//!
//! and exactly one of the last two, as its last line:
//!
//! ```json
//! {"type":"completed","output":{"verdict":"fine"}}
//! {"type":"failed","message":"no such file","retryable":false}
//! ```
//!
//! All of the first three are signs of life. Fields that are not known are ignored, a `percent` may have a fraction,
//! `output` may be missing (`null`), `retryable` too (`true`), empty lines are skipped. Any other
//! line is a failure `bad_output` that shows it. Once the last line is written it counts, and the
//! exit code no longer does; a program that does not end soon after it is killed.
//! Whatever is written to standard error is kept, the end of it, for the message of a failure.
//!
//! # Protocol `plain`
//!
//! For programs that know nothing of this: the input as JSON on standard input (or nothing), the
//! exit code is judged, and the output is `{"exit_code":0,"stdout":"…","stderr":"…"}` or standard
//! output itself, read as JSON. It may also read the text of the task that its own depends on, and
//! its exit code may be its answer, whatever it is: `{"exit_code":1,"output":"…"}`.
//!
//! # What ends a program
//!
//! | what | how it ends | what is reported |
//! |---|---|---|
//! | it ends by itself | whatever is left of its group is killed | by the protocol |
//! | cancelled, timed out, hung | `SIGTERM` to the group, its grace, `SIGKILL` to the group | by the worker |
//! | the attempt is dropped, the worker ends | `SIGKILL` to the group at once | by the worker |
//! | too much output, a bad line | `SIGKILL` to the group at once | `bad_output` |
//! | a signal from outside | what is left of the group is killed | `killed`, with the signal's name |
//!
//! # What is not promised
//!
//! A child that leaves the group (`setsid`) is not followed; what it writes is not waited for. If
//! this process itself is killed by `SIGKILL`, its programs live on, without their input. The memory
//! limit is one of address space, for each process, set right after the start: the very first
//! moments of a program run without it. Redaction finds secrets and sensitive texts as they are and
//! in every way that JSON may spell them, not in any other encoding. None of this is a sandbox.

mod capture;
mod exit;
mod lines;
mod plain;
mod process;
mod program;
mod spec;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree_tests;

use orkestra_runtime::{
    Result,
    protocol::{
        agent::Availability,
        payload::Json,
        task::{Failure, FailureKind},
    },
};

pub use spec::{
    CommandSpec, ENVIRONMENT, Limits, PlainInput, PlainOutput, Protocol, git_environment,
};

use crate::{
    agent::{Agent, Work},
    context::Context,
    shipped,
};

/// An agent that is a program. See the module for its protocols.
#[derive(Debug)]
pub struct CommandAgent {
    spec: CommandSpec,
}

impl CommandAgent {
    /// Checks and keeps a spec; an error of kind `Invalid` says what is wrong with it.
    pub fn new(spec: CommandSpec) -> Result<Self> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Agent for CommandAgent {
    async fn work(&self, work: Work, context: Context) -> Result<Json, Failure> {
        let spec = &*self.spec.placed(&context).await?;
        match &spec.protocol {
            Protocol::JsonLines => lines::work(spec, work, &context).await,
            Protocol::Plain { input, output, success_codes } => {
                let judge = plain::Judge { input: *input, output: *output, success_codes };
                plain::work(spec, judge, work, &context).await
            }
        }
    }

    fn availability(&self) -> Availability {
        // A program that is shipped is there when its repository is.
        if !shipped::found(self.spec.program()).is_empty() {
            return Availability::Available;
        }
        match program::find(self.spec.program()) {
            Ok(_) => Availability::Available,
            Err(reason) => Availability::Unavailable { reason },
        }
    }
}

fn unavailable(reason: String) -> Failure {
    Failure::new(FailureKind::Unavailable, reason)
}
