//! The kinds of values that only nodes of a cluster have.

use std::{fmt, path::PathBuf};

use orkestra_runtime::protocol::node::{Hosts, Roles};

use super::words::Word;
use crate::written::did_you_mean;

/// What stands for a user and a password where an address is shown.
const HIDDEN: &str = "***";
/// The most addresses that are named.
const URLS_MAX: usize = 32;

/// Yes or no.
impl Word for bool {
    const KIND: &'static str = "true or false";
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// Addresses of servers, with commas between. A user and a password in one are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Urls(pub Vec<String>);

impl Urls {
    /// As they may be shown.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.0.iter().map(|url| hidden(url)).collect()
    }
}

fn hidden(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    // The last sign counts: a password may hold one.
    let Some((_, place)) = rest.rsplit_once('@') else { return url.to_owned() };
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{scheme}{HIDDEN}@{place}")
}

impl Word for Urls {
    const KIND: &'static str = "a list of addresses, or nothing";
    fn read(text: &str) -> Result<Self, String> {
        let urls: Vec<String> =
            text.split(',').map(str::trim).filter(|url| !url.is_empty()).map(Into::into).collect();
        if urls.len() > URLS_MAX {
            return Err(format!("{} addresses are more than {URLS_MAX}", urls.len()));
        }
        for url in &urls {
            // Not repeated: it may hold a password.
            let is_odd = url.chars().any(|c| c.is_whitespace() || c.is_control());
            let known = ["nats://", "tls://"].iter().any(|scheme| url.starts_with(scheme));
            if is_odd || (url.contains("://") && !known) {
                let what = if is_odd { String::new() } else { format!(" ({})", hidden(url)) };
                return Err(format!(
                    "an address cannot be read{what}: write nats://HOST:PORT or tls://HOST:PORT"
                ));
            }
        }
        Ok(Self(urls))
    }
    fn show(&self) -> String {
        self.shown().join(", ")
    }
}

impl fmt::Debug for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Urls").field(&self.shown()).finish()
    }
}

/// A path, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaybePath(pub Option<PathBuf>);

impl Word for MaybePath {
    const KIND: &'static str = "a path, or nothing";
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self((!text.is_empty()).then(|| text.into())))
    }
    fn show(&self) -> String {
        self.0.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

/// A short text, or none.
impl Word for String {
    const KIND: &'static str = "a text, or nothing";
    fn read(text: &str) -> Result<Self, String> {
        if text.len() > 256 || text.chars().any(char::is_control) {
            return Err("a text here is a line of 256 bytes at most".to_owned());
        }
        Ok(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}

/// The name of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(pub String);

impl Word for ClusterName {
    const KIND: &'static str = "1 to 32 letters, digits and -";
    fn read(text: &str) -> Result<Self, String> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} does not name a cluster: use {}", Self::KIND))
    }
    fn show(&self) -> String {
        self.0.clone()
    }
}

/// How many shards a cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(pub u16);

impl Word for Shards {
    const KIND: &'static str = "a whole number from 1 to 1024";
    fn read(text: &str) -> Result<Self, String> {
        let number = text.trim().parse().ok().filter(|n| (1..=crate::node::SHARDS_MAX).contains(n));
        number.map(Self).ok_or_else(|| format!("{text:?} is not {}", Self::KIND))
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// On how many servers something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas(pub usize);

impl Word for Replicas {
    const KIND: &'static str = "1, 3 or 5";
    fn read(text: &str) -> Result<Self, String> {
        match text.trim().parse() {
            Ok(number @ (1 | 3 | 5)) => Ok(Self(number)),
            _ => Err(format!("{text:?} is not {}", Self::KIND)),
        }
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRoles {
    /// It may lead shards.
    pub coordinator: bool,
    /// It hosts agents.
    pub agents: bool,
}

impl NodeRoles {
    /// With what it hosts for others.
    pub const fn with(self, hosts: Hosts) -> Roles {
        Roles { coordinator: self.coordinator, agents: self.agents, hosts }
    }
}

impl Word for NodeRoles {
    const KIND: &'static str = "coordinator, agents, or both";
    fn read(text: &str) -> Result<Self, String> {
        let mut roles = Self { coordinator: false, agents: false };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "coordinator" => roles.coordinator = true,
                "agents" => roles.agents = true,
                _ => {
                    let help = did_you_mean(word, ["coordinator", "agents"]);
                    let help = help.map(|help| format!("; {help}")).unwrap_or_default();
                    return Err(format!("there is no role {word:?}: use {}{help}", Self::KIND));
                }
            }
        }
        if !roles.coordinator && !roles.agents {
            return Err(format!("a node without a role does nothing: use {}", Self::KIND));
        }
        Ok(roles)
    }
    fn show(&self) -> String {
        match (self.coordinator, self.agents) {
            (true, true) => "coordinator, agents",
            (true, false) => "coordinator",
            (false, _) => "agents",
        }
        .to_owned()
    }
}

impl Word for Hosts {
    const KIND: &'static str = "none, functions or all";
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "none" => Ok(Self::None),
            "functions" => Ok(Self::Functions),
            "all" => Ok(Self::All),
            _ => Err(format!("{text:?} is not {}", Self::KIND)),
        }
    }
    fn show(&self) -> String {
        match self {
            Self::None => "none",
            Self::Functions => "functions",
            Self::All => "all",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_shown_to_nobody() {
        let word = "open".to_owned() + "-sesame@1";
        let urls = Urls::read(&format!("nats://ada:{word}@far:1, tls://b:2")).unwrap();
        assert_eq!(urls.show(), "nats://***@far:1, tls://b:2");
        for told in [format!("{urls:?}"), Urls::read(&format!("http://ada:{word}@x")).unwrap_err()]
        {
            assert!(!told.contains("sesame") && !told.contains("ada"), "{told}");
        }
    }

    #[test]
    fn a_role_that_is_not_there_is_told_with_those_that_are() {
        let told = NodeRoles::read("coordinater").unwrap_err();
        assert!(told.contains("did you mean \"coordinator\""), "{told}");
        assert!(NodeRoles::read(" , ").unwrap_err().contains("without a role"));
        assert_eq!(NodeRoles::read("agents,coordinator").unwrap().show(), "coordinator, agents");
        assert!(Shards::read("0").is_err() && Shards::read("1025").is_err());
        assert!(Replicas::read("2").is_err());
        assert!(ClusterName::read("a.b").is_err());
    }
}
