//! Upstreams that nobody uses, or whose queue nobody fills.

use std::collections::HashMap;

use super::super::Context;
use crate::config::file::UpstreamFile;
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::config::resolved::{Delivery, Inbound};

/// An upstream, and where its keys stand that mean nothing without a queue.
pub(in crate::config::resolve) struct UpstreamPlaces {
    pub(in crate::config::resolve) name: Spanned<String>,
    of_queue: Vec<(&'static str, Span)>,
}

pub(in crate::config::resolve) fn places(entry: &(Spanned<String>, Option<UpstreamFile>)) -> UpstreamPlaces {
    let (name, file) = entry;
    let of_queue = file.as_ref().map(|file| file.of_queue.clone()).unwrap_or_default();
    UpstreamPlaces { name: name.clone(), of_queue }
}

/// Upstreams that no source names, and keys of a queue that no source has.
pub(in crate::config::resolve) fn unused(
    upstreams: &[UpstreamPlaces],
    inbound: Option<&Inbound>,
    context: &mut Context<'_>,
) {
    let queued = queued(inbound);
    for UpstreamPlaces { name, of_queue } in upstreams {
        match queued.get(name.value.as_str()) {
            None => {
                let message = format!("no source uses the upstream {}", quote(&name.value));
                context.problems.warning(name.span, message, "name it in a source, or leave it out");
            }
            Some(false) => {
                for (key, at) in of_queue {
                    let message = format!("`{key}` means nothing here: no source queues events for this upstream");
                    context.problems.warning(*at, message, "write `delivery: queue` in a source, or leave it out");
                }
            }
            Some(true) => {}
        }
    }
}

/// The upstreams that sources name, and whether any of these queues.
fn queued(inbound: Option<&Inbound>) -> HashMap<&str, bool> {
    let mut queued = HashMap::new();
    for source in inbound.iter().flat_map(|inbound| &inbound.sources) {
        *queued.entry(source.upstream.name.as_ref()).or_default() |= source.delivery != Delivery::Sync;
    }
    queued
}
