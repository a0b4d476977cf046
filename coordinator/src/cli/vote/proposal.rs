//! Proposals read from a file, with the place of what is wrong.

use std::{io::Read as _, ops::Range, path::Path};

use orkestra_runtime::{Error, ErrorKind};

use crate::{
    cli::failure::Failure,
    public::help_of,
    voting::written::WrittenProposal,
    written::{Fault, Faults, fault_at},
};

/// The largest file that is read: electorates can be long.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What names the standard input in the place of a file.
const STDIN: &str = "-";

/// Reads a proposal; faults have their place.
pub(super) fn read(file: &Path) -> Result<WrittenProposal, Failure> {
    let name = if file.as_os_str() == STDIN {
        "the standard input".into()
    } else {
        file.to_string_lossy()
    };
    let text = text_of(&name, file)?;
    let ending = file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let is_json = match ending.as_deref() {
        Some("json") => true,
        Some("toml") => false,
        _ => text.trim_start().starts_with('{'),
    };
    Ok(if is_json { of_json(&name, &text) } else { of_toml(&name, &text) }?)
}

fn text_of(name: &str, file: &Path) -> Result<String, Error> {
    let cannot = |error: std::io::Error| {
        let message = format!("cannot read the proposal {name}");
        Error::new(ErrorKind::Invalid, message).because(error)
    };
    let mut text = String::new();
    let read = if file.as_os_str() == STDIN {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(file).map_err(cannot)?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    };
    if read.map_err(cannot)? as u64 > FILE_BYTES_MAX {
        let message = format!("{name} has more than {FILE_BYTES_MAX} bytes: that is no proposal");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(text)
}

fn of_toml(name: &str, text: &str) -> Result<WrittenProposal, Faults> {
    toml::from_str(text).map_err(|error| {
        fault(name, text, error.span().unwrap_or(0..0), error.message().replace('\n', ", "))
    })
}

fn of_json(name: &str, text: &str) -> Result<WrittenProposal, Faults> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
        // It is told where reading stopped, which is behind what is wrong.
        let end = lines.map(str::len).sum::<usize>() + error.column();
        fault(name, text, end.saturating_sub(1)..end, message)
    })
}

fn fault(name: &str, text: &str, at: Range<usize>, message: String) -> Faults {
    let help = help_of(&message);
    let fault = Fault { help, ..fault_at(text, at, "", message) };
    Faults { file: name.to_owned(), faults: vec![fault] }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::id::VoterId;

    use super::*;
    use crate::committee::{Question, TieWay};

    fn ada() -> orkestra_runtime::Result<VoterId> {
        VoterId::new("ada")
    }

    #[test]
    fn one_word_may_stand_for_a_table_and_what_is_left_out_is_as_it_is_usual() {
        let short = of_toml("f", "id = 'a'\nvoters = ['ada', 'bob']\n").unwrap();
        let proposal = short.read(ada).unwrap();
        assert_eq!(proposal.question, Question::motion());
        assert_eq!((proposal.deadline_ms, proposal.early), (3_600_000, true));
        let text = "id = 'a'\nmotion = { rule = 'supermajority', fraction = '2/3' }\n\
                    ties = ['expert', { list = ['x'] }]\nsealed = '5m'\n\
                    [voters]\nada = 2\nbob = { weight = '3/2', veto = true }\n";
        let long = of_toml("f", text).unwrap().read(ada).unwrap();
        assert_eq!(long.electorate.values().filter(|member| member.veto).count(), 1);
        assert_eq!((long.sealed_ms, &long.ties[0]), (Some(300_000), &TieWay::Expert));
        let json = r#"{"id": "a", "voters": {"ada": 2}, "options": ["x", {"id": "y"}], "election": "schulze"}"#;
        let json = of_json("f", json).unwrap().read(ada).unwrap();
        assert_eq!(json.options.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_with_what_was_meant() {
        for (text, place, why) in [
            ("id = 'a'\nvoter = ['ada']\n", "f.toml:2:1", "did you mean \"voters\"?"),
            ("id = 'a'\nmotion = 'mayority'\n", "f.toml:2:10", "is no rule of motions"),
            ("id = 'a'\n[voters]\nada = 'much'\n", "f.toml:3:7", "much"),
            ("id = 'a'\n[voters.ada]\nwieght = 2\n", "f.toml:3:1", "did you mean \"weight\"?"),
            ("id = 'a'\ndeadline = 'soon'\n", "f.toml:2:12", "is not a duration"),
            ("id = 'a'\nvoters = ['ada', 'ada']\n", "f.toml:2:10", "named twice"),
        ] {
            let told = of_toml("f.toml", text).unwrap_err().to_string();
            assert!(told.contains(place) && told.contains(why), "{told}");
        }
        let told =
            of_json("f.json", "{\n \"id\": \"a\",\n \"motoin\": 1}").unwrap_err().to_string();
        assert!(told.contains("f.json:3:") && told.contains("did you mean \"motion\"?"), "{told}");
    }
}
