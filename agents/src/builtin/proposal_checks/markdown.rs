//! The markup of a Markdown text: headings, lists, links, fences.

use std::collections::BTreeSet;

use orkestra_runtime::protocol::council::LintSpec;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{
    super::finding::shorten,
    SHOWN_CHARS_MAX,
    lines::Lines,
    lint::Found,
    sentences::{self, Paragraph},
};

/// What was seen so far.
#[derive(Default)]
struct Seen {
    /// Each heading with its line.
    headings: Vec<(HeadingLevel, usize, String)>,
    heading: Option<(HeadingLevel, usize, String)>,
    paragraphs: Vec<Paragraph>,
    /// Whether what is read now is code.
    in_code: bool,
    /// The marks that items of lists begin with.
    bullets: BTreeSet<char>,
    /// The line of the first list whose mark is another than that of the first.
    mixed: Option<usize>,
}

pub(super) fn check(content: &str, spec: &LintSpec, found: &mut Found) {
    let lines = Lines::of(content);
    let mut seen = Seen::default();
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for (event, range) in Parser::new_ext(content, options).into_offset_iter() {
        let source = content.get(range.clone()).unwrap_or_default();
        see(&mut seen, &event, (lines.at(range.start), source), found);
    }
    if let Some(line) = seen.mixed {
        found.warning(line, "lists begin their items with different marks");
    }
    headings(&seen.headings, found);
    required(&seen.headings, spec, found);
    blank_lines(content, found);
    sentences::check(&seen.paragraphs, spec.max_sentence, found);
}

fn see(seen: &mut Seen, event: &Event<'_>, (line, source): (usize, &str), found: &mut Found) {
    match event {
        Event::Start(Tag::Heading { level, .. }) => {
            seen.heading = Some((*level, line, String::new()));
        }
        Event::End(TagEnd::Heading(_)) => seen.headings.extend(seen.heading.take()),
        Event::Start(Tag::CodeBlock(kind)) => {
            seen.in_code = true;
            if matches!(kind, CodeBlockKind::Fenced(_)) && !is_closed(source) {
                found.error(line, "a fence that is not closed");
            }
        }
        Event::End(TagEnd::CodeBlock) => seen.in_code = false,
        Event::Start(Tag::Paragraph | Tag::Item | Tag::TableCell) => {
            seen.paragraphs.push(Paragraph::new());
            if let (Event::Start(Tag::Item), Some(mark)) = (event, source.chars().next()) {
                item(seen, mark, line);
            }
        }
        // What follows a list within an item is a text of its own.
        Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => {
            seen.paragraphs.push(Paragraph::new());
        }
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. })
            if dest_url.trim().is_empty() =>
        {
            found.error(line, "a link to nowhere");
        }
        Event::Text(text) | Event::Code(text) => {
            if let Some((_, _, heading)) = &mut seen.heading {
                heading.push_str(text);
            } else if !seen.in_code
                && let Some(paragraph) = seen.paragraphs.last_mut()
            {
                paragraph.push((line, text.to_string()));
            }
        }
        _ => {}
    }
}

fn item(seen: &mut Seen, mark: char, line: usize) {
    if ['-', '*', '+'].contains(&mark) {
        seen.bullets.insert(mark);
        if seen.bullets.len() > 1 && seen.mixed.is_none() {
            seen.mixed = Some(line);
        }
    }
}

/// Whether a fenced block ends with the fence that it began with.
fn is_closed(source: &str) -> bool {
    let mark = |line: &str| {
        let line = line.trim().trim_start_matches('>').trim();
        let mark = line.chars().next().filter(|c| ['`', '~'].contains(c))?;
        let length = line.chars().take_while(|c| *c == mark).count();
        (length >= 3).then_some((mark, length))
    };
    let mut lines = source.lines();
    let (first, last) = (lines.next().and_then(mark), lines.last().and_then(mark));
    match (first, last) {
        (Some((one, shorter)), Some((other, longer))) => one == other && shorter <= longer,
        _ => false,
    }
}

fn headings(headings: &[(HeadingLevel, usize, String)], found: &mut Found) {
    let mut before = 0;
    let mut names = BTreeSet::new();
    for (level, line, text) in headings {
        let level = *level as usize;
        if text.trim().is_empty() {
            found.error(*line, "a heading without words");
        }
        if before > 0 && level > before + 1 {
            found.error(*line, format!("a heading of level {level} below one of level {before}"));
        }
        if level == 1 && before > 0 {
            found.error(*line, "a second title, or one that is not at the top");
        }
        if !names.insert(text.trim().to_lowercase()) {
            let text = shorten(text.trim(), SHOWN_CHARS_MAX);
            found.warning(*line, format!("a second heading {text:?}"));
        }
        before = level;
    }
}

/// The required headings, in their order.
fn required(headings: &[(HeadingLevel, usize, String)], spec: &LintSpec, found: &mut Found) {
    let mut from = 0;
    for wanted in &spec.required_headings {
        let is_it = |(_, _, text): &(HeadingLevel, usize, String)| {
            text.trim().to_lowercase() == wanted.trim().to_lowercase()
        };
        let wanted = shorten(wanted.trim(), SHOWN_CHARS_MAX);
        match headings.iter().position(is_it) {
            None => found.error(0, format!("the heading {wanted:?} is missing")),
            Some(at) if at < from => {
                let line = headings.get(at).map_or(0, |(_, line, _)| *line);
                found.error(line, format!("the heading {wanted:?} stands too early"));
            }
            Some(at) => from = at + 1,
        }
    }
}

/// Several empty lines in succession.
fn blank_lines(content: &str, found: &mut Found) {
    let mut blank = 0;
    for (index, line) in content.lines().enumerate() {
        blank = if line.trim().is_empty() { blank + 1 } else { 0 };
        if blank == 2 {
            found.warning(index + 1, "several empty lines in succession");
        }
    }
}
