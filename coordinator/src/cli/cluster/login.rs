//! How the servers are reached, as it is configured: the one place where secrets are read.

use std::{fs, path::Path, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::nats::{NatsAuth, NatsSettings, NatsTls},
};

use crate::{cli::settings::Settings, config::MaybePath};

/// The variable that holds a password. It is no part of the configuration, which can be shown.
const PASSWORD: &str = "NATS_PASSWORD";
/// How long a command tries to find a server.
const COMMAND_WITHIN: Duration = Duration::from_secs(5);
/// How long a node does before it says that it waits.
const NODE_WITHIN: Duration = Duration::from_secs(5);
/// The longest secret that is read from a file.
const SECRET_BYTES_MAX: u64 = 4 * 1024;

/// For what the servers are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum For {
    /// For one command.
    Command,
    /// For a node; it may make streams if it is a coordinator.
    Node {
        /// Whether it is.
        is_coordinator: bool,
    },
}

/// How the servers are reached, as it is configured.
pub(in crate::cli) fn of(settings: &Settings, what: For) -> Result<NatsSettings> {
    let config = &settings.config;
    let mut nats = NatsSettings::new("");
    nats.urls.clone_from(&config.nats_url.0);
    if nats.urls.is_empty() {
        let message = "no server is named: say where NATS is with --nats URL, NATS_URL, or nats.url in \
                       the configuration; `orkestra up` starts one for trying things";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    nats.cluster.clone_from(&config.cluster_name.0);
    nats.auth = auth(settings)?;
    nats.tls = NatsTls {
        required: config.nats_tls_required,
        ca: file(&config.nats_tls_ca_file)?,
        cert: file(&config.nats_tls_cert_file)?,
        key: file(&config.nats_tls_key_file)?,
    };
    nats.insecure = config.nats_insecure;
    nats.replicas = config.nats_replicas.0;
    nats.servers_sync = config.nats_servers_sync;
    nats.inbox_prefix = match (&config.nats_inbox, &config.nats_user) {
        (inbox, _) if !inbox.is_empty() => inbox.clone(),
        (_, user) if is_token(user) => format!("_INBOX.{user}"),
        _ => "_INBOX".to_owned(),
    };
    match what {
        For::Command => {
            "orkestra".clone_into(&mut nats.name);
            (nats.may_create, nats.connect_within) = (false, COMMAND_WITHIN);
        }
        For::Node { is_coordinator } => {
            nats.name = format!("orkestra node {}", config.node_name);
            (nats.may_create, nats.connect_within) = (is_coordinator, NODE_WITHIN);
        }
    }
    Ok(nats)
}

/// Where the servers are, as it may be shown.
pub(in crate::cli) fn shown(settings: &Settings) -> String {
    settings.config.nats_url.shown().join(", ")
}

fn is_token(user: &str) -> bool {
    !user.is_empty() && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

fn auth(settings: &Settings) -> Result<NatsAuth> {
    let config = &settings.config;
    let named = [
        ("nats.user", !config.nats_user.is_empty()),
        ("nats.nkey_file", config.nats_nkey_file.0.is_some()),
        ("nats.creds_file", config.nats_creds_file.0.is_some()),
    ];
    let named: Vec<&str> = named.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    if named.len() > 1 {
        let message = format!(
            "{} are set, and one login is enough: `orkestra config show` says where each comes from",
            named.join(" and ")
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    if let Some(path) = file(&config.nats_creds_file)? {
        return Ok(NatsAuth::CredentialsFile { path });
    }
    if let Some(path) = &config.nats_nkey_file.0 {
        return Ok(NatsAuth::Nkey { seed: secret("the nkey", path)? });
    }
    if config.nats_user.is_empty() {
        return Ok(NatsAuth::None);
    }
    let password = match &config.nats_password_file.0 {
        Some(path) => secret("the password", path)?,
        None => std::env::var(PASSWORD).map_err(|_| {
            let message = format!(
                "there is no password for the user {}: name a file with nats.password_file, or set \
                 {PASSWORD}",
                config.nats_user
            );
            Error::new(ErrorKind::Invalid, message)
        })?,
    };
    Ok(NatsAuth::Password { user: config.nats_user.clone(), password })
}

/// What a file holds that is secret, without the line's end.
fn secret(what: &str, path: &Path) -> Result<String> {
    let failed = |why: String| {
        let message = format!("cannot read {what} in {}", path.display());
        Error::new(ErrorKind::Invalid, message).because(why)
    };
    let size = fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > SECRET_BYTES_MAX {
        return Err(failed(format!("it has {size} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A file that has to be there.
fn file(path: &MaybePath) -> Result<Option<std::path::PathBuf>> {
    let Some(path) = &path.0 else { return Ok(None) };
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(path.clone())),
        Ok(_) => Err(Error::new(ErrorKind::Invalid, format!("{} is not a file", path.display()))),
        Err(error) => {
            let message = format!("cannot read {}", path.display());
            Err(Error::new(ErrorKind::Invalid, message).because(error))
        }
    }
}
