//! The gateway, tested through real sockets: the real binary between a sender and
//! an app that the test controls.

mod support;

mod api;
mod check;
mod cli;
mod crash;
mod crash_disk;
mod crash_faults;
mod dedup;
mod deliveries;
mod delivery;
mod demo;
mod docs;
mod drain;
mod egress;
mod examples;
mod fairness;
mod forward;
mod hostile;
mod http2;
mod http2_hostile;
mod limits;
mod observed;
mod operating;
mod outbound;
mod outbound_schemes;
mod outbound_sync;
mod queue;
mod queue_changes;
mod queue_repeats;
mod queue_schedule;
mod queue_store;
mod reload;
mod restart;
mod rotation;
mod schemes;
mod secrecy;
mod sync_then_queue;
mod tls;
mod upstream;
mod waiting;
