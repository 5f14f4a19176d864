//! What every ledger does, by name. Each behaviour is run against each kind of ledger.

mod accepting;
mod changing;
mod harness;
mod leasing;
mod listing;
mod recording;
mod reopening;
mod repeating;
mod retaining;

/// Runs behaviours, which are async functions of a [`Queue`](harness::Queue), against every kind of ledger.
macro_rules! conformance {
    ($($behaviour:ident)+) => {
        mod recall {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour($crate::store::conformance::queue::harness::Queue::recall()).await;
            })+
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour($crate::store::conformance::queue::harness::Queue::sqlite()).await;
            })+
        }
    };
}
use conformance;
