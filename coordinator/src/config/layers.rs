//! Where values come from, and which of them counts.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::Value;

use super::{Config, KEYS, Key, reach::Urls, words::Word};
use crate::written::{Faults, Findings, Path, Source, did_you_mean};

/// The prefix of environment variables.
const PREFIX: &str = "ORKESTRA_";

/// Variables that are no keys: they say where the file is, or are given to command agents.
const NOT_KEYS: [&str; 6] = [
    "ORKESTRA_CONFIG",
    "ORKESTRA_EFFECT_KEY",
    "ORKESTRA_LOCK_KEY",
    "ORKESTRA_LOCK_SESSION",
    "ORKESTRA_LOCK_TOKEN",
    "ORKESTRA_LOCK_TOKENS",
];

/// The usual variables of NATS, and what they set; those that begin with `ORKESTRA_` count more.
/// `NATS_PASSWORD` is none: a secret is no part of a configuration.
const USUAL: [(&str, &str); 7] = [
    ("NATS_URL", "nats.url"),
    ("NATS_USER", "nats.user"),
    ("NATS_NKEY", "nats.nkey_file"),
    ("NATS_CREDS", "nats.creds_file"),
    ("NATS_CA", "nats.tls.ca_file"),
    ("NATS_CERT", "nats.tls.cert_file"),
    ("NATS_KEY", "nats.tls.key_file"),
];

/// What a configuration is made of; each layer counts more than the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// The configuration file: its name and its text.
    pub file: Option<(&'a str, &'a str)>,
    /// Environment variables; those that neither begin with `ORKESTRA_` nor are usual with NATS are
    /// not looked at.
    pub env: &'a [(String, String)],
    /// Keys and values that were given as arguments.
    pub flags: &'a [(String, String)],
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody said anything else.
    Default,
    /// A file: its name and the line.
    File(String, usize),
    /// An environment variable.
    Env(String),
    /// An argument.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name, line) => write!(f, "{name}:{line}"),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("argument"),
        }
    }
}

/// A value that was found for a key, not read yet.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) key: &'static str,
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// A key with its value, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The key.
    pub key: &'static str,
    /// Its value, as it would be written.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it means.
    pub meaning: &'static str,
    /// The kind of its value.
    pub kind: &'static str,
    /// Its default.
    pub default: &'static str,
    /// The environment variable that sets it.
    pub variable: String,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} = {}", self.key, self.value)?;
        writeln!(f, "  {} ({})", self.meaning, self.kind)?;
        writeln!(f, "  from     {}", self.origin)?;
        writeln!(f, "  default  {}", self.default)?;
        write!(f, "  set by   {} or -c {}=…", self.variable, self.key)
    }
}

impl Config {
    /// Lays the layers over each other and checks what comes out; all faults at once.
    pub fn load(layers: &Layers<'_>) -> Result<Self, Faults> {
        let (name, text) = layers.file.unwrap_or(("", ""));
        let source = Source::parse(name, text)?;
        let mut findings = Findings::of(&source);
        let mut found: BTreeMap<&'static str, Found> = BTreeMap::new();
        for Key { name, default, .. } in KEYS {
            put(&mut found, name, (*default).to_owned(), Origin::Default);
        }
        walk(source.value(), &Path::root(), &mut findings, &mut found);
        for (usual, key) in USUAL {
            let given = layers.env.iter().find(|(name, text)| name == usual && !text.is_empty());
            if let Some((name, text)) = given {
                put(&mut found, key, text.clone(), Origin::Env(name.clone()));
            }
        }
        for (variable, text) in layers.env.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            match KEYS.iter().find(|key| variable_of(key.name) == *variable) {
                Some(key) => put(&mut found, key.name, text.clone(), Origin::Env(variable.clone())),
                None if NOT_KEYS.contains(&variable.as_str()) => {}
                None => {
                    let known: Vec<String> = KEYS.iter().map(|key| variable_of(key.name)).collect();
                    let help = did_you_mean(variable, known.iter().map(String::as_str));
                    let message = format!("the environment variable {variable} sets no key");
                    findings.add_outside(variable, message, help);
                }
            }
        }
        for (key, text) in layers.flags {
            match KEYS.iter().find(|known| known.name == key) {
                Some(known) => put(&mut found, known.name, text.clone(), Origin::Flag),
                None => {
                    findings.add_outside(key, format!("there is no key {key:?}"), near(key));
                }
            }
        }
        let config = Self::of(&found, |found, why| wrong(&mut findings, found, why));
        for (key, why) in config.iter().flat_map(Self::odd) {
            if let Some(found) = found.get(key) {
                wrong(&mut findings, found, why.to_owned());
            }
        }
        findings.finish()?;
        config.ok_or_else(|| Faults { file: name.to_owned(), faults: Vec::new() })
    }

    /// What is wrong with values that are right each by itself.
    fn odd(&self) -> Vec<(&'static str, &'static str)> {
        let mut odd = Vec::new();
        if self.tasks_beat_every > self.tasks_lease / 3 {
            odd.push((
                "tasks.beat_every",
                "tasks.beat_every is more than a third of tasks.lease: one sign that comes late would \
                 end an attempt",
            ));
        }
        if self.presence_down_after < self.presence_beat_every.0 * 2 {
            odd.push((
                "presence.down_after",
                "presence.down_after is less than twice presence.beat_every: one sign that is lost \
                 would have a node taken for dead",
            ));
        }
        odd
    }

    /// What a key is, what it means, and where it comes from.
    pub fn explain(&self, key: &str) -> Result<Explained, Faults> {
        let explained = KEYS.iter().find(|known| known.name == key).and_then(|key| self.told(key));
        explained.ok_or_else(|| {
            let message = format!("there is no key {key:?}");
            let fault = crate::written::Fault::outside(key, message, near(key));
            Faults { file: String::new(), faults: vec![fault] }
        })
    }

    /// Every key with its value.
    pub fn show(&self) -> Vec<Explained> {
        KEYS.iter().filter_map(|key| self.told(key)).collect()
    }

    fn told(&self, key: &Key) -> Option<Explained> {
        Some(Explained {
            key: key.name,
            value: self.value(key.name)?,
            origin: self.origins.get(key.name)?.clone(),
            meaning: key.meaning,
            kind: key.kind,
            default: key.default,
            variable: variable_of(key.name),
        })
    }
}

fn put(found: &mut BTreeMap<&'static str, Found>, key: &'static str, text: String, origin: Origin) {
    found.insert(key, Found { key, text, origin });
}

fn wrong(findings: &mut Findings<'_>, found: &Found, why: String) {
    match &found.origin {
        Origin::File(..) => findings.add(&path_of(found.key), why, None),
        Origin::Default | Origin::Env(_) | Origin::Flag => {
            let message = format!("{}: {why} (from {})", found.key, found.origin);
            findings.add_outside(found.key, message, None);
        }
    }
}

fn walk(
    value: &Value,
    path: &Path,
    findings: &mut Findings<'_>,
    found: &mut BTreeMap<&'static str, Found>,
) {
    let shown = path.to_string();
    let key = KEYS.iter().find(|key| key.name == shown);
    let is_section =
        shown.is_empty() || KEYS.iter().any(|key| key.name.starts_with(&format!("{shown}.")));
    match (key, value) {
        (None, Value::Object(entries)) if is_section => {
            for (name, inner) in entries {
                walk(inner, &path.key(name), findings, found);
            }
        }
        (Some(key), Value::String(_) | Value::Number(_)) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let source = findings.source();
            let line = source.fault(path, "", None).line;
            put(found, key.name, text, Origin::File(source.name().to_owned(), line));
        }
        (Some(key), Value::Bool(it)) if key.kind == <bool as Word>::KIND => {
            let line = findings.source().fault(path, "", None).line;
            let origin = Origin::File(findings.source().name().to_owned(), line);
            put(found, key.name, it.to_string(), origin);
        }
        (Some(key), Value::Array(items)) if key.kind == <Urls as Word>::KIND => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            let line = findings.source().fault(path, "", None).line;
            let origin = Origin::File(findings.source().name().to_owned(), line);
            match texts {
                Some(texts) => put(found, key.name, texts.join(","), origin),
                None => findings.add(path, format!("{} is wanted here", key.kind), None),
            }
        }
        (Some(key), Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            findings.add(path, format!("{} is wanted here", key.kind), None);
        }
        (None, _) if is_section => findings.add(path, "a table is wanted here", None),
        (None, _) => findings.add_key(path, format!("there is no key {shown:?}"), near(&shown)),
    }
}

fn near(key: &str) -> Option<String> {
    did_you_mean(key, KEYS.iter().map(|key| key.name))
}

fn path_of(key: &str) -> Path {
    key.split('.').fold(Path::root(), |path, part| path.key(part))
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}
