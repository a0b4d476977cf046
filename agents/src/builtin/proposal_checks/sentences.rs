//! How long the sentences of a text are.

use super::lint::Found;

/// A paragraph: pieces of text, each with its line.
pub(super) type Paragraph = Vec<(usize, String)>;

/// The paragraphs of a text without markup: what stands between empty lines.
pub(super) fn paragraphs(content: &str) -> Vec<Paragraph> {
    let mut all = vec![Paragraph::new()];
    for (index, line) in content.lines().enumerate() {
        if line.trim().is_empty() {
            all.push(Paragraph::new());
        } else if let Some(last) = all.last_mut() {
            last.push((index + 1, line.to_owned()));
        }
    }
    all
}

/// Finds sentences with more words than are allowed; none allows any.
pub(super) fn check(paragraphs: &[Paragraph], words_max: Option<u32>, found: &mut Found) {
    let Some(words_max) = words_max else { return };
    for paragraph in paragraphs {
        let (mut began, mut words) = (0, 0_u32);
        for (line, text) in paragraph {
            for word in text.split_whitespace() {
                if !word.contains(char::is_alphanumeric) {
                    continue;
                }
                if words == 0 {
                    began = *line;
                }
                words = words.saturating_add(1);
                if ends_a_sentence(word) {
                    tell(words, words_max, began, found);
                    words = 0;
                }
            }
        }
        tell(words, words_max, began, found);
    }
}

fn tell(words: u32, words_max: u32, line: usize, found: &mut Found) {
    if words > words_max {
        found.error(
            line,
            format!("a sentence of {words} words, and at most {words_max} are allowed"),
        );
    }
}

/// Whether a word is the last of its sentence: it ends with a full stop, whatever closes after it.
fn ends_a_sentence(word: &str) -> bool {
    word.trim_end_matches(['"', '\'', ')', ']', '*', '_', '”', '’'])
        .ends_with(['.', '!', '?', ':', '…'])
}
