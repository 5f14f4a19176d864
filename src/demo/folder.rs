//! A folder for the demo's store.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::clock;

/// A folder of the demo's own, which goes with the demo.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("countersign-demo-{}", clock::new_id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where the store is.
    pub(super) fn store(&self) -> PathBuf {
        self.0.join("countersign.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies where the system cleans up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
