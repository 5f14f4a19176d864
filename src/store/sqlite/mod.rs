//! A file that remembers.
//!
//! SQLite in WAL mode, synced on every commit. One thread writes, others read; nothing
//! else touches the file while the process runs, except an operator who looks at it. The
//! lock beside it keeps a second process out.
//!
//! What somebody waits for is an operation (`operation.rs`): those that are there at one
//! moment share a transaction. `accept.rs`, `record.rs` and `change.rs` say what is done
//! in it, `books.rs` holds what follows in memory: counts, and who has leased what.

mod accept;
mod books;
mod change;
mod counts;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod lease;
mod ledger;
mod list;
mod load;
mod lock;
mod operation;
mod read;
mod record;
mod retain;
mod rewrite;
mod rows;
mod schema;
mod show;
#[cfg(test)]
mod tests;
mod twice;
mod whereabouts;
mod writer;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

pub(super) use ledger::SqliteLedger;
pub(super) use load::{load, load_books, next_row};
use lock::Lock;
pub(super) use operation::Operation;
pub(super) use read::Readers;
pub(super) use retain::Retention;
use schema::{MIGRATIONS, Owner};
use whereabouts::Whereabouts;
pub(super) use writer::Writer;

/// How long somebody else may hold the file, an operator's `sqlite3` for one.
const BUSY: Duration = Duration::from_secs(1);

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its pages contradict each other.
    #[error("the store {} is damaged", path.display())]
    Corrupt {
        /// The store's file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It is a database, but not one of ours.
    #[error("{} is the database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("the store {} is in use{}", path.display(), by(*holder))]
    InUse {
        /// The store's file.
        path: PathBuf,
        /// The process that has it.
        holder: Option<u32>,
    },
    /// The file system refuses.
    #[error("the store's file {} cannot be used", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody keeps it locked.
    #[error("the store {} is locked by another program", path.display())]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A later version of this program wrote it.
    #[error("the store {} has format {found}, this version knows formats up to {known}", path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// Its format.
        found: usize,
        /// The latest that this program knows.
        known: usize,
    },
    /// It is no database at all.
    #[error("{} is not a database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It, or the disk, may not be written to.
    #[error("the store {} cannot be written to", path.display())]
    ReadOnly {
        /// The store's file.
        path: PathBuf,
        /// What SQLite says.
        source: Option<rusqlite::Error>,
    },
    /// SQLite refuses for another reason.
    #[error("the store {} cannot be opened", path.display())]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

fn by(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by process {holder}"))
}

impl OpenError {
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> OpenError {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked { path, source },
            Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt { path, source },
            Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path, source },
            Some(ErrorCode::ReadOnly) => OpenError::ReadOnly { path, source: Some(source) },
            _ => OpenError::Sqlite { path, source },
        }
    }
}

/// A store's file, opened and locked.
pub(super) struct StoreFile {
    // Closed before the lock is let go.
    pub(super) connection: Connection,
    whereabouts: Whereabouts,
    _lock: Lock,
}

/// Opens the file, makes it if there is none, and brings it to the format of this version.
pub(super) fn open(path: &Path) -> Result<StoreFile, OpenError> {
    prepare_folder(path)?;
    let lock = Lock::take(path)?;
    prepare_file(path)?;
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    rewrite::rewrite(path).map_err(io)?;
    let connection = connect(path)?;
    let whereabouts = Whereabouts::of(path).map_err(io)?;
    Ok(StoreFile { connection, whereabouts, _lock: lock })
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |source| OpenError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection.busy_timeout(BUSY).map_err(sqlite)?;
    let version = match schema::owner(&connection).map_err(sqlite)? {
        Owner::Nobody => 0,
        Owner::Us(found) if found > MIGRATIONS.len() => {
            return Err(OpenError::Newer { path: path.to_owned(), found, known: MIGRATIONS.len() });
        }
        Owner::Us(version) => version,
        Owner::Other => return Err(OpenError::Foreign { path: path.to_owned() }),
    };
    if connection.is_readonly(MAIN_DB).map_err(sqlite)? {
        return Err(OpenError::ReadOnly { path: path.to_owned(), source: None });
    }
    // Not before it is known whose it is: a wrong path must not close another program's file.
    close_to_others(path)?;
    tune(&connection).map_err(sqlite)?;
    schema::migrate(&mut connection, version).map_err(sqlite)?;
    Ok(connection)
}

/// See <https://sqlite.org/wal.html> and <https://sqlite.org/pragma.html>.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -4096)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn prepare_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let io = |source| OpenError::Io { path: folder.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    sync_names(folder);
    Ok(())
}

/// Puts the names that lead to a folder on disk: without them, what is synced in it cannot be found.
///
/// As far as the file system can, and where these folders may be read; SQLite does no more for its own.
fn sync_names(folder: &Path) {
    for around in folder.ancestors().skip(1) {
        let around = if around.as_os_str().is_empty() { Path::new(".") } else { around };
        let _ = File::open(around).and_then(|around| around.sync_all());
    }
}

/// Makes the file, for its owner only; SQLite gives the files beside it the same permissions.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(OpenError::Io { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Leaves the file, and what SQLite has put beside it, to its owner only.
fn close_to_others(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    // SQLite's names for them follow links.
    let whole = fs::canonicalize(path).map_err(io)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut name = whole.clone().into_os_string();
        name.push(suffix);
        let mode = match fs::metadata(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found.map_err(io)?.permissions().mode(),
        };
        if mode & 0o077 != 0 {
            fs::set_permissions(&name, Permissions::from_mode(mode & 0o700)).map_err(io)?;
        }
    }
    Ok(())
}
