//! What an operator sees of a running gateway: numbers and lines.
//!
//! Both are made for the path of a request: a number is an atomic addition to a
//! handle that was made when the configuration was loaded, a line is formatted once
//! and given to a thread that writes. Neither ever waits, and neither ever holds a
//! secret or a body.

pub mod access;
pub mod attempt;
mod line;
pub mod log;
pub mod metrics;
mod moment;
mod sink;
pub mod words;
