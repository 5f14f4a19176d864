//! Whether the files are still where they were.
//!
//! A file that somebody deletes, or puts another in the place of, takes what is written
//! to it as long as it is open. A restart finds nothing of that: it must not be
//! acknowledged. SQLite looks at this itself only where it has no write-ahead log.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::ffi;

/// Device and number of a file.
type Identity = (u64, u64);

/// The files that a store has open, by their names.
pub(super) struct Whereabouts {
    database: (PathBuf, Identity),
    log: (PathBuf, Identity),
}

impl Whereabouts {
    /// Notes the files of a store that was just opened. SQLite puts its log beside the file itself, whatever link
    /// leads there.
    pub(super) fn of(path: &Path) -> io::Result<Whereabouts> {
        let mut log = fs::canonicalize(path)?.into_os_string();
        log.push("-wal");
        let log = PathBuf::from(log);
        Ok(Whereabouts { database: (path.to_owned(), identity(path)?), log: (log.clone(), identity(&log)?) })
    }

    /// # Errors
    ///
    /// If one of the names does not lead to the file any more.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        let is_there = |(path, known): &(PathBuf, Identity)| identity(path).is_ok_and(|found| found == *known);
        if is_there(&self.database) && is_there(&self.log) {
            return Ok(());
        }
        let what = "the file was moved, deleted or replaced while it was in use".to_owned();
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), Some(what)))
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}
