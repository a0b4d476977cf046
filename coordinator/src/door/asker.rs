//! Who asks, for the record.

use std::{fmt, path::Path};

use orkestra_runtime::{Error, ErrorKind, Result, id::AgentId};

/// Where names of users stand.
const USERS: &str = "/etc/passwd";

/// Who asks: the user as the kernel knows it, and whom it says it speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    uid: u32,
    user: Option<String>,
    name: Option<AgentId>,
}

impl Asker {
    /// The user of a number.
    pub(crate) async fn of_uid(uid: u32) -> Self {
        let users = tokio::fs::read_to_string(Path::new(USERS)).await.unwrap_or_default();
        Self { uid, user: user_of(&users, uid), name: None }
    }

    /// The user of this process.
    pub(crate) async fn of_process() -> Self {
        Self::of_uid(rustix::process::geteuid().as_raw()).await
    }

    /// The person who asks: the name that was given, or else that of the user.
    pub(crate) fn person(&self) -> Result<AgentId> {
        let named = || AgentId::new(self.user.as_deref()?).ok();
        self.name.clone().or_else(named).ok_or_else(|| {
            let message = format!("the user of uid {} has no name: say who decides", self.uid);
            Error::new(ErrorKind::Invalid, message)
        })
    }

    /// The account through which somebody asks, whomever it speaks for.
    pub(crate) fn account(&self) -> String {
        Self { name: None, ..self.clone() }.to_string()
    }

    /// The same user, speaking for somebody.
    #[must_use]
    pub(crate) fn speaking_for(mut self, name: Option<AgentId>) -> Self {
        self.name = name;
        self
    }
}

/// `ada (uid 1000)`, and `grace, asked by ada (uid 1000)` where a name was given.
impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}, asked by ")?;
        }
        match &self.user {
            Some(user) => write!(f, "{user} (uid {})", self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

fn user_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (user, number) = (fields.next()?, fields.nth(1)?);
        let is_plain = user.chars().all(|c| c.is_ascii_graphic()) && (1..=64).contains(&user.len());
        (is_plain && number.parse() == Ok(uid)).then(|| user.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_number_and_perhaps_names() {
        let users = "root:x:0:0::/:/bin/sh\nbroken\nada:x:1000:1000:Ada:/home/ada:/bin/sh\n";
        let asker = |uid| Asker { uid, user: user_of(users, uid), name: None };
        assert_eq!(asker(1000).to_string(), "ada (uid 1000)");
        assert_eq!(asker(77).to_string(), "uid 77");
        let grace = asker(0).speaking_for(Some(AgentId::new("grace").unwrap()));
        assert_eq!(grace.to_string(), "grace, asked by root (uid 0)");
        assert_eq!(grace.account(), "root (uid 0)");
        assert_eq!(grace.person().unwrap().as_str(), "grace");
        assert_eq!(asker(1000).person().unwrap().as_str(), "ada");
        assert_eq!(asker(77).person().unwrap_err().kind(), ErrorKind::Invalid);
    }
}
