//! Whether something can be typed: for checking what documents tell people to type.

use clap::Parser as _;

use crate::cli::args::Cli;

/// Checks that a command line, without the program's name, can be typed; answers the fault as it
/// would be shown. Nothing is run.
pub fn parses<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Result<(), String> {
    let words = std::iter::once("orkestra".to_owned()).chain(words.into_iter().map(Into::into));
    match Cli::try_parse_from(words) {
        // Help and version are answers.
        Err(told) if told.exit_code() != 0 => Err(told.to_string()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn examples(command: &clap::Command, found: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.trim().strip_prefix("orkestra "));
        found.extend(lines.map(str::to_owned));
        command.get_subcommands().for_each(|below| examples(below, found));
    }

    #[test]
    fn what_the_help_shows_can_be_typed() {
        let mut found = Vec::new();
        examples(&Cli::command(), &mut found);
        assert!(found.len() > 5, "the examples of the help were not found: {found:?}");
        for line in found {
            let words = line.split_whitespace().take_while(|word| *word != ">");
            assert_eq!(parses(words), Ok(()), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_typed_is_told() {
        let fault = parses(["task", "lst"]).unwrap_err();
        assert!(fault.contains("'lst'"), "{fault}");
        assert_eq!(parses(["--help"]), Ok(()));
    }
}
