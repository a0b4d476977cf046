//! How to reach the servers, and what to make there.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use async_nats::ServerAddr;

use crate::{
    error::{Error, ErrorKind, Result},
    time::{Clock, SystemClock},
};

/// Who one is to the servers. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum NatsAuth {
    /// Nobody in particular.
    #[default]
    None,
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// The seed of an nkey, which signs what the server sends and is never sent itself.
    Nkey {
        /// The seed.
        seed: String,
    },
    /// A file with a user's JWT and seed.
    CredentialsFile {
        /// Where it is.
        path: PathBuf,
    },
}

impl fmt::Debug for NatsAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password { .. } => "Password",
            Self::Nkey { .. } => "Nkey",
            Self::CredentialsFile { .. } => "CredentialsFile",
        })
    }
}

/// How one comes to where logs, registers and blobs are kept.
///
/// A server writes its answers to whatever subject a message names for them. So whoever may use
/// `JetStream` in the account of the messages could have it write into a log: what is stored is
/// safe only in an account of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NatsStore {
    /// By the same connection: one account has everything. Good for a server that one person uses.
    #[default]
    Here,
    /// By a connection of its own, as another user: that of a coordinator.
    Login {
        /// Who one is there.
        auth: NatsAuth,
        /// What stands before the subjects on which answers come back there.
        inbox_prefix: String,
    },
    /// By the few subjects that are opened to the account of the messages: a node with workers,
    /// which reads registers and keeps blobs. Streams are not made, and registers that are watched
    /// are read every quarter of a second.
    Opened,
}

/// How a connection is hidden from others, and who is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatsTls {
    /// Whether a server without TLS is refused. A `tls://` address asks for it too.
    pub required: bool,
    /// A PEM file with those who may vouch for a server; the machine's own list without one.
    pub ca: Option<PathBuf>,
    /// A PEM file with the certificate that this side shows.
    pub cert: Option<PathBuf>,
    /// A PEM file with the key of that certificate.
    pub key: Option<PathBuf>,
}

/// How to reach the servers, and what to make there.
#[derive(Clone, Debug)]
pub struct NatsSettings {
    /// Addresses, such as `nats://127.0.0.1:4222` or `tls://nats.example:4222`. A user and a
    /// password that stand in one are taken when `auth` is none.
    pub urls: Vec<String>,
    /// The cluster: 1 to 32 letters, digits and `-`. Two clusters on the same servers never meet.
    pub cluster: String,
    /// What the servers show of this connection.
    pub name: String,
    /// Who one is.
    pub auth: NatsAuth,
    /// How one comes to where things are kept.
    pub store: NatsStore,
    /// How the connection is hidden.
    pub tls: NatsTls,
    /// Whether to speak in the clear to another machine.
    pub insecure: bool,
    /// On how many servers each stream is kept that is made here: 1, 3 or 5.
    pub replicas: usize,
    /// Whether missing streams are made; without it they are waited for.
    pub may_create: bool,
    /// Whether every server is known to sync before it acknowledges (`sync_interval: always`).
    /// No server tells this to its users, so whoever sets it vouches for it.
    pub servers_sync: bool,
    /// How large each stream that is made here may become, in bytes; without one, as large as the
    /// servers allow.
    pub stream_bytes_max: Option<u64>,
    /// What stands before the subjects on which answers come back. A server can keep others from
    /// listening there only if it belongs to this user alone.
    pub inbox_prefix: String,
    /// How often a silent server is asked whether it is there; two unanswered questions end a
    /// connection.
    pub ping_interval: Duration,
    /// For how long [`Nats::connect`](super::Nats::connect) tries.
    pub connect_within: Duration,
    /// For how long an append, a register or a read waits for its answer.
    pub answer_within: Duration,
    /// What tells since when there is a connection.
    pub clock: Arc<dyn Clock>,
}

impl NatsSettings {
    /// The defaults, for one server on this machine.
    pub fn new(url: &str) -> Self {
        Self {
            urls: vec![url.to_owned()],
            cluster: "main".to_owned(),
            name: "orkestra".to_owned(),
            auth: NatsAuth::None,
            store: NatsStore::Here,
            tls: NatsTls::default(),
            insecure: false,
            replicas: 1,
            may_create: true,
            servers_sync: false,
            stream_bytes_max: None,
            inbox_prefix: "_INBOX".to_owned(),
            ping_interval: Duration::from_secs(2),
            connect_within: Duration::from_secs(15),
            answer_within: Duration::from_secs(4),
            clock: SystemClock::start(),
        }
    }

    /// The settings of the second connection, if there is one.
    pub(super) fn of_store(&self) -> Option<Self> {
        match &self.store {
            NatsStore::Here | NatsStore::Opened => None,
            NatsStore::Login { auth, inbox_prefix } => {
                let (auth, inbox_prefix) = (auth.clone(), inbox_prefix.clone());
                Some(Self { auth, inbox_prefix, ..self.clone() })
            }
        }
    }

    /// Checks what can be checked without a server, and gives the addresses.
    pub(super) fn servers(&self) -> Result<Vec<ServerAddr>> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, why);
        if self.urls.is_empty() {
            return Err(invalid("cannot connect to NATS without an address".to_owned()));
        }
        if ![1, 3, 5].contains(&self.replicas) {
            return Err(invalid(format!(
                "cannot keep streams on {} servers: use 1, 3 or 5",
                self.replicas
            )));
        }
        let fits = !self.inbox_prefix.is_empty()
            && self.inbox_prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !fits {
            return Err(invalid("an inbox prefix is letters, digits, _, - and dots".to_owned()));
        }
        self.urls.iter().map(|url| self.server(url)).collect()
    }

    fn server(&self, url: &str) -> Result<ServerAddr> {
        // Neither the address nor what is wrong with it is repeated: it may hold a password.
        let server: ServerAddr = url.parse().map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                "cannot read an address of NATS: use nats://HOST:PORT or tls://HOST:PORT",
            )
        })?;
        if server.is_websocket() {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("cannot reach {} by WebSocket: use nats:// or tls://", shown(&server)),
            ));
        }
        let hidden = self.tls.required || server.tls_required();
        if hidden || self.insecure || is_loopback(server.host()) {
            return Ok(server);
        }
        Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "will not speak in the clear to {}: use TLS (tls://), or allow it with --insecure",
                shown(&server)
            ),
        ))
    }
}

/// An address without its user and password.
pub(super) fn shown(server: &ServerAddr) -> String {
    format!("{}:{}", server.host(), server.port())
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_not_spoken_to_in_the_clear() {
        for url in ["nats://127.0.0.1:1", "nats://localhost:1", "nats://[::1]:1", "tls://far:1"] {
            NatsSettings::new(url).servers().unwrap();
        }
        let mut settings = NatsSettings::new("nats://someone:hidden@far.example:4222");
        let refused = settings.servers().unwrap_err();
        assert!(refused.to_string().contains("far.example:4222"), "{refused}");
        assert!(!refused.to_string().contains("hidden"), "{refused}");
        settings.insecure = true;
        settings.servers().unwrap();
        settings.insecure = false;
        settings.tls.required = true;
        settings.servers().unwrap();
    }

    #[test]
    fn nothing_shows_a_secret() {
        let mut settings = NatsSettings::new("nats://127.0.0.1:1");
        settings.auth =
            NatsAuth::Password { user: "someone".to_owned(), password: "hidden".to_owned() };
        assert!(!format!("{:?}", settings.auth).contains("hidden"));
        let refused = NatsSettings::new("http://someone:hidden@far").servers().unwrap_err();
        assert!(!refused.to_string().contains("hidden"), "{refused}");
    }
}
