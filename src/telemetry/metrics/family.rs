//! The names of all metrics, and what they say.

/// A metric's name, and its line of help.
pub(super) struct Family(pub(super) &'static str, pub(super) &'static str);

macro_rules! families {
    ($($family:ident: $name:literal, $help:literal;)+) => {
        $(pub(super) const $family: Family = Family($name, $help);)+

        /// All of them.
        pub(super) const ALL: &[Family] = &[$($family,)+];
    };
}

families! {
    ATTEMPTS: "countersign_attempts_total", "Attempts to deliver from the queue, by what became of them.";
    ATTEMPT_DURATION: "countersign_attempt_duration_seconds", "How long attempts to deliver from the queue took.";
    BODY_BYTES: "countersign_body_bytes_in_use", "Bytes of inbound bodies that are held.";
    BUILD: "countersign_build_info", "Always 1; the version is a label.";
    CONNECTIONS: "countersign_inbound_connections", "Inbound connections that are open.";
    DEDUP_ANSWER_BYTES: "countersign_dedup_answer_bytes", "Bytes of answers kept for duplicates.";
    DEDUP_CONFLICTS: "countersign_dedup_conflicts_total", "Known event ids that came with another body.";
    DEDUP_ENTRIES: "countersign_dedup_entries", "Delivered events that are remembered.";
    DEDUP_EVICTIONS: "countersign_dedup_evictions_total",
        "Delivered events forgotten before their window was over, because there were too many.";
    DEDUP_IN_FLIGHT: "countersign_dedup_in_flight", "Events that are being delivered.";
    DELIVERIES: "countersign_inbound_deliveries_total", "Inbound requests to a source, by what became of them.";
    INBOUND_DURATION: "countersign_inbound_duration_seconds",
        "From the head of an inbound request to the end of its answer.";
    LOG_DROPPED: "countersign_log_lines_dropped_total", "Log lines dropped because nothing took them in time.";
    OUTBOUND_BODY_BYTES: "countersign_outbound_body_bytes_in_use", "Bytes of bodies from the app that are held.";
    OUTBOUND_CONNECTIONS: "countersign_outbound_connections", "Connections from the app that are open.";
    OUTBOUND_REQUESTS: "countersign_outbound_requests_total", "Requests of the app, by what became of them.";
    QUEUE_DELIVERIES: "countersign_queue_deliveries", "Deliveries in the queue, by what they wait for.";
    QUEUE_OLDEST: "countersign_queue_oldest_seconds",
        "How long ago the longest waiting delivery was accepted; 0 where none waits.";
    REJECTIONS: "countersign_inbound_rejections_total", "Inbound requests to a source that were refused, by reason.";
    RELOADS: "countersign_config_reloads_total", "Reloads of the configuration.";
    STORE_FAILURES: "countersign_store_write_failures_total", "Transactions of the store that failed.";
    STORE_HEALTHY: "countersign_store_healthy", "1 where the store can be written, else 0.";
    STORE_UNWRITTEN: "countersign_store_unwritten_total",
        "Delivered events that the store could not take; a restart forgets them.";
    STORE_WRITTEN: "countersign_store_written_total", "Delivered events written to the store.";
    TARGET_OPEN: "countersign_target_open", "1 while the target seems to be down, and only one attempt at a time is made.";
    UNROUTED: "countersign_inbound_unrouted_total",
        "Inbound requests that were for no source, or had no head that could be read.";
    UPSTREAM_DURATION: "countersign_upstream_duration_seconds",
        "From sending a request to an upstream to the end of its answer.";
    VERIFIED: "countersign_verified_total", "Verified inbound requests, by the secret that matched.";
}
