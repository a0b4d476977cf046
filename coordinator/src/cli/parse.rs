//! Whether something can be typed: for checking what documents tell people to type.

use clap::Parser as _;

use crate::cli::args::Cli;

/// Checks that a command line, without the program's name, can be typed; answers the fault as it
/// would be shown. Nothing is run.
pub fn parses(line: &str) -> Result<(), String> {
    let words = std::iter::once("orkestra".to_owned()).chain(words(line));
    match Cli::try_parse_from(words) {
        // Help and version are answers.
        Err(told) if told.exit_code() != 0 => Err(told.to_string()),
        _ => Ok(()),
    }
}

/// The words of a line as a shell would hand them on: quotes hold together, a comment or a
/// redirection ends it.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quoted) = (None::<String>, None);
    for letter in line.chars() {
        match (letter, quoted) {
            (mark, Some(open)) if mark == open => quoted = None,
            ('"' | '\'', None) => {
                quoted = Some(letter);
                word.get_or_insert_default();
            }
            ('#' | '>', None) if word.is_none() => break,
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
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
            assert_eq!(parses(&line), Ok(()), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_typed_is_told() {
        let fault = parses("task lst").unwrap_err();
        assert!(fault.contains("'lst'"), "{fault}");
        assert_eq!(parses("--help"), Ok(()));
        assert_eq!(words("a \"b c\" '' d # e > f"), ["a", "b c", "", "d"]);
    }
}
