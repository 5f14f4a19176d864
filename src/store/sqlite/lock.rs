//! One process, one file.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::OpenError;

/// A lock beside the store's file, which names its holder; the kernel lets it go when the process ends.
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    pub(super) fn take(store: &Path) -> Result<Lock, OpenError> {
        let path = beside(store);
        let io = |source| OpenError::Io { path: path.clone(), source };
        // Its content is replaced: a link that somebody put there would lead to another file.
        let no_link = OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link);
        let mut file = options.open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: store.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Lock(file))
    }
}

/// The process that holds the lock, if it has written itself down yet.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// `<path>.lock`, beside the file itself: by whatever link it is called, there is one lock.
fn beside(store: &Path) -> PathBuf {
    // A file that is not there yet has no other name.
    let mut path = std::fs::canonicalize(store).map_or_else(|_| OsString::from(store), OsString::from);
    path.push(".lock");
    path.into()
}
