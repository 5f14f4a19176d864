//! Where deliveries are remembered, and whether that outlives the process.

use super::Context;
use crate::config::file::{StoreFile, StoreKind};
use crate::config::node::Span;
use crate::config::resolved::{Keep, StoreConfig};

/// Whether a store outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// It does, or nobody could find out.
    Lasting,
    Memory,
}

impl Durability {
    /// `written`: whether the file has a store, readable or not.
    pub(super) fn of(store: Option<&StoreFile>, written: bool) -> Durability {
        match store {
            Some(StoreFile { kind: Some(StoreKind::Memory), .. }) => Durability::Memory,
            None if !written => Durability::Memory,
            _ => Durability::Lasting,
        }
    }

    /// Refuses a queue that a restart would empty.
    pub(super) fn check(self, at: Span, context: &mut Context<'_>) {
        if self == Durability::Memory {
            let label = "add `store: {sqlite: {path: …}}`, or say `delivery: sync`";
            context.problems.error(at, "a queue in memory would lose events that were acknowledged", label);
        }
    }
}

pub(super) fn store(file: Option<StoreFile>, top: Span, context: &mut Context<'_>) -> Option<StoreConfig> {
    let Some(file) = file else {
        let label = "add `store: {sqlite: {path: …}}`, or say `store: {memory: {}}`";
        context.problems.warning(top, "without `store`, a restart forgets which deliveries were seen", label);
        return Some(StoreConfig::Memory);
    };
    match file.kind? {
        StoreKind::Memory => {
            for (key, at) in file.keep {
                let message = format!("`{key}` means nothing for the memory store");
                context.problems.error(at, message, "leave it out: deliveries are kept in a file only");
            }
            Some(StoreConfig::Memory)
        }
        StoreKind::Sqlite { path } => {
            let usual = Keep::default();
            let keep = Keep {
                bodies: file.bodies.unwrap_or(usual.bodies),
                age: file.retention.age.unwrap_or(usual.age),
                size: file.retention.size.map(|size| size.0 as u64),
                mask: file.mask.unwrap_or_default(),
            };
            Some(StoreConfig::Sqlite { path: path?.0, keep })
        }
    }
}
