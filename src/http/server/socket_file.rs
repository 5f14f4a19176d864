//! The file that a Unix socket is reached by.
//!
//! It outlives a process that was killed, and then nobody listens behind it. Such a
//! one is taken over; one behind which somebody listens is not. Whoever looks and
//! takes holds a lock on the folder meanwhile: of two processes that start at the
//! same time, neither takes the other's for a dead one.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::listen::BACKLOG;

/// To connect is to write: its owner may, and its group.
const MODE: u32 = 0o660;

/// The file of a socket that is ours. It is removed when this is dropped, unless another has taken its place.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

/// Listens behind this file.
///
/// # Errors
///
/// If somebody else does, or something else is there.
pub(super) fn take(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let _alone = alone(path)?;
    clear(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
    // Before anybody can connect.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    Ok((socket.into(), file))
}

/// Holds the folder for as long as the value lives.
fn alone(path: &Path) -> io::Result<File> {
    let folder = File::open(path.parent().unwrap_or(Path::new("/"))).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "its folder is not there: make it first"),
        _ => error,
    })?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(in_use("another process is taking a socket in its folder")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes what a dead process has left.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file, and it is not a socket"));
        }
        Ok(_) => {}
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // With a full queue it would block.
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(in_use("another process listens there")),
    }
}

fn in_use(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, why)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // Where it cannot be removed, the next one that listens here takes it over.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.sock");
        (folder, path)
    }

    #[test]
    fn a_socket_is_for_its_owner_and_group_and_is_gone_with_its_holder() {
        let (_folder, path) = place();

        let (_socket, file) = take(&path).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        UnixStream::connect(&path).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_process_left_is_taken_over() {
        let (_folder, path) = place();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());

        let (_socket, _file) = take(&path).unwrap();

        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn where_somebody_listens_nothing_is_taken() {
        let (_folder, path) = place();
        let (socket, _file) = take(&path).unwrap();

        let refused = take(&path).map(drop).unwrap_err();

        assert_eq!(refused.to_string(), "another process listens there");
        UnixStream::connect(&path).unwrap();
        drop(socket);
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let (_folder, path) = place();
        fs::write(&path, "precious").unwrap();

        let refused = take(&path).map(drop).unwrap_err();

        assert_eq!(refused.to_string(), "there is a file, and it is not a socket");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn while_another_takes_a_socket_in_the_folder_none_is_taken() {
        let (folder, path) = place();
        let other = File::open(folder.path()).unwrap();
        other.lock().unwrap();

        assert_eq!(take(&path).map(drop).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(other);
        take(&path).map(drop).unwrap();
    }

    #[test]
    fn the_socket_of_another_that_took_the_place_is_not_removed() {
        let (folder, path) = place();
        let (_old, file) = take(&path).unwrap();
        // The other one is made first, as an inode that is free may be given again.
        let beside = folder.path().join("new.sock");
        let _new = UnixListener::bind(&beside).unwrap();
        fs::rename(&beside, &path).unwrap();

        drop(file);

        UnixStream::connect(&path).unwrap();
    }
}
