//! How deliveries are made and tried again, both ways.

use std::sync::Arc;
use std::time::Duration;

/// How deliveries are tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// The delay before each attempt, counted from the end of the attempt before; the first is before the first
    /// attempt. Never empty.
    pub schedule: Arc<[Duration]>,
    /// A delay is lengthened by up to this part of it, at random: 0 to 1.
    pub jitter: f64,
    /// How long an attempt may take; `None`: what the upstream's `timeout` says, for an endpoint 30 s.
    pub timeout: Option<Duration>,
    /// Which statuses are success.
    pub success: StatusSet,
    /// Which statuses end a delivery at once.
    pub give_up_on: StatusSet,
}

/// The schedule of Standard Webhooks, in seconds: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
const STANDARD_WEBHOOKS: [u64; 10] = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// LMIF's, in seconds: its page on webhooks.
const LMIF: [u64; 7] = [0, 60, 300, 1800, 7200, 28_800, 86_400];

impl Retry {
    /// Ten attempts over 75 hours and a half, and up to a tenth more.
    pub fn standard_webhooks() -> Retry {
        Retry { jitter: 0.1, ..Retry::of(&STANDARD_WEBHOOKS) }
    }

    /// Seven attempts over 34 hours and 36 minutes, to the second.
    pub fn lmif() -> Retry {
        Retry::of(&LMIF)
    }

    /// One attempt.
    pub fn none() -> Retry {
        Retry::of(&[0])
    }

    fn of(seconds: &[u64]) -> Retry {
        Retry {
            schedule: seconds.iter().map(|seconds| Duration::from_secs(*seconds)).collect(),
            jitter: 0.0,
            timeout: None,
            success: StatusSet(vec![200..=299]),
            give_up_on: StatusSet::default(),
        }
    }
}

/// How many deliveries are made at once, and how many a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// At once.
    pub concurrency: usize,
    /// Attempts a second; `None`: as many as go.
    pub rate: Option<f64>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { concurrency: 32, rate: None }
    }
}

/// A set of statuses of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusSet(pub Vec<std::ops::RangeInclusive<u16>>);

impl StatusSet {
    /// Whether a status is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}
