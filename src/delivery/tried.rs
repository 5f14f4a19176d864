//! From an exchange to what came of an attempt.

use bytes::Bytes;
use http::{Response, header};

use super::{Tried, Unanswered};
use crate::http::client::SendError;
use crate::store::ledger::AttemptAnswer;

/// What came of an attempt that was exchanged like this. Cookies are not kept.
pub(crate) fn tried(exchanged: Result<Response<Bytes>, SendError>) -> Tried {
    match exchanged {
        Ok(answer) => {
            let (mut head, body) = answer.into_parts();
            head.headers.remove(header::SET_COOKIE);
            Ok(AttemptAnswer { status: head.status.as_u16(), headers: head.headers, body })
        }
        Err(error) => Err(Unanswered { outcome: error.outcome(), error: error.explain() }),
    }
}
