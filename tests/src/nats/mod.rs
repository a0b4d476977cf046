//! Servers for tests: brought, started on ports of their own, troubled, and gone afterwards.
//!
//! Nothing is skipped where no server is at hand: one is fetched, or the test fails with advice.

#![expect(clippy::unwrap_used, reason = "what cannot be set up ends the test")]
#![expect(clippy::expect_used, reason = "what cannot be set up ends the test")]

pub mod guarded;

use std::path::PathBuf;

use orkestra_coordinator::nats_server::{Binary, Server, ServerSpec, Syncing, find};
pub use rustix::process::Signal;
use rustix::process::{WaitOptions, waitpid};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// How often servers are started on other ports when somebody took the first ones.
const STARTS: usize = 5;

/// The program, looked for once in this process.
pub async fn binary() -> &'static Binary {
    static FOUND: OnceCell<Binary> = OnceCell::const_new();
    let found = FOUND.get_or_try_init(|| find(tools())).await;
    found.expect("these tests need a nats-server")
}

/// Where the pinned program is kept: beside what the build makes, wherever that is.
fn tools() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| own.into(), PathBuf::from);
    target.join("tools")
}

/// What a test wants of its servers beyond the usual.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// How many servers: one, or a cluster.
    pub count: usize,
    /// When they write through.
    pub syncing: Syncing,
    /// The largest message they take.
    pub max_payload_bytes: u32,
    /// More lines of configuration.
    pub more: String,
}

impl Default for Wishes {
    fn default() -> Self {
        let syncing = Syncing::Lazily;
        Self { count: 1, syncing, max_payload_bytes: 1024 * 1024, more: String::new() }
    }
}

/// One server or several in a cluster, in a temporary folder. Dropped, even by a test that panics,
/// they are killed and the folder is removed.
#[derive(Debug)]
pub struct Servers {
    servers: Vec<Place>,
    // After the servers, which write in it.
    folder: TempDir,
}

/// A server that runs or does not.
#[derive(Debug)]
struct Place {
    spec: ServerSpec,
    server: Option<Server>,
}

impl Servers {
    /// One server.
    pub async fn one() -> Self {
        Self::wished(Wishes::default()).await
    }

    /// Three servers in a cluster, with a leader.
    pub async fn three() -> Self {
        Self::wished(Wishes { count: 3, ..Wishes::default() }).await
    }

    /// Servers as wished, ready.
    pub async fn wished(wishes: Wishes) -> Self {
        let binary = binary().await;
        let mut refused = None;
        for _ in 0..STARTS {
            match Self::try_start(binary, &wishes).await {
                Ok(servers) => return servers,
                // Somebody was faster at one of the ports: others are chosen.
                Err(error) if error.to_string().contains("address already in use") => {
                    refused = Some(error);
                }
                Err(error) => Err(error).expect("a nats-server for this test"),
            }
        }
        refused.map_or(Ok(()), Err).expect("free ports for nats-server");
        unreachable!("a start that was not refused has returned")
    }

    async fn try_start(binary: &Binary, wishes: &Wishes) -> orkestra_runtime::Result<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut specs = if wishes.count == 1 {
            vec![ServerSpec::one(folder.path().join("nats-1"))?]
        } else {
            ServerSpec::cluster(folder.path(), wishes.count)?
        };
        let mut servers = Vec::new();
        for spec in &mut specs {
            spec.syncing = wishes.syncing;
            spec.max_payload_bytes = wishes.max_payload_bytes;
            spec.more.clone_from(&wishes.more);
            let server = Some(Server::launch(binary, spec.clone())?);
            servers.push(Place { spec: spec.clone(), server });
        }
        for place in &mut servers {
            place.server.as_mut().unwrap().ready().await?;
        }
        Ok(Self { servers, folder })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// Where the first one is found.
    pub fn url(&self) -> String {
        self.servers[0].spec.url()
    }

    /// Where each is found.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|place| place.spec.url()).collect()
    }

    /// The port for clients of one.
    pub fn port(&self, i: usize) -> u16 {
        self.servers[i].spec.ports.client
    }

    /// The port for questions about the health of one.
    pub fn monitor(&self, i: usize) -> u16 {
        self.servers[i].spec.ports.monitor
    }

    /// What one has said so far.
    pub fn log(&self, i: usize) -> String {
        std::fs::read_to_string(self.servers[i].spec.log_path()).unwrap()
    }

    /// Where they all live.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Whether one runs, or is paused.
    pub fn is_up(&self, i: usize) -> bool {
        self.servers[i].server.is_some()
    }

    /// Kills one as a crash would (`kill -9`); it is gone when this returns.
    pub async fn kill(&mut self, i: usize) {
        if let Some(server) = self.servers[i].server.take() {
            server.kill().await.unwrap();
        }
    }

    /// Stops one in order.
    pub async fn stop(&mut self, i: usize) {
        if let Some(server) = self.servers[i].server.take() {
            server.stop().await.unwrap();
        }
    }

    /// Stops the process of one where it stands: it holds its connections and says nothing.
    pub fn pause(&self, i: usize) {
        self.signal(i, Signal::STOP);
        // The signal is sent; the process stands still only when the system says so.
        let pid = self.servers[i].server.as_ref().and_then(Server::pid);
        waitpid(pid, WaitOptions::UNTRACED).unwrap();
    }

    /// Lets a paused one go on.
    pub fn resume(&self, i: usize) {
        self.signal(i, Signal::CONT);
    }

    /// Sends any signal to one that runs.
    pub fn signal(&self, i: usize, signal: Signal) {
        let server = self.servers[i].server.as_ref().expect("a server that runs");
        server.signal(signal).unwrap();
    }

    /// Starts one again that was killed or stopped, on its ports and with what it has stored, and
    /// waits until it is ready.
    pub async fn start(&mut self, i: usize) {
        self.launch(i).await;
        self.ready(i).await;
    }

    /// Starts one again without waiting: in a cluster that has lost its majority, one alone is not
    /// ready.
    pub async fn launch(&mut self, i: usize) {
        assert!(!self.is_up(i), "server {i} runs");
        let server = Server::launch(binary().await, self.servers[i].spec.clone());
        self.servers[i].server = Some(server.unwrap());
    }

    /// Waits until one is ready.
    pub async fn ready(&mut self, i: usize) {
        self.servers[i].server.as_mut().expect("a server that runs").ready().await.unwrap();
    }

    /// Stops one in order and starts it again.
    pub async fn restart(&mut self, i: usize) {
        self.stop(i).await;
        self.start(i).await;
    }
}
