//! How a program ended, in words.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use orkestra_runtime::protocol::task::{Failure, FailureKind};

/// How much of the end of standard error a message shows.
const SHOWN_LINES_MAX: usize = 20;
const SHOWN_BYTES_MAX: usize = 3 * 1024;

/// The failure of a program whose end is not a success.
pub(super) fn failure(program: &str, status: ExitStatus, stderr: &str) -> Failure {
    let (kind, how) = match (status.signal(), status.code()) {
        (Some(signal), _) => (FailureKind::Killed, format!("was killed by {}", name(signal))),
        (None, Some(code)) => (FailureKind::ExitCode, format!("ended with code {code}")),
        (None, None) => (FailureKind::ExitCode, format!("ended as {status}")),
    };
    Failure::new(kind, with_stderr(format!("program {program:?} {how}"), stderr))
}

/// A sentence with the last lines of standard error.
pub(super) fn with_stderr(sentence: String, stderr: &str) -> String {
    let shown = last_lines(stderr);
    if shown.is_empty() { sentence } else { format!("{sentence}: {shown}") }
}

fn last_lines(text: &str) -> &str {
    let text = text.trim();
    let mut from = text.len().saturating_sub(SHOWN_BYTES_MAX);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let lines = text[from..].rmatch_indices('\n').nth(SHOWN_LINES_MAX - 1);
    &text[lines.map_or(from, |(at, _)| from + at + 1)..]
}

/// The name of a signal on Linux.
fn name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let found = usize::try_from(signal - 1).ok().and_then(|index| NAMES.get(index));
    found.map_or_else(|| format!("signal {signal}"), |name| format!("SIG{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_called_by_their_names() {
        assert_eq!([name(9), name(11), name(15)], ["SIGKILL", "SIGSEGV", "SIGTERM"]);
        assert_eq!(name(35), "signal 35");
    }

    #[test]
    fn only_the_last_lines_are_shown() {
        let lines: Vec<String> = (0..30).map(|n| format!("line {n}")).collect();
        assert_eq!(last_lines(&lines.join("\n")), lines[10..].join("\n"));
        assert_eq!(last_lines(&"é".repeat(3_000)).len(), SHOWN_BYTES_MAX);
    }
}
