//! The engine in paused time, with a ledger in memory and couriers that do as they are told.

mod breaking;
mod changing;
mod failing;
mod pacing;
mod rig;
mod scheduling;
mod sharing;
mod storing;
mod telling;

use rig::{Rig, Script, endpoint, upstream};
