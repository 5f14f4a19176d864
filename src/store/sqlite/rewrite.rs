//! What is on disk, and what only seems to be.
//!
//! After a sync that failed, Linux keeps the pages in memory as if they were written: a
//! process that starts then reads them, no later sync writes them, and with the power
//! they are gone (<https://lwn.net/Articles/752063/>). Behind such a gap SQLite's log
//! ends, and with it everything that was acknowledged since. So the log is written
//! again, as it reads, before SQLite opens it.
//!
//! The database itself needs nothing: a checkpoint whose sync failed is made again, as a
//! whole, from the log.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much is in memory at once, in bytes.
const PIECE: usize = 1 << 20;

/// Writes the log beside the store's file again and syncs it, if there is one.
pub(super) fn rewrite(store: &Path) -> io::Result<()> {
    // SQLite's name for it follows links.
    let mut path = OsString::from(fs::canonicalize(store)?);
    path.push("-wal");
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(log) => rewrite_file(&log),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn rewrite_file(file: &File) -> io::Result<()> {
    let (mut piece, mut at) = (vec![0; PIECE], 0);
    loop {
        let count = file.read_at(&mut piece, at)?;
        if count == 0 {
            return file.sync_all();
        }
        file.write_all_at(&piece[..count], at)?;
        at += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_reads_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let (store, log) = (folder.path().join("store.db"), folder.path().join("store.db-wal"));
        let content: Vec<u8> = (0..PIECE + 12_345).map(|at| (at % 251) as u8).collect();
        fs::write(&store, "").unwrap();
        fs::write(&log, &content).unwrap();

        rewrite(&store).unwrap();

        assert!(fs::read(log).unwrap() == content);
    }

    #[test]
    fn a_store_without_a_log_needs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        fs::write(&store, "").unwrap();

        rewrite(&store).unwrap();

        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
