//! A server under the configuration that the project ships, with keys made for one test.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use async_nats::{Client, ConnectOptions, Event, ServerError};
use orkestra_coordinator::{
    access::{Plan, User},
    nats_server::{Server, ServerSpec},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::binary;

/// A server that lets in who is in the table, over TLS, with a certificate of its authority.
#[derive(Debug)]
pub struct Guarded {
    /// The table.
    pub plan: Plan,
    passwords: BTreeMap<String, String>,
    server: Server,
    folder: TempDir,
}

/// A connection, and what the server refused on it.
#[derive(Debug)]
pub struct Guest {
    /// The connection.
    pub client: Client,
    refused: mpsc::UnboundedReceiver<String>,
}

impl Guest {
    /// What the server refused next, in its words.
    pub async fn refusal(&mut self) -> String {
        let patience = std::time::Duration::from_secs(20);
        let word = tokio::time::timeout(patience, self.refused.recv()).await;
        word.expect("the server refused nothing").expect("a connection that stands")
    }
}

impl Guarded {
    /// A server for a small cluster with two agents.
    pub async fn start() -> Self {
        let plan = Plan::new("main", 2, &["example", "other"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_owned();
        for (name, text) in plan.files() {
            fs::write(at.join(name), text).unwrap();
        }
        let password = || {
            KeyPair::generate().unwrap().serialize_der().iter().rev().take(12).fold(
                String::from("p"),
                |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                },
            )
        };
        let passwords: BTreeMap<String, String> =
            plan.users().iter().map(|user| (user.name.clone(), password())).collect();
        let lines: Vec<String> = plan
            .users()
            .iter()
            .map(|user| format!("{}: \"{}\"\n", user.variable(), passwords[&user.name]))
            .collect();
        fs::write(at.join("passwords.conf"), lines.concat()).unwrap();
        certify(&at.join("tls"));
        certify(&at.join("stranger"));
        let given = Some(at.join("nats.conf"));
        let spec = ServerSpec { given, ..ServerSpec::one(&at).unwrap() };
        let server = Server::start(binary().await, spec).await.expect("a guarded server");
        Self { plan, passwords, server, folder }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("tls://127.0.0.1:{}", self.server.spec().ports.client)
    }

    /// A file below the folder of the server's configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A user of the table.
    pub fn user(&self, name: &str) -> User {
        self.plan.users().into_iter().find(|user| user.name == name).expect("a user of the table")
    }

    /// The password of a user.
    pub fn password(&self, name: &str) -> String {
        self.passwords[name].clone()
    }

    /// Options with everything right but the login.
    pub fn options(&self) -> ConnectOptions {
        ConnectOptions::new()
            .require_tls(true)
            .add_root_certificates(self.path("tls/ca.pem"))
            .add_client_certificate(self.path("tls/client.pem"), self.path("tls/client.key"))
    }

    /// A connection as a user of the table.
    pub async fn enter(&self, name: &str) -> Guest {
        let (tell, refused) = mpsc::unbounded_channel();
        let options = self
            .options()
            .user_and_password(name.to_owned(), self.password(name))
            .custom_inbox_prefix(self.user(name).inbox())
            .event_callback(move |event| {
                if let Event::ServerError(ServerError::Other(word)) = &event {
                    // Nobody may be interested.
                    let _ = tell.send(word.clone());
                }
                std::future::ready(())
            });
        let client = options.connect(self.url()).await.expect("a user of the table is let in");
        Guest { client, refused }
    }
}

/// An authority, and certificates of it for a server on loopback and for a client.
fn certify(folder: &std::path::Path) {
    fs::create_dir_all(folder).unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Two authorities of one name would be told apart by their keys alone.
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    authority.distinguished_name.push(DnType::CommonName, name);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for (name, hosts) in [("server", vec!["127.0.0.1", "localhost"]), ("client", vec!["client"])] {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.into_iter().map(str::to_owned).collect();
        let params = CertificateParams::new(hosts).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}
