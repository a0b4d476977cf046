//! The configuration of this command: file, environment, flags.

use std::path::{Path, PathBuf};

use orkestra_runtime::{Error, ErrorKind};

use crate::{
    cli::{args::Common, failure::Failure},
    config::{Config, Layers},
    output,
};

/// The file that is read when none is named.
const FILE: &str = "orkestra.toml";

/// The configuration of this command.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: Config,
    /// The namespace that is meant, if one was named.
    pub(super) namespace: Option<String>,
    /// Whether a cluster is spoken with, and not a folder.
    is_cluster: bool,
}

impl Settings {
    /// These, for a folder.
    #[cfg(test)]
    pub(super) const fn of_folder(config: Config) -> Self {
        Self { config, namespace: None, is_cluster: false }
    }

    /// Reads all layers; tells every fault of them.
    pub(super) fn load(common: &Common) -> Result<Self, Failure> {
        Self::load_with(common, Vec::new())
    }

    /// The same, with more keys and values that were given as arguments.
    pub(super) fn load_with(
        common: &Common,
        mut flags: Vec<(String, String)>,
    ) -> Result<Self, Failure> {
        let env: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let named = common.config.clone().or_else(|| {
            let named = env.iter().find(|(name, _)| name == "ORKESTRA_CONFIG");
            named.map(|(_, value)| PathBuf::from(value))
        });
        let file = match named {
            Some(path) => Some(read(&path)?),
            None if Path::new(FILE).exists() => Some(read(Path::new(FILE))?),
            None => None,
        };
        if let Some(dir) = &common.data_dir {
            flags.push(("data_dir".to_owned(), dir.to_string_lossy().into_owned()));
        }
        if let Some(url) = &common.nats {
            flags.push(("nats.url".to_owned(), url.clone()));
        }
        if common.insecure {
            flags.push(("nats.insecure".to_owned(), "true".to_owned()));
        }
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let config = Config::load(&Layers { file, env: &env, flags: &flags })?;
        // Who names a folder means it, whatever the environment says of servers.
        let is_cluster =
            !config.nats_url.0.is_empty() && (common.data_dir.is_none() || common.nats.is_some());
        Ok(Self { config, namespace: common.namespace.clone(), is_cluster })
    }

    /// Whether a cluster is spoken with, and not a folder.
    pub(super) const fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// The folder that holds all state.
    pub(super) fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// Begins to log to standard error: as configured, more with `-v`, or as `RUST_LOG` says.
    pub(super) fn begin_log(&self, verbose: u8) {
        let level = match verbose {
            0 => self.config.log_level.0.clone(),
            1 => "info".to_owned(),
            2 => "debug".to_owned(),
            _ => "trace".to_owned(),
        };
        let filter = std::env::var("RUST_LOG").unwrap_or(level);
        output::begin_log(&filter);
        // A panic of an agent is told by its task and by the supervision log; here it is a line.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let place = place.unwrap_or_default();
            // What was said may hold a secret, which is taken out where it is told. On the main
            // thread nothing catches it, and nobody else would tell.
            if std::thread::current().name() == Some("main") {
                let said = panic.payload_as_str().unwrap_or("without a word");
                tracing::error!(place, said, "panic");
            } else {
                tracing::info!(place, "panic");
            }
        }));
    }
}

fn read(path: &Path) -> Result<(String, String), Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the configuration file {}", path.display());
        Error::new(ErrorKind::Invalid, message).because(error)
    })?;
    Ok((path.display().to_string(), text))
}
