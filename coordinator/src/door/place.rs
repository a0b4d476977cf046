//! Where the socket of a folder is: found alike by both sides, from the folder alone.
//!
//! It is in the folder itself. The path of a socket has a short limit, so for a folder with a long
//! path it is in a folder of the user's own, below the first base that will do, under a name that
//! is a hash of the path.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use orkestra_runtime::{Error, ErrorKind, Result};
use sha2::{Digest as _, Sha256};

/// The name of the socket in its folder.
const SOCKET: &str = "control.sock";
/// Some systems take 104 bytes, with a zero at the end.
const PATH_BYTES_MAX: usize = 100;

/// A place for a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The path of the socket.
    pub(super) socket: PathBuf,
    /// The folder that is made for sockets, if it is not beside the data.
    pub(super) apart: Option<PathBuf>,
}

/// Below what sockets may be that do not fit beside their data, best first.
pub(super) fn bases() -> Vec<PathBuf> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let mut bases: Vec<PathBuf> = runtime_dir.into_iter().collect();
    bases.extend([std::env::temp_dir(), PathBuf::from("/tmp")]);
    bases.retain(|base| base.is_absolute());
    bases.dedup();
    bases
}

/// The places for the socket of a folder, best first; the folder must be there.
pub(super) fn places(data_dir: &Path, bases: &[PathBuf]) -> Result<Vec<Place>> {
    let failed = |error| {
        let message = format!("cannot find the folder {}", data_dir.display());
        Error::new(ErrorKind::Io, message).because(error)
    };
    let dir = data_dir.canonicalize().map_err(failed)?;
    let beside = dir.join(SOCKET);
    if fits(&beside) {
        return Ok(vec![Place { socket: beside, apart: None }]);
    }
    let owner = fs::metadata(&dir).map_err(failed)?.uid();
    let hash = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    let mut name = format!("{hash:x}");
    name.truncate(32);
    let places = bases.iter().map(|base| {
        let apart = base.join(format!("orkestra-{owner}"));
        Place { socket: apart.join(format!("{name}.sock")), apart: Some(apart) }
    });
    let places: Vec<Place> = places.filter(|place| fits(&place.socket)).collect();
    if places.is_empty() {
        let message = format!(
            "the path of {} is too long for a socket, and so are those of XDG_RUNTIME_DIR and of \
             the folder for temporary files",
            dir.display()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(places)
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= PATH_BYTES_MAX
}

impl Place {
    /// Makes the folder of the socket, if it has one apart, and refuses one that others can write.
    pub(super) fn prepare(&self) -> Result<()> {
        let Some(apart) = &self.apart else { return Ok(()) };
        let failed = |error| {
            let message = format!("cannot use {} for sockets", apart.display());
            Error::new(ErrorKind::Io, message).because(error)
        };
        match fs::DirBuilder::new().mode(0o700).create(apart) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let found = fs::symlink_metadata(apart).map_err(failed)?;
        let is_ours = found.uid() == rustix::process::geteuid().as_raw();
        if found.is_dir() && is_ours && found.mode() & 0o777 == 0o700 {
            return Ok(());
        }
        let message = format!(
            "cannot use {} for sockets: it is not a folder that only you can enter; remove it",
            apart.display()
        );
        Err(Error::new(ErrorKind::Conflict, message))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn long(within: &Path) -> PathBuf {
        let dir = within.join("d".repeat(90));
        fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn a_socket_is_beside_its_data() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("data")).unwrap();
        let through = home.path().join("data/../data");
        let socket = home.path().canonicalize().unwrap().join("data/control.sock");
        assert_eq!(places(&through, &[]).unwrap(), [Place { socket, apart: None }]);
        assert_eq!(places(&home.path().join("no"), &[]).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn a_long_path_has_a_short_one_that_both_sides_find() {
        let (home, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dir = long(home.path());
        let too_long = home.path().join("b".repeat(90));
        let bases = [too_long.clone(), base.path().to_owned(), home.path().to_owned()];
        let found = places(&dir, &bases).unwrap();
        assert_eq!(found, places(&dir.join("."), &bases).unwrap());
        assert_eq!(found.len(), 2);
        let name = found[0].socket.file_name().unwrap().to_str().unwrap();
        let (hash, ending) = name.split_once('.').unwrap();
        assert_eq!((hash.len(), ending), (32, "sock"));
        assert_eq!(found[0].socket.parent(), found[0].apart.as_deref());
        let refused = places(&dir, &[too_long]).unwrap_err();
        assert!(refused.to_string().contains("is too long for a socket"), "{refused}");
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let (home, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let found = places(&long(home.path()), &[base.path().to_owned()]).unwrap();
        let apart = found[0].apart.clone().unwrap();
        found[0].prepare().unwrap();
        assert_eq!(fs::metadata(&apart).unwrap().mode() & 0o777, 0o700);
        found[0].prepare().unwrap();
        fs::set_permissions(&apart, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(found[0].prepare().unwrap_err().kind(), ErrorKind::Conflict);

        fs::remove_dir(&apart).unwrap();
        std::os::unix::fs::symlink(home.path(), &apart).unwrap();
        assert_eq!(found[0].prepare().unwrap_err().kind(), ErrorKind::Conflict);
    }
}
