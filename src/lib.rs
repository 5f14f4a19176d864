//! A webhook gateway: it verifies what senders sign, drops duplicates, and
//! hands what is verified to the application behind it.
//!
//! With the default feature `daemon` off, this crate is the [`scheme`] engine
//! alone: it signs and verifies, and does no I/O.

pub mod scheme;

#[cfg(feature = "daemon")]
pub mod admin;
#[cfg(feature = "daemon")]
pub mod app;
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod clock;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
mod delivery;
#[cfg(feature = "daemon")]
pub mod demo;
#[cfg(feature = "daemon")]
pub mod explain;
#[cfg(all(feature = "daemon", any(test, fuzzing)))]
pub mod fuzzing;
#[cfg(feature = "daemon")]
mod http;
#[cfg(feature = "daemon")]
pub mod inbound;
#[cfg(feature = "daemon")]
pub mod outbound;
#[cfg(feature = "daemon")]
pub mod store;
#[cfg(feature = "daemon")]
pub mod telemetry;
