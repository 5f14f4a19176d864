//! A webhook gateway: it verifies what senders sign, drops duplicates, and
//! hands what is verified to the application behind it.
//!
//! With the default feature `daemon` off, this crate is the [`scheme`] engine
//! alone: it signs and verifies, and does no I/O.

pub mod scheme;
