//! What every store does, by name. Each behaviour is run against each kind of store.

mod harness;
mod queue;
mod remembering;
mod reporting;
mod restarting;
mod sharing_a_body;
mod sharing_an_id;
mod taking_turns;
mod threads;
mod waiting;

/// Runs behaviours, which are async functions of a [`Harness`](harness::Harness), against every kind of store.
macro_rules! conformance {
    ($($behaviour:ident)+) => {
        mod memory {
            $(#[tokio::test(start_paused = true)]
            async fn $behaviour() {
                super::$behaviour($crate::store::conformance::harness::Harness::memory()).await;
            })+
        }

        mod sqlite {
            $(#[tokio::test(start_paused = true)]
            async fn $behaviour() {
                super::$behaviour($crate::store::conformance::harness::Harness::sqlite()).await;
            })+
        }
    };
}
use conformance;
