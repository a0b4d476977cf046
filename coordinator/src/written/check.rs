//! Holds a document against a JSON Schema: the part of it that derived schemas use.
//!
//! The schema that is published and the check that is made are therefore one thing.

use serde_json::Value;

use super::{Findings, Path, did_you_mean, nearest};

/// Holds a document against a schema: all unknown keys, missing keys and wrong types at once.
pub fn check(schema: &Value, findings: &mut Findings<'_>) {
    let mut checker = Checker { root: schema, wrong: Vec::new() };
    checker.value(schema, findings.source().value(), &Path::root());
    for Wrong { path, is_key, message, help } in checker.wrong {
        if is_key {
            findings.add_key(&path, message, help);
        } else {
            findings.add(&path, message, help);
        }
    }
}

/// A fault that was not looked up in the text yet: most are those of shapes that are not meant.
struct Wrong {
    path: Path,
    is_key: bool,
    message: String,
    help: Option<String>,
}

struct Checker<'a> {
    root: &'a Value,
    wrong: Vec<Wrong>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value, path: &Path) {
        let schema = self.resolved(schema);
        for words in ["anyOf", "oneOf"] {
            if let Some(branches) = schema[words].as_array() {
                return self.one_of(branches, value, path);
            }
        }
        if let Some(allowed) = schema["enum"].as_array() {
            return self.one_word_of(allowed.iter(), value, path);
        }
        if !schema["const"].is_null() {
            return self.one_word_of([&schema["const"]].into_iter(), value, path);
        }
        if !fits(schema, value) {
            let message = format!("this is {}, and {} is wanted", a_value(value), wanted(schema));
            self.add(path, message, None);
            return;
        }
        self.number(schema, value, path);
        match value {
            Value::Object(_) => self.table(schema, value, path),
            Value::Array(items) if !schema["items"].is_null() => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&schema["items"], item, &path.index(index));
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {}
        }
    }

    fn table(&mut self, schema: &'a Value, value: &Value, path: &Path) {
        let Some(entries) = value.as_object() else { return };
        let properties = schema["properties"].as_object();
        for (key, inner) in entries {
            let inner_path = path.key(key);
            if let Some(property) = properties.and_then(|known| known.get(key)) {
                self.value(property, inner, &inner_path);
            } else if schema["additionalProperties"] == Value::Bool(false) {
                let known = properties.into_iter().flat_map(|known| known.keys());
                let help = did_you_mean(key, known.map(String::as_str));
                let message = format!("there is no key {key:?} here");
                self.wrong.push(Wrong { path: inner_path, is_key: true, message, help });
            } else if schema["additionalProperties"].is_object() {
                self.value(&schema["additionalProperties"], inner, &inner_path);
            }
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !entries.contains_key(key) {
                let message = format!("the key {key:?} is missing");
                self.add(&path.key(key), message, None);
            }
        }
    }

    /// Of several shapes, the one of the value's own type is meant; its faults are the faults.
    fn one_of(&mut self, branches: &'a [Value], value: &Value, path: &Path) {
        let mut fitting = Vec::new();
        for branch in branches {
            let mut inner = Checker { root: self.root, wrong: Vec::new() };
            inner.value(branch, value, path);
            if inner.wrong.is_empty() {
                return;
            }
            if self.is_meant(branch, value) {
                fitting.push(inner.wrong);
            }
        }
        let words: Vec<&Value> = branches.iter().flat_map(|branch| self.words_of(branch)).collect();
        if value.is_string() && !words.is_empty() {
            return self.one_word_of(words.into_iter(), value, path);
        }
        if fitting.is_empty() {
            let mut shapes: Vec<String> =
                branches.iter().map(|branch| wanted(self.resolved(branch))).collect();
            shapes.dedup();
            let message =
                format!("this is {}, and {} is wanted", a_value(value), shapes.join(" or "));
            self.add(path, message, None);
        } else {
            self.wrong.append(&mut fitting.swap_remove(0));
        }
    }

    fn one_word_of(
        &mut self,
        allowed: impl Iterator<Item = &'a Value>,
        value: &Value,
        path: &Path,
    ) {
        let allowed: Vec<&Value> = allowed.collect();
        if allowed.contains(&value) {
            return;
        }
        let shown = allowed.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let shown: Vec<String> = shown.collect();
        let given = value.as_str().map_or_else(|| a_value(value), |text| format!("{text:?}"));
        let near = value.as_str().and_then(|word| {
            nearest(word, shown.iter().map(String::as_str))
                .map(|near| format!("did you mean {near:?}?"))
        });
        let message = format!("this is {given}, and one of {} is wanted", shown.join(", "));
        self.add(path, message, near);
    }

    fn number(&mut self, schema: &Value, value: &Value, path: &Path) {
        let Some(number) = value.as_f64() else { return };
        let low = schema["minimum"].as_f64().filter(|low| number < *low);
        let high = schema["maximum"].as_f64().filter(|high| number > *high);
        let message = match (low, high) {
            (Some(low), _) => format!("this is {value}, and at least {low} is wanted"),
            (None, Some(high)) => format!("this is {value}, and at most {high} is wanted"),
            (None, None) => return,
        };
        self.add(path, message, None);
    }

    /// Whether a shape is of the value's own type.
    fn is_meant(&self, schema: &'a Value, value: &Value) -> bool {
        let schema = self.resolved(schema);
        let branches = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
        branches.map_or_else(
            || fits(schema, value),
            |branches| branches.iter().any(|branch| self.is_meant(branch, value)),
        )
    }

    fn add(&mut self, path: &Path, message: String, help: Option<String>) {
        self.wrong.push(Wrong { path: path.clone(), is_key: false, message, help });
    }

    /// The words that a shape allows.
    fn words_of(&self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolved(schema);
        let branches = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
        branches.map_or_else(
            || words_of(schema),
            |branches| branches.iter().flat_map(|branch| self.words_of(branch)).collect(),
        )
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
        reference.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }
}

fn words_of(schema: &Value) -> Vec<&Value> {
    match schema["enum"].as_array() {
        Some(words) => words.iter().collect(),
        None if schema["const"].is_null() => Vec::new(),
        None => vec![&schema["const"]],
    }
}

fn types_of(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

fn fits(schema: &Value, value: &Value) -> bool {
    let types = types_of(schema);
    types.is_empty()
        || types.iter().any(|name| match *name {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => value.is_null(),
        })
}

fn a_value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(yes) => format!("the boolean {yes}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}

fn wanted(schema: &Value) -> String {
    let words = words_of(schema);
    if !words.is_empty() {
        let shown: Vec<String> = words.iter().map(ToString::to_string).collect();
        return shown.join(" or ");
    }
    let named =
        types_of(schema).into_iter().filter(|name| *name != "null").map(|name| match name {
            "string" => "a string",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            _ => "a table",
        });
    named.collect::<Vec<_>>().join(" or ")
}
