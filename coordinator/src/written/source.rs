//! A TOML file: its values, and where each of them stands.

use std::ops::Range;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Fault, Faults, Path, Step, findings::TOLD_MAX};

/// The text of a TOML file and what stands in it.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    value: Value,
}

impl Source {
    /// Parses a text; all faults of syntax at once.
    pub fn parse(name: &str, text: &str) -> Result<Self, Faults> {
        let (table, errors) = DeTable::parse_recoverable(text);
        // What follows from broken syntax is seldom worth more.
        let mut faults: Vec<Fault> = errors
            .iter()
            .take(TOLD_MAX)
            .map(|error| {
                let message = error.message().replace('\n', ", ");
                fault_at(text, error.span().unwrap_or(0..0), "", message)
            })
            .collect();
        let mut numbers = Vec::new();
        let value = table_to_json(table.get_ref(), &Path::root(), &mut numbers);
        faults.extend(numbers.into_iter().take(TOLD_MAX - faults.len()).map(|(path, span)| {
            fault_at(text, span, &path.to_string(), "this number is out of range".to_owned())
        }));
        Faults::unless_none(name, faults)?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), value })
    }

    /// The file's name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands in it, as JSON; dates as text.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// A fault of the value at a path; of the nearest table around it that stands in the file
    /// when it does not stand there itself.
    pub fn fault(&self, path: &Path, message: impl Into<String>, help: Option<String>) -> Fault {
        let span = self.locate(path, false);
        Fault { help, ..fault_at(&self.text, span, &path.to_string(), message.into()) }
    }

    /// A fault of the key itself at a path, rather than of its value.
    pub fn key_fault(
        &self,
        path: &Path,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Fault {
        let span = self.locate(path, true);
        Fault { help, ..fault_at(&self.text, span, &path.to_string(), message.into()) }
    }

    /// Parses anew: faults are rare, and spans for every value would be kept by everybody.
    fn locate(&self, path: &Path, want_key: bool) -> Range<usize> {
        let (root, _) = DeTable::parse_recoverable(&self.text);
        let (mut span, mut table) = (0..0, Some(root.get_ref()));
        let mut list: Option<&[Spanned<DeValue<'_>>]> = None;
        for (depth, step) in path.steps().iter().enumerate() {
            let is_end = depth + 1 == path.steps().len();
            let next = match step {
                Step::Key(key) => table.and_then(|table| {
                    table.iter().find(|(found, _)| found.get_ref() == key.as_str())
                }),
                Step::Index(_) => None,
            };
            if let (Some((key, _)), true) = (next, is_end && want_key) {
                return key.span();
            }
            let value = match step {
                Step::Key(_) => next.map(|(_, value)| value),
                Step::Index(index) => list.and_then(|list| list.get(*index)),
            };
            let Some(value) = value else { break };
            span = match (value.get_ref(), next) {
                // A table's own span may be its whole body: its key says more.
                (DeValue::Table(_), Some((key, _))) => key.span(),
                _ => value.span(),
            };
            table = value.get_ref().as_table();
            list = value.get_ref().as_array().map(|list| &**list);
        }
        span
    }
}

fn table_to_json(table: &DeTable<'_>, path: &Path, wrong: &mut Vec<(Path, Range<usize>)>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let inner = path.key(key.get_ref());
        (key.get_ref().to_string(), to_json(value, &inner, wrong))
    });
    Value::Object(entries.collect())
}

fn to_json(
    value: &Spanned<DeValue<'_>>,
    path: &Path,
    wrong: &mut Vec<(Path, Range<usize>)>,
) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(
                |_| {
                    wrong.push((path.clone(), value.span()));
                    Value::Null
                },
                Value::from,
            ),
        DeValue::Float(number) => {
            let number = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            number.map_or_else(
                || {
                    wrong.push((path.clone(), value.span()));
                    Value::Null
                },
                Value::Number,
            )
        }
        DeValue::Array(list) => Value::Array(
            list.iter().enumerate().map(|(i, v)| to_json(v, &path.index(i), wrong)).collect(),
        ),
        DeValue::Table(table) => table_to_json(table, path, wrong),
    }
}

/// A fault of what stands in a part of a text.
pub(crate) fn fault_at(text: &str, span: Range<usize>, key: &str, message: String) -> Fault {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = text.floor_char_boundary(span.end.clamp(start, line_end));
    // What a line ends with is not shown, and so not pointed at.
    let line = text[line_start..line_end].trim_end_matches('\r');
    let shown = line.chars().count();
    let before = text[line_start..start].chars().count().min(shown);
    Fault {
        line: text[..start].matches('\n').count() + 1,
        column: before + 1,
        key: key.to_owned(),
        message,
        help: None,
        text: line.replace('\t', " "),
        width: text[start..end].chars().count().min(shown - before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_is_faulted_where_it_breaks() {
        let faults = Source::parse("a.toml", "x = 1\ny = = 2\n").unwrap_err();
        assert_eq!((faults.faults[0].line, faults.file.as_str()), (2, "a.toml"));
        let shown = faults.to_string();
        assert!(shown.starts_with("a.toml:2:"), "{shown}");
        assert!(shown.contains("2 | y = = 2"), "{shown}");
    }

    #[test]
    fn a_fault_points_at_its_value_or_its_key() {
        let source = Source::parse("a.toml", "[a]\nlist = [1, 22]\n\n[[t]]\nid = 'é'\n").unwrap();
        let at = |fault: Fault| (fault.line, fault.column, fault.width);
        let second = Path::root().key("a").key("list").index(1);
        assert_eq!(at(source.fault(&second, "wrong", None)), (2, 12, 2));
        assert_eq!(at(source.key_fault(&Path::root().key("a").key("list"), "", None)), (2, 1, 4));
        let absent = Path::root().key("t").index(0).key("title");
        assert_eq!(at(source.fault(&absent, "missing", None)), (4, 1, 5));
        assert_eq!(second.to_string(), "a.list[1]");
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_faults() {
        let faults = Source::parse("a.toml", "a = nan\nb = 99999999999999999999\n").unwrap_err();
        let keys: Vec<_> = faults.faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["a", "b"]);
    }
}
