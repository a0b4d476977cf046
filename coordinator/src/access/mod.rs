//! Who may say and hear what on NATS: one table, and the server configuration that comes from it.
//!
//! Promises: what is not in the table is refused; nobody but a coordinator can write a journal or a
//! lease, whatever trick is tried with replies; nobody hears another user's replies.
//!
//! A right to publish is not the whole of it. A message names a subject for its answer, and the
//! server does not check whether its sender may publish there: whoever may use JetStream at all
//! could have it write its answers into a journal. So what is stored lives in an account of its own
//! ([`Account::Store`]), in which coordinators alone are users. All others are in the account of
//! messages, reach a few exact subjects of the store, and get their answers in their own account,
//! where no journal listens.
//!
//! [`Plan`] has the table, [`Plan::files`] the files of `config/nats/`.

mod render;
mod table;

#[cfg(test)]
mod tests;

pub use table::{Account, Grant, Role, User};

use orkestra_runtime::{Error, ErrorKind, Result};

/// The most shards that a plan is made for.
const SHARDS_MAX: u32 = 1_024;

/// A cluster for which access is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    cluster: String,
    shards: u32,
    agents: Vec<String>,
}

impl Plan {
    /// For a cluster with so many shards, and with these agents in other languages. All names are
    /// of letters, digits and `-`: an agent's name is the token that stands for it in subjects.
    pub fn new(cluster: &str, shards: u32, agents: &[&str]) -> Result<Self> {
        let is_token = |text: &str| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let invalid = |why: String| Err(Error::new(ErrorKind::Invalid, why));
        for name in agents.iter().chain(std::iter::once(&cluster)) {
            if !is_token(name) {
                return invalid(format!(
                    "{name:?} cannot stand in a subject: use up to 64 letters, digits, - and _"
                ));
            }
        }
        if !(1..=SHARDS_MAX).contains(&shards) {
            return invalid(format!("cannot plan for {shards} shards: use 1 to {SHARDS_MAX}"));
        }
        let agents = agents.iter().map(|&agent| agent.to_owned()).collect();
        Ok(Self { cluster: cluster.to_owned(), shards, agents })
    }

    /// All users: one a role, and one for each agent.
    pub fn users(&self) -> Vec<User> {
        let mut users: Vec<User> =
            Role::ALL.into_iter().map(|role| self.user(role, None)).collect();
        users.extend(self.agents.iter().map(|agent| self.user(Role::Agent, Some(agent))));
        users
    }

    /// The files of a server configuration, by name.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        vec![
            ("nats.conf", render::server(self)),
            ("access.conf", render::access(self)),
            ("README.md", render::readme(self)),
        ]
    }
}
