//! Where deliveries are remembered, and what is kept of them.

use std::path::PathBuf;
use std::time::Duration;

use crate::scheme::Pointer;

/// Where deliveries are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// In memory: a restart forgets them.
    Memory,
    /// In memory, and in a SQLite file.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What is kept of deliveries that are over, and what is shown of them.
        keep: Keep,
    },
}

/// What is kept of deliveries that are over, and what is shown of them.
///
/// What was not delivered is never let go: only an operator discards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What stays of the bodies of what was delivered.
    pub bodies: KeptBodies,
    /// How long what was delivered, or discarded, stays.
    pub age: Duration,
    /// How many bytes all deliveries may take; over it, the oldest that are over go first. `None`: any.
    pub size: Option<u64>,
    /// What is not shown of bodies: pointers into JSON.
    pub mask: Vec<Pointer>,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { bodies: KeptBodies::Full, age: Duration::from_secs(30 * 86_400), size: None, mask: Vec::new() }
    }
}

/// What stays of the bodies of what was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptBodies {
    /// Their SHA-256 and length.
    Digest,
    /// All of them.
    Full,
}
