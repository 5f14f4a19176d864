//! What a configuration reads beside its own text.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

/// The largest file that is read: secrets, certificates and configurations are
/// far smaller, and `/dev/zero` has no end.
pub(super) const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// Where variables, files and trusted roots come from. A trait, so that a
/// configuration can be tested without any of them.
pub trait Environment {
    /// The value of an environment variable; `None`: it is not set.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The content of a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is unreasonably large.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The certificate authorities that this system trusts; empty: it has none.
    fn roots(&self) -> Vec<CertificateDer<'static>>;

    /// How many processor cores there are.
    fn cores(&self) -> usize;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        std::fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut content)?;
        if content.len() as u64 > LARGEST_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
        }
        Ok(content)
    }

    fn roots(&self) -> Vec<CertificateDer<'static>> {
        // What it could not read is not told: the roots that remain, or the compiled-in ones, decide.
        rustls_native_certs::load_native_certs().certs
    }

    fn cores(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// An environment that holds what it was given and nothing else: for tests and demonstrations.
#[derive(Clone, Default)]
pub struct GivenEnvironment {
    variables: HashMap<String, OsString>,
    files: HashMap<PathBuf, Vec<u8>>,
}

impl GivenEnvironment {
    /// Adds a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> GivenEnvironment {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> GivenEnvironment {
        self.files.insert(path.into(), content.into());
        self
    }
}

// The names only: the values may be secrets.
impl fmt::Debug for GivenEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenEnvironment")
            .field("variables", &self.variables.keys())
            .field("files", &self.files.keys())
            .finish()
    }
}

impl Environment for GivenEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }

    fn roots(&self) -> Vec<CertificateDer<'static>> {
        Vec::new()
    }

    fn cores(&self) -> usize {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, size: u64| {
            let path = folder.path().join(name);
            std::fs::write(&path, vec![b'x'; usize::try_from(size).expect("a size")]).expect("it can be written");
            SystemEnvironment.read(&path).map(|content| content.len() as u64)
        };

        assert_eq!(file("full", LARGEST_FILE).ok(), Some(LARGEST_FILE));
        assert_eq!(file("large", LARGEST_FILE + 1).map_err(|error| error.kind()), Err(io::ErrorKind::FileTooLarge));
        assert!(SystemEnvironment.read(folder.path()).is_err(), "a folder is no file");
        assert!(SystemEnvironment.read(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn a_given_environment_does_not_show_its_values() {
        let given = GivenEnvironment::default().variable("NAME", "hunter2").file("/run/x", "hunter2");

        assert!(!format!("{given:?}").contains("hunter2"));
        assert!(format!("{given:?}").contains("NAME"));
    }
}
