//! Takes up a changed configuration without dropping a request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use super::App;
use crate::clock;
use crate::config::{self, Config, Diagnostics, Environment, Report, SystemEnvironment};
use crate::telemetry::words::Reload;

impl App {
    /// Loads the file again. Whatever can fail is done before anything changes.
    pub(super) fn reload(&mut self) {
        let (loaded, files) = load(&self.path);
        let new = match loaded {
            Ok((new, report)) => {
                report.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                new
            }
            Err(errors) => {
                self.files.add(files);
                self.metrics.reload(Reload::Refused);
                return tracing::error!("the configuration was not reloaded:\n{errors}");
            }
        };
        self.files = files;
        let fixed = self.config.restart_needed(&new);
        if !fixed.is_empty() {
            self.metrics.reload(Reload::Refused);
            return tracing::error!(keys = fixed.join(", "), "the configuration was not reloaded: it needs a restart");
        }
        self.log.configure(super::format(&new), super::level(&new));
        if let (Some(side), Some(inbound)) = (&self.inbound, &new.inbound) {
            side.gateway.reload(inbound, &new.upstreams);
        }
        if let (Some(side), Some(outbound)) = (&self.outbound, &new.outbound) {
            side.gateway.reload(outbound);
        }
        if let Some(delivering) = &self.delivering {
            delivering.reload(&new);
        }
        self.view.set(&new);
        if let (Some(token), Some(admin)) = (&self.token, &new.admin) {
            token.set(admin.token.clone());
        }
        self.view.set(&new);
        self.metrics.reload(Reload::Applied);
        self.config = new;
        tracing::info!("the configuration was reloaded");
    }
}

/// Loads a configuration, and tells which files it was made of.
pub(super) fn load(path: &Path) -> (Result<(Config, Report), Diagnostics>, Files) {
    let watching = Watching::default();
    let loaded = config::load(path, &watching, clock::now());
    (loaded, Files { seen: watching.read.into_inner() })
}

/// The system's environment, which remembers what each file was just before it was
/// read: one that changes while it is being read has changed at the next look.
#[derive(Default)]
struct Watching {
    read: RefCell<HashMap<PathBuf, Option<Stamp>>>,
}

impl Environment for Watching {
    fn variable(&self, name: &str) -> Option<OsString> {
        SystemEnvironment.variable(name)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read.borrow_mut().entry(path.to_owned()).or_insert_with(|| stamp(path));
        SystemEnvironment.read(path)
    }

    fn roots(&self) -> Vec<CertificateDer<'static>> {
        SystemEnvironment.roots()
    }

    fn cores(&self) -> usize {
        SystemEnvironment.cores()
    }
}

/// The files that a configuration was made of, as they were when it was loaded.
pub(super) struct Files {
    seen: HashMap<PathBuf, Option<Stamp>>,
}

/// What changes when a file, or a link to it, is replaced or written.
#[derive(PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Files {
    /// Looks at those of a mistaken configuration too: what it lacks may come.
    fn add(&mut self, files: Files) {
        self.seen.extend(files.seen);
    }

    /// Whether a file is another one than at the last look.
    pub(super) fn changed(&mut self) -> bool {
        let mut changed = false;
        for (path, seen) in &mut self.seen {
            let found = stamp(path);
            changed |= found != *seen;
            *seen = found;
        }
        changed
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    let modified = (found.mtime(), found.mtime_nsec());
    Some(Stamp { device: found.dev(), inode: found.ino(), size: found.len(), modified })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_points_elsewhere_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second, link) = (folder.path().join("1"), folder.path().join("2"), folder.path().join("link"));
        fs::write(&first, "a").unwrap();
        fs::write(&second, "a").unwrap();
        std::os::unix::fs::symlink(&first, &link).unwrap();
        let mut files = Files { seen: HashMap::from([(link.clone(), stamp(&link))]) };

        assert!(!files.changed());
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&second, &link).unwrap();
        assert!(files.changed());
        assert!(!files.changed());
    }
    #[test]
    fn a_file_that_changes_after_it_was_read_is_seen_to_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("countersign.yaml");
        fs::write(&path, "inbound: {}").unwrap();

        let (_, mut files) = load(&path);
        fs::write(&path, "inbound: {} # changed").unwrap();

        assert!(files.changed());
        assert!(!files.changed());
    }

    #[test]
    fn what_a_mistaken_configuration_named_is_looked_at_too() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let seen = |path: &Path| Files { seen: HashMap::from([(path.to_owned(), stamp(path))]) };
        let mut files = seen(&old);

        files.add(seen(&new));
        fs::write(&new, "a").unwrap();

        assert!(files.changed());
    }
}
