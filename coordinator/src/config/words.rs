//! The kinds of values that keys hold.

use std::{path::PathBuf, time::Duration};

use orkestra_runtime::{id::NodeId, protocol::check::CheckName};

use crate::written::{did_you_mean, parse_bytes, parse_duration, show_bytes, show_duration};

/// A kind of value: how it is read and shown. The error says what is wrong with a text.
pub(super) trait Word: Sized {
    /// The kind, for people.
    const KIND: &'static str;
    fn read(text: &str) -> Result<Self, String>;
    fn show(&self) -> String;
}

impl Word for u64 {
    const KIND: &'static str = "a whole number";
    fn read(text: &str) -> Result<Self, String> {
        text.trim().replace('_', "").parse().map_err(|_| format!("{text:?} is not a whole number"))
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A number of at least one.
impl Word for std::num::NonZeroU32 {
    const KIND: &'static str = "a whole number from 1";
    fn read(text: &str) -> Result<Self, String> {
        let number = text.trim().replace('_', "").parse();
        number.map_err(|_| format!("{text:?} is not a whole number from 1"))
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Word for Duration {
    const KIND: &'static str = "a duration";
    fn read(text: &str) -> Result<Self, String> {
        let duration = parse_duration(text)?;
        if duration.is_zero() {
            return Err(format!("{text:?} is no time at all"));
        }
        Ok(duration)
    }
    fn show(&self) -> String {
        show_duration(*self)
    }
}

/// How long it is until something is done again: at least 10 ms, so that nothing is done all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Every(pub Duration);

impl Every {
    const MIN: Duration = Duration::from_millis(10);
}

impl Word for Every {
    const KIND: &'static str = "a duration from 10ms";
    fn read(text: &str) -> Result<Self, String> {
        let every = parse_duration(text)?;
        if every < Self::MIN {
            return Err(format!(
                "{text:?} is too often: write {} or more",
                show_duration(Self::MIN)
            ));
        }
        Ok(Self(every))
    }
    fn show(&self) -> String {
        show_duration(self.0)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Word for Bytes {
    const KIND: &'static str = "a size";
    fn read(text: &str) -> Result<Self, String> {
        parse_bytes(text).map(Self)
    }
    fn show(&self) -> String {
        show_bytes(self.0)
    }
}

impl Word for PathBuf {
    const KIND: &'static str = "a path";
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a path is not empty".to_owned()) } else { Ok(text.into()) }
    }
    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Word for NodeId {
    const KIND: &'static str = "a name";
    fn read(text: &str) -> Result<Self, String> {
        Self::new(text).map_err(|error| error.to_string())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// An address and port to listen on, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<std::net::SocketAddr>);

impl Listen {
    /// One as somebody typed it.
    pub(crate) fn typed(text: &str) -> orkestra_runtime::Result<Self> {
        let invalid = orkestra_runtime::ErrorKind::Invalid;
        Self::read(text).map_err(|why| orkestra_runtime::Error::new(invalid, why))
    }
}

impl Word for Listen {
    const KIND: &'static str = "an address with a port, or nothing";
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let advice = "is not an address with a port: write one like 127.0.0.1:9464 or [::1]:9464";
        text.parse().map(|address| Self(Some(address))).map_err(|_| format!("{text:?} {advice}"))
    }
    fn show(&self) -> String {
        self.0.map(|address| address.to_string()).unwrap_or_default()
    }
}

/// An address to listen on for gRPC, or none; without a port it is the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcListen(pub Option<std::net::SocketAddr>);

impl GrpcListen {
    /// One as somebody typed it.
    pub(crate) fn typed(text: &str) -> orkestra_runtime::Result<Self> {
        let invalid = orkestra_runtime::ErrorKind::Invalid;
        Self::read(text).map_err(|why| orkestra_runtime::Error::new(invalid, why))
    }
}

impl Word for GrpcListen {
    const KIND: &'static str = "an address, with a port or without, or nothing";
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        if let Ok(ip) = text.parse::<std::net::IpAddr>() {
            return Ok(Self(Some((ip, crate::grpc::PORT).into())));
        }
        let advice = "is no address: write one like 127.0.0.1:50055 or [::1]:50055";
        text.parse().map(|address| Self(Some(address))).map_err(|_| format!("{text:?} {advice}"))
    }
    fn show(&self) -> String {
        self.0.map(|address| address.to_string()).unwrap_or_default()
    }
}

/// Checks by name, with commas between: `git_clean, disk_space`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks(pub std::collections::BTreeSet<CheckName>);

impl Word for Checks {
    const KIND: &'static str = "a list of checks";
    fn read(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let known = |name: &str| {
            CheckName::named(name).ok_or_else(|| {
                let all = CheckName::ALL.map(CheckName::as_str);
                let help = did_you_mean(name, all);
                let help = help.map(|help| format!("; {help}")).unwrap_or_default();
                format!("there is no check {name:?}{help}")
            })
        };
        names.map(known).collect::<Result<_, _>>().map(Self)
    }
    fn show(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|check| check.as_str()).collect();
        names.join(", ")
    }
}

/// What is logged: `info`, or directives like `warn,orkestra_runtime=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(pub String);

impl Word for LogLevel {
    const KIND: &'static str = "a level, or directives";
    fn read(text: &str) -> Result<Self, String> {
        tracing_subscriber::EnvFilter::try_new(text)
            .map(|_| Self(text.to_owned()))
            .map_err(|error| format!("{text:?} is no log level ({error})"))
    }
    fn show(&self) -> String {
        self.0.clone()
    }
}
