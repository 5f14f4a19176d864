//! The configuration, tested from outside: text in, meaning or messages out.

mod bad;
mod given;
mod meaning;
mod outbound;
mod queue;
mod recipes;
mod robust;
mod secrets;
mod speed;
mod upstreams;
mod warnings;
