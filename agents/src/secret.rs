//! Secrets by reference: a name is what travels, the value is read where it is used.
//!
//! A [`Secret`] cannot be printed, compared or written as JSON by accident; only
//! [`Secret::reveal`] shows it. What it does not promise: that the value is wiped from memory.

use std::{collections::BTreeMap, fmt, os::unix::fs::PermissionsExt as _, path::PathBuf};

use orkestra_runtime::{Error, ErrorKind, Result};

/// The longest value of a secret, in bytes.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A value that must not be seen.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into().into_boxed_str())
    }

    /// The value, for the one place that must hand it on.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

/// Where the values of secrets come from.
pub trait Secrets: Send + Sync + fmt::Debug + 'static {
    /// The value of a name, read now. No error shows a value.
    fn secret(&self, name: &str) -> Result<Secret>;
}

/// Where one secret is read from, anew at each use, so that it can be changed without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of this process's environment.
    Environment(String),
    /// A file that only its owner can read; one line break at its end is left out.
    File(PathBuf),
}

/// Secrets by name, each with its source.
impl Secrets for BTreeMap<String, SecretSource> {
    fn secret(&self, name: &str) -> Result<Secret> {
        let refused = |kind, why: String| {
            Err(Error::new(kind, format!("cannot read the secret {name:?}: {why}")))
        };
        match self.get(name) {
            None => refused(ErrorKind::NotFound, "no source is configured for it".into()),
            Some(SecretSource::Environment(variable)) => match std::env::var(variable) {
                Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
                Ok(_) => refused(ErrorKind::NotFound, format!("${variable} is empty")),
                Err(std::env::VarError::NotPresent) => {
                    refused(ErrorKind::NotFound, format!("${variable} is not set"))
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    refused(ErrorKind::Invalid, format!("${variable} is not text"))
                }
            },
            Some(SecretSource::File(path)) => read_file(path).or_else(|why| {
                refused(ErrorKind::Unavailable, format!("the file {}: {why}", path.display()))
            }),
        }
    }
}

fn read_file(path: &PathBuf) -> Result<Secret, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("others may use it (mode {mode:03o}); run `chmod 600` on it"));
    }
    if about.len() > SECRET_BYTES_MAX {
        return Err(format!("it has {} bytes, at most {SECRET_BYTES_MAX} are read", about.len()));
    }
    let mut value = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    if value.ends_with('\n') {
        value.pop();
    }
    if value.is_empty() { Err("it is empty".into()) } else { Ok(Secret::new(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with_mode(mode: u32) -> (tempfile::TempDir, BTreeMap<String, SecretSource>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "canary\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let sources = BTreeMap::from([("key".to_owned(), SecretSource::File(path))]);
        (folder, sources)
    }

    #[test]
    fn a_secret_is_read_from_its_file_and_is_not_printed() {
        let (_folder, secrets) = file_with_mode(0o600);
        let secret = secrets.secret("key").unwrap();
        assert_eq!(secret.reveal(), "canary");
        assert_eq!(format!("{secret:?}"), "Secret(not shown)");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_advice() {
        let (_folder, secrets) = file_with_mode(0o644);
        let told = secrets.secret("key").unwrap_err().to_string();
        assert!(told.contains("mode 644") && told.contains("chmod 600"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }

    #[test]
    fn a_name_without_a_source_is_not_found() {
        let error = BTreeMap::new().secret("key").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
