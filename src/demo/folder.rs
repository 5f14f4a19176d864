//! A folder for the demo's store.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::clock;

/// Where the container image lets the gateway write.
const OF_THE_IMAGE: &str = "/data";

/// A folder of the demo's own, which goes with the demo.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it where there is room: not every machine has a folder for what is temporary, an empty container for one.
    pub(super) fn new() -> io::Result<Self> {
        let name = format!("countersign-demo-{}", clock::new_id());
        let places = [std::env::temp_dir(), PathBuf::from("."), PathBuf::from(OF_THE_IMAGE)];
        let mut refused = io::Error::from(io::ErrorKind::NotFound);
        for path in places.map(|place| place.join(&name)) {
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
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
