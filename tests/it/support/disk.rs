//! A disk that loses what was not synced, and fails when the test says so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use fastrand::Rng;

use super::undo::{Loss, undo};

/// The folder of a store, as tests/crash/unsynced.c watches it.
pub(crate) struct Disk {
    watched: PathBuf,
    logs: PathBuf,
    library: PathBuf,
}

impl Disk {
    /// Watches a folder, with what that takes beside it in `around`. `None`: there is no C compiler here.
    ///
    /// With `COUNTERSIGN_REQUIRE_ALL=1` that is a failure.
    pub(crate) fn watching(watched: &Path, around: &Path) -> Option<Disk> {
        let library = compiled("unsynced.c", &around.join("unsynced.so"), &["-shared", "-fPIC"])?;
        let logs = around.join("unsynced");
        fs::create_dir(&logs).unwrap();
        Some(Disk { watched: watched.to_owned(), logs, library })
    }

    /// What a process needs in its environment to use this disk.
    pub(crate) fn variables(&self) -> [(&'static str, &Path); 3] {
        [("LD_PRELOAD", &self.library), ("UNSYNCED_FOLDER", &self.watched), ("UNSYNCED_LOGS", &self.logs)]
    }

    /// Loses what was not synced, and says how many sectors that were; whoever used the disk has been killed.
    pub(crate) fn lose(&self, loss: Loss, rng: &mut Rng) -> usize {
        let is_lying = self.logs.join("lie").exists();
        let sectors = undo(&self.watched, &self.logs, loss, rng);
        for entry in fs::read_dir(&self.watched).into_iter().flatten() {
            let path = entry.unwrap().path();
            // Shared memory does not outlive the machine.
            if path.to_str().unwrap().ends_with("-shm") {
                fs::remove_file(path).unwrap();
            }
        }
        if is_lying {
            self.lie();
        }
        sectors
    }

    /// Kills whoever uses the disk before its change or sync with this number, from 1.
    pub(crate) fn kill_at(&self, step: u32) {
        self.ask("kill-at", &step.to_string());
    }

    /// Lets the next sync of a file fail, and loses what it should have written.
    pub(crate) fn fail_next_sync(&self, name: &str) {
        self.ask("fail-sync", name);
    }

    fn ask(&self, fault: &str, text: &str) {
        fs::write(self.logs.join("new"), text).unwrap();
        fs::rename(self.logs.join("new"), self.logs.join(fault)).unwrap();
    }

    /// Whether a sync that was to fail has failed.
    pub(crate) fn has_failed(&self) -> bool {
        !self.logs.join("fail-sync").exists()
    }

    /// Has no space left for anything.
    pub(crate) fn fill(&self) {
        fs::write(self.logs.join("full"), "").unwrap();
    }

    /// Has space again.
    pub(crate) fn free(&self) {
        fs::remove_file(self.logs.join("full")).unwrap();
    }

    /// Says of each sync that it succeeded, and does nothing.
    pub(crate) fn lie(&self) {
        fs::write(self.logs.join("lie"), "").unwrap();
    }
}

/// Compiles a file of tests/crash.
pub(crate) fn compiled(source: &str, to: &Path, options: &[&str]) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash").join(source);
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let done = Command::new(&compiler).args(["-O1", "-Wall", "-o"]).arg(to).arg(source).args(options).status();
    match done {
        Ok(status) => assert!(status.success(), "{compiler} does not compile it"),
        Err(error) => {
            assert!(env::var("COUNTERSIGN_REQUIRE_ALL").as_deref() != Ok("1"), "{compiler}: {error}");
            println!("not run: a disk that loses what was not synced: {compiler}: {error}");
            return None;
        }
    }
    Some(to.to_owned())
}
