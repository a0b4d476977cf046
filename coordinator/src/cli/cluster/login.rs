//! How the servers are reached, as it is configured: the one place where secrets are read.

use std::{fs, path::Path, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::nats::{NatsAuth, NatsSettings, NatsStore, NatsTls},
};

use crate::{
    cli::settings::Settings,
    config::{Config, MaybePath},
};

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
    /// For one that makes what a cluster keeps.
    Making,
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
    let login = Login::of_messages(config);
    nats.auth = login.auth()?;
    nats.store = store(config)?;
    nats.tls = NatsTls {
        required: config.nats_tls_required,
        ca: file(&config.nats_tls_ca_file)?,
        cert: file(&config.nats_tls_cert_file)?,
        key: file(&config.nats_tls_key_file)?,
    };
    nats.insecure = config.nats_insecure;
    nats.replicas = config.nats_replicas.0;
    nats.servers_sync = config.nats_servers_sync;
    nats.inbox_prefix = login.inbox();
    match what {
        For::Command | For::Making => {
            "orkestra".clone_into(&mut nats.name);
            (nats.may_create, nats.connect_within) = (what == For::Making, COMMAND_WITHIN);
        }
        For::Node { is_coordinator } => {
            nats.name = format!("orkestra node {}", config.node_name);
            // What is only opened can be used and not made.
            let makes = is_coordinator && nats.store != NatsStore::Opened;
            (nats.may_create, nats.connect_within) = (makes, NODE_WITHIN);
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

/// A login as it is configured: the one among the messages, or the one where things are kept.
struct Login<'a> {
    /// What its keys begin with.
    keys: &'static str,
    user: &'a str,
    password_file: &'a MaybePath,
    /// The variable that holds the password where no file does. It is no part of the configuration,
    /// which can be shown.
    password: &'static str,
    nkey_file: &'a MaybePath,
    creds_file: &'a MaybePath,
    inbox: &'a str,
}

impl<'a> Login<'a> {
    const fn of_messages(config: &'a Config) -> Self {
        Self {
            keys: "nats.",
            user: config.nats_user.as_str(),
            password_file: &config.nats_password_file,
            password: "NATS_PASSWORD",
            nkey_file: &config.nats_nkey_file,
            creds_file: &config.nats_creds_file,
            inbox: config.nats_inbox.as_str(),
        }
    }

    const fn of_store(config: &'a Config) -> Self {
        Self {
            keys: "nats.store.",
            user: config.nats_store_user.as_str(),
            password_file: &config.nats_store_password_file,
            password: "NATS_STORE_PASSWORD",
            nkey_file: &config.nats_store_nkey_file,
            creds_file: &config.nats_store_creds_file,
            inbox: config.nats_store_inbox.as_str(),
        }
    }

    fn inbox(&self) -> String {
        match (self.inbox, self.user) {
            (inbox, _) if !inbox.is_empty() => inbox.to_owned(),
            (_, user) if is_token(user) => format!("_INBOX.{user}"),
            _ => "_INBOX".to_owned(),
        }
    }

    fn auth(&self) -> Result<NatsAuth> {
        let named = [
            ("user", !self.user.is_empty()),
            ("nkey_file", self.nkey_file.0.is_some()),
            ("creds_file", self.creds_file.0.is_some()),
        ];
        let named = named.iter().filter(|(_, is)| *is);
        let named: Vec<String> = named.map(|(name, _)| format!("{}{name}", self.keys)).collect();
        if named.len() > 1 {
            return Err(one_is_enough(&named.join(" and ")));
        }
        if let Some(path) = file(self.creds_file)? {
            return Ok(NatsAuth::CredentialsFile { path });
        }
        if let Some(path) = &self.nkey_file.0 {
            return Ok(NatsAuth::Nkey { seed: secret("the nkey", path)? });
        }
        if self.user.is_empty() {
            return Ok(NatsAuth::None);
        }
        let password = match &self.password_file.0 {
            Some(path) => secret("the password", path)?,
            None => std::env::var(self.password).map_err(|_| {
                let message = format!(
                    "there is no password for the user {}: name a file with {}password_file, or \
                     set {}",
                    self.user, self.keys, self.password
                );
                Error::new(ErrorKind::Invalid, message)
            })?,
        };
        Ok(NatsAuth::Password { user: self.user.to_owned(), password })
    }
}

/// How one comes to where things are kept.
fn store(config: &Config) -> Result<NatsStore> {
    let login = Login::of_store(config);
    match login.auth()? {
        NatsAuth::None if config.nats_store_opened => Ok(NatsStore::Opened),
        NatsAuth::None => Ok(NatsStore::Here),
        _ if config.nats_store_opened => {
            Err(one_is_enough("nats.store.opened and a login of nats.store"))
        }
        auth => Ok(NatsStore::Login { auth, inbox_prefix: login.inbox() }),
    }
}

fn one_is_enough(set: &str) -> Error {
    let message = format!(
        "{set} are set, and one of them is enough: `orkestra config show` says where each comes from"
    );
    Error::new(ErrorKind::Invalid, message)
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
