//! What kind of server is wanted, and the configuration file that says so.

use std::{fmt::Write as _, net::TcpListener, path::PathBuf};

use orkestra_runtime::{Error, ErrorKind, Result};

/// Where ports are looked for: below those that systems give to outgoing connections, so that a
/// port stays free while its server is down.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
/// How many ports are tried before it is given up.
const TRIES: usize = 2_000;

/// When the server's JetStream writes through to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    /// Before each acknowledgement: what was acknowledged survives a power cut.
    Always,
    /// Every two minutes, the server's default: it survives the death of the process.
    Lazily,
}

/// On which ports of loopback a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// For clients.
    pub client: u16,
    /// For questions about its health.
    pub monitor: u16,
    /// For the other servers of its cluster.
    pub routes: u16,
}

impl Ports {
    /// Three ports that nobody listens on now.
    pub fn free() -> Result<Self> {
        // All are held until all are found, so that they differ.
        let (a, b, c) = (free()?, free()?, free()?);
        let port = |listener: &TcpListener| {
            let address = listener.local_addr();
            address.map(|address| address.port()).map_err(|error| no_port().because(error))
        };
        Ok(Self { client: port(&a)?, monitor: port(&b)?, routes: port(&c)? })
    }
}

fn no_port() -> Error {
    Error::new(ErrorKind::Unavailable, "cannot find a free port on loopback for nats-server")
}

fn free() -> Result<TcpListener> {
    let room = u32::from(PORTS.end - PORTS.start);
    for _ in 0..TRIES {
        let draw = getrandom::u32().map_err(|error| no_port().because(error.to_string()))?;
        let Ok(offset) = u16::try_from(draw % room) else { continue };
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", PORTS.start + offset)) {
            return Ok(listener);
        }
    }
    Err(no_port())
}

/// How a server belongs to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// The cluster's name, the same in each of its servers.
    pub cluster: String,
    /// The route ports of all its servers.
    pub ports: Vec<u16>,
}

/// What kind of server is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// Its name, unique in a cluster.
    pub name: String,
    /// Where its configuration, its log and its streams lie; the caller's, who also removes it.
    pub folder: PathBuf,
    /// Where it listens.
    pub ports: Ports,
    /// Its cluster, if it belongs to one.
    pub routes: Option<Routes>,
    /// When it writes through.
    pub syncing: Syncing,
    /// The largest message it takes.
    pub max_payload_bytes: u32,
    /// More lines of configuration: users, TLS, limits.
    pub more: String,
    /// A configuration that is there already and is taken as it is, apart from the ports; nothing
    /// else of what stands here is written then.
    pub given: Option<PathBuf>,
}

impl ServerSpec {
    /// A server alone, on free ports.
    pub fn one(folder: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self {
            name: "nats-1".to_owned(),
            folder: folder.into(),
            ports: Ports::free()?,
            routes: None,
            syncing: Syncing::Lazily,
            max_payload_bytes: 1024 * 1024,
            more: String::new(),
            given: None,
        })
    }

    /// A cluster of servers on free ports, each in a folder of its own below `folder`.
    pub fn cluster(folder: impl Into<PathBuf>, count: usize) -> Result<Vec<Self>> {
        let folder = folder.into();
        let mut specs = Vec::new();
        for number in 1..=count {
            let name = format!("nats-{number}");
            let one = Self::one(folder.join(&name))?;
            specs.push(Self { name, ..one });
        }
        let ports: Vec<u16> = specs.iter().map(|spec| spec.ports.routes).collect();
        for spec in &mut specs {
            let cluster = "orkestra".to_owned();
            spec.routes = Some(Routes { cluster, ports: ports.clone() });
        }
        Ok(specs)
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.ports.client)
    }

    /// Its configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.given.clone().unwrap_or_else(|| self.folder.join("nats.conf"))
    }

    /// What it has said.
    pub fn log_path(&self) -> PathBuf {
        self.folder.join("nats.log")
    }

    /// The text of its configuration.
    pub fn config(&self) -> Result<String> {
        let store = self.folder.join("jetstream");
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "server_name: {}", quoted(&self.name)?);
        let _ = writeln!(text, "listen: \"127.0.0.1:{}\"", self.ports.client);
        let _ = writeln!(text, "http: \"127.0.0.1:{}\"", self.ports.monitor);
        let _ = writeln!(text, "max_payload: {}", self.max_payload_bytes);
        let _ = writeln!(text, "jetstream {{");
        let _ = writeln!(text, "  store_dir: {}", quoted(&store.to_string_lossy())?);
        match self.syncing {
            Syncing::Always => text.push_str("  sync_interval: always\n"),
            Syncing::Lazily => {}
        }
        text.push_str("}\n");
        if let Some(routes) = &self.routes {
            let _ = writeln!(text, "cluster {{");
            let _ = writeln!(text, "  name: {}", quoted(&routes.cluster)?);
            let _ = writeln!(text, "  listen: \"127.0.0.1:{}\"", self.ports.routes);
            let all: Vec<String> =
                routes.ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
            let _ = writeln!(text, "  routes: [{}]", all.join(", "));
            text.push_str("}\n");
        }
        text.push_str(&self.more);
        Ok(text)
    }
}

/// A text in the server's configuration. Its language has quotes, and few escapes within them.
fn quoted(text: &str) -> Result<String> {
    if text.chars().any(|c| c.is_control() || c == '"' || c == '\\') {
        let message = format!("{text:?} cannot be written in the configuration of nats-server");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_knows_all_its_routes_and_shares_no_port() {
        let specs = ServerSpec::cluster("/somewhere", 3).unwrap();
        let ports = specs.iter().map(|spec| spec.ports);
        let all: Vec<u16> = ports.flat_map(|p| [p.client, p.monitor, p.routes]).collect();
        let different: std::collections::BTreeSet<&u16> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        for spec in &specs {
            let text = spec.config().unwrap();
            for other in &specs {
                assert!(text.contains(&format!("nats://127.0.0.1:{}", other.ports.routes)));
            }
            assert!(text.contains(&format!("store_dir: \"/somewhere/{}/jetstream\"", spec.name)));
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_quotes() {
        let mut spec = ServerSpec::one("/somewhere").unwrap();
        spec.name = "a\" authorization: {} \"".to_owned();
        let told = spec.config().unwrap_err().to_string();
        assert!(told.contains("cannot be written in the configuration"), "{told}");
    }

    #[test]
    fn writing_through_is_said_where_it_is_wanted() {
        let mut spec = ServerSpec::one("/somewhere").unwrap();
        assert!(!spec.config().unwrap().contains("sync_interval"));
        spec.syncing = Syncing::Always;
        assert!(spec.config().unwrap().contains("sync_interval: always"));
    }
}
