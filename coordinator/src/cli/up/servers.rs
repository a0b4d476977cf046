//! Which servers the cluster is on: those that were named, or one of our own.

use std::path::PathBuf;

use orkestra_runtime::{Result, fabric::nats::NatsSettings};

use super::{Begun, tree::Own};
use crate::{
    cli::{
        cluster::login::{self, For},
        settings::Settings,
    },
    nats_server::{Search, ServerSpec},
    output::Console,
};

/// The variables that say where servers are and as whom to log in: what they say is written in the
/// configuration of nodes, where it is meant.
const OF_SERVERS: [&str; 9] = [
    "NATS_URL",
    "NATS_USER",
    "NATS_NKEY",
    "NATS_CREDS",
    "NATS_CA",
    "NATS_CERT",
    "NATS_KEY",
    "NATS_PASSWORD",
    "NATS_STORE_PASSWORD",
];
/// Those of them that are written nowhere.
const PASSWORDS: [&str; 2] = ["NATS_PASSWORD", "NATS_STORE_PASSWORD"];
/// What the variables begin with that set keys, and those of them that set none.
const OF_KEYS: &str = "ORKESTRA_";
const NO_KEYS: [&str; 2] = ["ORKESTRA_EFFECT_KEY", "ORKESTRA_LOCK_TOKENS"];

/// Which servers.
#[derive(Debug)]
pub(super) enum Servers {
    /// One of our own.
    Own(Own),
    /// Those that were named with `--nats`.
    Named,
}

/// Finds a server to start, unless some were named.
pub(super) async fn find(begun: &Begun<'_>, console: &mut Console) -> Result<Servers> {
    if begun.common.nats.is_some() {
        return Ok(Servers::Named);
    }
    if begun.settings.is_cluster() {
        let shown = login::shown(begun.settings);
        console.say(format!(
            "note: {shown} is configured, and left alone: --nats {shown} has the cluster on it"
        ))?;
    }
    let search = Search::here(tools());
    let binary = if let Some(binary) = search.installed().await? {
        binary
    } else {
        let folder = search.tools.display();
        console.say(format!("no nats-server is on PATH: fetching one to {folder}"))?;
        search.run().await?
    };
    let spec = ServerSpec::one(begun.folder.path().join("nats"))?;
    Ok(Servers::Own(Own { binary, spec }))
}

/// Where a server that was fetched is kept for the next time.
fn tools() -> PathBuf {
    let of = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("orkestra")
}

impl Servers {
    /// Where they are.
    pub(super) fn urls(&self, settings: &Settings) -> Vec<String> {
        match self {
            Self::Own(own) => vec![own.spec.url()],
            Self::Named => settings.config.nats_url.0.clone(),
        }
    }

    /// The same, as it may be shown and typed.
    pub(super) fn shown(&self, settings: &Settings) -> String {
        match self {
            Self::Own(own) => own.spec.url(),
            Self::Named => settings.config.nats_url.shown().join(","),
        }
    }

    /// How this process reaches them. It may make what the nodes would make.
    pub(super) fn login(&self, settings: &Settings) -> Result<NatsSettings> {
        let mut nats = match self {
            Self::Own(own) => {
                let mut nats = NatsSettings::new(&own.spec.url());
                nats.cluster.clone_from(&settings.config.cluster_name.0);
                nats
            }
            Self::Named => {
                let may_create = For::Node { is_coordinator: true };
                let within = login::of(settings, For::Command)?.connect_within;
                NatsSettings { connect_within: within, ..login::of(settings, may_create)? }
            }
        };
        "orkestra up".clone_into(&mut nats.name);
        Ok(nats)
    }

    /// The variables of this process that nodes must not have: what they say is written, or is not
    /// meant for them.
    pub(super) fn variables_to_leave_out(&self) -> Vec<String> {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let is_left_out = |name: &String| match self {
            _ if name.starts_with(OF_KEYS) => !NO_KEYS.contains(&name.as_str()),
            Self::Own(_) => OF_SERVERS.contains(&name.as_str()),
            Self::Named => {
                OF_SERVERS.contains(&name.as_str()) && !PASSWORDS.contains(&name.as_str())
            }
        };
        names.filter(is_left_out).collect()
    }
}
