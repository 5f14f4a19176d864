//! What must hold of any answer's head.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use super::conclude::{Rules, conclude};
use crate::config::Retry;
use crate::store::ledger::{AttemptAnswer, Next, TargetKind};

/// Whatever an answer says, the next attempt is not before its schedule, and no more than a day later.
pub(crate) fn answer(headers: &HeaderMap) {
    let retry = Retry::lmif();
    let started = Timestamp::from_second(1_767_225_600).expect("a moment");
    for kind in [TargetKind::Endpoint, TargetKind::Upstream] {
        let answer = AttemptAnswer { status: 503, headers: headers.clone(), body: Bytes::new() };
        let concluded = conclude(&Rules { retry: &retry, kind }, 1, started, Duration::ZERO, Ok(answer));
        let Next::Due(due) = concluded.next else { panic!("{:?}", concluded.next) };
        let delay = due.duration_since(started);
        assert!((60..=24 * 3600).contains(&delay.as_secs()), "{delay:?}");
    }
}
