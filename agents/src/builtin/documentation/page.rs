//! One Markdown file: its links, headings, inline code and blocks of commands.

use std::collections::{HashMap, HashSet};

use orkestra_runtime::{Result, protocol::task::Failure};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use regex::Regex;

use super::super::redact::pattern;

/// Something on a page, and its line.
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A fenced block with a language.
pub(crate) struct Block {
    pub(crate) language: String,
    /// The line of its first line of content.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// What a page has that can point somewhere, or be pointed at.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) links: Vec<Spot>,
    pub(crate) anchors: HashSet<String>,
    pub(crate) code: Vec<Spot>,
    pub(crate) blocks: Vec<Block>,
}

/// Reads pages; its patterns are compiled once.
pub(crate) struct Reader {
    /// Names that HTML gives to places.
    names: Regex,
    /// Addresses in HTML.
    links: Regex,
}

impl Reader {
    pub(crate) fn new() -> Result<Self, Failure> {
        let links = r#"(?i)<(?:a|img)\s[^>]*?\b(?:href|src)\s*=\s*["']([^"']+)["']"#;
        let names = r#"(?i)\b(?:id|name)\s*=\s*["']([^"']+)["']"#;
        Ok(Self { names: pattern(names)?, links: pattern(links)? })
    }

    pub(crate) fn read(&self, text: &str) -> Page {
        let mut page = Page::default();
        // Events do not come in the order of their beginnings: an end bears its element's place.
        let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let mut heading: Option<String> = None;
        let mut block: Option<Block> = None;
        let mut slugs = Slugs::default();
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let line = 1 + breaks.partition_point(|at| *at < range.start);
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.extend(heading.take().map(|text| slugs.slug(&text)));
                }
                Event::Start(Tag::Link { link_type: LinkType::Email, .. }) => {}
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Spot { line, text: dest_url.into_string() });
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let (language, line) = match kind {
                        CodeBlockKind::Fenced(language) => (language.into_string(), line + 1),
                        CodeBlockKind::Indented => (String::new(), line),
                    };
                    block = Some(Block { language, line, text: String::new() });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(text) => match (&mut block, &mut heading) {
                    (Some(block), _) => block.text.push_str(&text),
                    (None, Some(heading)) => heading.push_str(&text),
                    (None, None) => {}
                },
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    page.code.push(Spot { line, text: code.into_string() });
                }
                Event::Html(tag) | Event::InlineHtml(tag) => {
                    let found = self.names.captures_iter(&tag);
                    let names = found.filter_map(|found| found.get(1));
                    page.anchors.extend(names.map(|name| name.as_str().to_lowercase()));
                    let found = self.links.captures_iter(&tag);
                    let links = found.filter_map(|found| found.get(1));
                    page.links.extend(links.map(|it| Spot { line, text: it.as_str().to_owned() }));
                }
                _ => {}
            }
        }
        page
    }
}

/// Makes anchors of headings as GitHub does.
#[derive(Default)]
struct Slugs {
    met: HashMap<String, usize>,
}

impl Slugs {
    fn slug(&mut self, heading: &str) -> String {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let lower = heading.trim().to_lowercase();
        let base: String =
            lower.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect();
        let mut slug = base.clone();
        while self.met.contains_key(&slug) {
            let nth = self.met.entry(base.clone()).or_default();
            *nth += 1;
            slug = format!("{base}-{nth}");
        }
        self.met.insert(slug.clone(), 0);
        slug
    }
}
