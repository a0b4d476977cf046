//! Where a program is.

use std::{
    env,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Finds a program on `PATH`, or takes it as a path when its name has a slash. An error is a
/// sentence for a person.
pub(super) fn find(program: &str) -> Result<PathBuf, String> {
    if program.contains('/') {
        return std::path::absolute(program)
            .ok()
            .filter(|path| is_program(path))
            .ok_or_else(|| format!("{program:?} is not a program that can be run"));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|path| is_program(path))
        .ok_or_else(|| {
            format!(
                "program {program:?} is not on PATH; install it or name it by its path, and start \
                 the node again if PATH has changed"
            )
        })
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}
