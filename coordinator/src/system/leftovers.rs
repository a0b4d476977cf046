//! What a process that was killed leaves in its folder.

use std::{fs, path::Path};

/// Removes what attempts of earlier boots left below the folder of a node.
pub(crate) async fn sweep(folder: &Path, boot: u64) {
    let attempts = folder.join("attempts");
    // What could not be removed was told of, and does no harm.
    let _ = tokio::task::spawn_blocking(move || remove_dead_attempts(&attempts, boot)).await;
}

/// Removes the folders of attempts of earlier boots: nobody works in them any more. Blocks; what
/// cannot be removed is told of and stays. Answers how many were removed.
fn remove_dead_attempts(attempts: &Path, boot: u64) -> u64 {
    let Ok(entries) = fs::read_dir(attempts) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten() {
        let path = entry.path();
        // The name of an agent may have several parts; a link leads to what is not ours.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        match boot_of(&entry.file_name().to_string_lossy()) {
            Some(its) if its < boot => match fs::remove_dir_all(&path) {
                Ok(()) => removed += 1,
                Err(error) => {
                    tracing::warn!(folder = %path.display(), %error, "folder of a dead attempt stays");
                }
            },
            Some(_) => {}
            None => {
                removed += remove_dead_attempts(&path, boot);
                // One that holds something still stays.
                let _ = fs::remove_dir(&path);
            }
        }
    }
    removed
}

/// The boot in which an attempt's folder of this name (`life-task-attempt`) was made; none if it is
/// none.
fn boot_of(name: &str) -> Option<u64> {
    let mut parts = name.split('-').map(|part| part.parse::<u64>().ok());
    let (life, task, attempt) = (parts.next()??, parts.next()?, parts.next()?);
    (task.is_some() && attempt.is_some() && parts.next().is_none()).then_some(life >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_lives_left_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let boot = |boot: u64| (boot << 32) | 7;
        let dead = format!("git/{}-12-1", boot(2));
        let alive = format!("git/{}-12-2", boot(3));
        let nested = format!("tools/lint:rust/{}-5-1", boot(1));
        for folder in [&dead, &alive, &nested, &"my-notes/2026-11-21-a".to_owned()] {
            fs::create_dir_all(home.path().join(folder).join("deep")).unwrap();
            fs::write(home.path().join(folder).join("file"), "text").unwrap();
        }
        assert_eq!(remove_dead_attempts(home.path(), 3), 2);
        assert!(home.path().join(&alive).join("file").exists());
        assert!(home.path().join("my-notes/2026-11-21-a/file").exists());
        assert!(!home.path().join(&dead).exists());
        assert!(!home.path().join("tools").exists());
        assert_eq!(remove_dead_attempts(&home.path().join("nowhere"), 3), 0);
    }
}
