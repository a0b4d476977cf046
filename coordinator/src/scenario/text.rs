//! Templates: text in which `{{ … }}` stands for a value.

use std::{collections::BTreeMap, io};

use minijinja::{Environment, Expression, Template, UndefinedBehavior, Value as Rendered};
use serde_json::Value;

/// How many steps one template may take to yield its value.
const STEPS_MAX: u64 = 1_000_000;

/// How much one template may yield.
const YIELD_BYTES_MAX: usize = 1024 * 1024;

/// An environment for templates: an unknown name is an error, and nothing is read from outside.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(STEPS_MAX));
    environment
}

/// A text that was compiled.
pub(super) enum Text<'s> {
    /// It is what it is.
    Plain(&'s str),
    /// It is exactly one expression, whose value keeps its type.
    Expression(Expression<'s, 's>),
    /// Values stand among text.
    Template(Template<'s, 's>),
}

impl<'s> Text<'s> {
    /// Compiles a text; the error is one line for people.
    pub(super) fn compile(environment: &'s Environment<'s>, text: &'s str) -> Result<Self, String> {
        if !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            return Ok(Self::Plain(text));
        }
        let trimmed = text.trim();
        let alone = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(Ok(expression)) = alone.map(|inner| environment.compile_expression(inner)) {
            return Ok(Self::Expression(expression));
        }
        environment.template_from_str(text).map(Self::Template).map_err(|error| told(&error))
    }

    /// The names that it uses, like `inputs.repo`.
    pub(super) fn names(&self) -> Vec<String> {
        let names = match self {
            Self::Plain(_) => return Vec::new(),
            Self::Expression(expression) => expression.undeclared_variables(true),
            Self::Template(template) => template.undeclared_variables(true),
        };
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort();
        names
    }

    /// What it yields as text.
    pub(super) fn string(&self, names: &Rendered) -> Result<String, String> {
        match self {
            Self::Plain(text) => Ok((*text).to_owned()),
            Self::Expression(_) => match self.value(names)? {
                Value::String(text) => Ok(text),
                Value::Null => Ok(String::new()),
                other => Ok(other.to_string()),
            },
            Self::Template(template) => {
                let mut text = Bounded::default();
                template.render_captured_to(names, &mut text).map_err(|error| text.told(&error))?;
                String::from_utf8(text.bytes).map_err(|error| error.to_string())
            }
        }
    }

    /// What it yields, with its type.
    pub(super) fn value(&self, names: &Rendered) -> Result<Value, String> {
        let Self::Expression(expression) = self else {
            return self.string(names).map(Value::String);
        };
        let value = expression.eval(names).map_err(|error| told(&error))?;
        if value.is_undefined() {
            return Err("this yields nothing: one of its names is not known".to_owned());
        }
        let mut text = Bounded::default();
        let written = serde_json::to_writer(&mut text, &value);
        if text.full {
            return Err(too_much());
        }
        written
            .and_then(|()| serde_json::from_slice(&text.bytes))
            .map_err(|error| format!("this is no JSON value: {error}"))
    }
}

/// Takes up to [`YIELD_BYTES_MAX`].
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Bounded {
    fn told(&self, error: &minijinja::Error) -> String {
        if self.full { too_much() } else { told(error) }
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > YIELD_BYTES_MAX {
            self.full = true;
            return Err(io::Error::other("too much"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_much() -> String {
    format!("the template yields more than {YIELD_BYTES_MAX} bytes")
}

/// A JSON value as templates see it.
pub(super) fn rendered(value: &Value) -> Rendered {
    match value {
        Value::Null => Rendered::from(()),
        Value::Bool(yes) => Rendered::from(*yes),
        Value::Number(number) => number
            .as_i64()
            .map(Rendered::from)
            .or_else(|| number.as_u64().map(Rendered::from))
            .unwrap_or_else(|| Rendered::from(number.as_f64().unwrap_or_default())),
        Value::String(text) => Rendered::from(text.as_str()),
        Value::Array(items) => items.iter().map(rendered).collect(),
        Value::Object(entries) => {
            Rendered::from_pairs(entries.iter().map(|(key, item)| (key.as_str(), rendered(item))))
        }
    }
}

fn told(error: &minijinja::Error) -> String {
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("the template fails: {}{detail}", error.kind())
}

/// A value whose strings are templates.
pub(super) enum Shape<'s> {
    /// Without templates.
    Fixed(&'s Value),
    /// One.
    Text(Text<'s>),
    /// With templates somewhere within.
    List(Vec<Self>),
    /// With templates somewhere within.
    Table(BTreeMap<&'s str, Self>),
}

impl<'s> Shape<'s> {
    /// Compiles every string of a value.
    pub(super) fn compile(
        environment: &'s Environment<'s>,
        value: &'s Value,
    ) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => match Text::compile(environment, text)? {
                Text::Plain(_) => Self::Fixed(value),
                text => Self::Text(text),
            },
            Value::Array(items) => {
                let shapes = items.iter().map(|item| Self::compile(environment, item));
                let shapes: Vec<Self> = shapes.collect::<Result<_, _>>()?;
                if shapes.iter().all(Self::is_fixed) {
                    Self::Fixed(value)
                } else {
                    Self::List(shapes)
                }
            }
            Value::Object(entries) => {
                let shapes = entries
                    .iter()
                    .map(|(key, item)| Ok((key.as_str(), Self::compile(environment, item)?)));
                let shapes: BTreeMap<&str, Self> = shapes.collect::<Result<_, String>>()?;
                if shapes.values().all(Self::is_fixed) {
                    Self::Fixed(value)
                } else {
                    Self::Table(shapes)
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Fixed(value),
        })
    }

    const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// The names that it uses.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(text) => text.names(),
            Self::List(items) => items.iter().flat_map(Self::names).collect(),
            Self::Table(entries) => entries.values().flat_map(Self::names).collect(),
        }
    }

    /// What it yields.
    pub(super) fn value(&self, names: &Rendered) -> Result<Value, String> {
        match self {
            Self::Fixed(value) => Ok((*value).clone()),
            Self::Text(text) => text.value(names),
            Self::List(items) => items.iter().map(|item| item.value(names)).collect(),
            Self::Table(entries) => entries
                .iter()
                .map(|(key, item)| Ok(((*key).to_owned(), item.value(names)?)))
                .collect(),
        }
    }
}
