//! A git repository that is made by a test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A git repository in a folder.
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// One with these files, committed.
    pub(crate) fn with<T: AsRef<[u8]>>(folder: &Path, files: &[(&str, T)]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let repository = Self { folder: folder.to_owned() };
        repository.git(&["init", "-q", "-b", "main"]);
        for (path, text) in files {
            repository.write(path, text.as_ref());
        }
        repository.commit();
        repository
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
    }

    /// Runs git, as somebody who always has the same name and no settings.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .current_dir(&self.folder)
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@localhost"])
            .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
            .args(arguments)
            .env("GIT_AUTHOR_DATE", "1600000000 +0000")
            .env("GIT_COMMITTER_DATE", "1600000000 +0000")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {talk}");
    }
}
