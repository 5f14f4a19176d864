//! What became of the requests, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::http::client::SendError;

/// What a request was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Good,
    Duplicate,
    Tampered,
}

impl Role {
    pub(super) const ALL: [Role; 3] = [Role::Good, Role::Duplicate, Role::Tampered];

    pub(super) fn word(self) -> &'static str {
        match self {
            Role::Good => "good",
            Role::Duplicate => "duplicate",
            Role::Tampered => "tampered",
        }
    }
}

/// What became of the requests of one role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sent: u64,
    /// Answered with 2xx.
    pub(super) success: u64,
    /// Answered as the first was, with `Countersign-Replayed`; these are in `success` too, where they belong there.
    pub(super) replayed: u64,
    /// Answered with 400, 401 or 403: what receivers say who do not believe a signature.
    pub(super) refused: u64,
    /// Answered with something else.
    pub(super) other: u64,
    pub(super) unanswered: u64,
}

/// What became of all of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    roles: [Counts; 3],
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Why there was no answer, in words.
    pub(super) errors: BTreeMap<String, u64>,
    /// How long each answer took.
    took: Vec<Duration>,
}

/// How long answers took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) p50: Duration,
    pub(super) p90: Duration,
    pub(super) p99: Duration,
    pub(super) most: Duration,
}

impl Tally {
    pub(super) fn of(&self, role: Role) -> Counts {
        self.roles[role as usize]
    }

    pub(super) fn sent(&self) -> u64 {
        self.roles.iter().map(|counts| counts.sent).sum()
    }

    /// How many became something else than they should.
    pub(super) fn wrong(&self) -> u64 {
        let [good, duplicate, tampered] = self.roles;
        good.sent - good.success + duplicate.sent - duplicate.success + tampered.sent - tampered.refused
    }

    /// Counts what became of a request.
    pub(super) fn count(&mut self, role: Role, answer: Result<Response<Bytes>, SendError>, took: Duration) {
        let counts = &mut self.roles[role as usize];
        counts.sent += 1;
        match answer {
            Ok(answer) => {
                let is_replayed = answer.headers().contains_key("countersign-replayed");
                counts.answer(answer.status(), is_replayed);
                *self.statuses.entry(answer.status().as_u16()).or_default() += 1;
                self.took.push(took);
            }
            Err(error) => {
                counts.unanswered += 1;
                *self.errors.entry(error.explain()).or_default() += 1;
            }
        }
    }

    /// How long answers took; `None`: there were none.
    pub(super) fn latency(&self) -> Option<Latency> {
        let mut took = self.took.clone();
        took.sort_unstable();
        // The smallest that so many of a hundred do not exceed.
        let percentile = |percent: usize| took.get((took.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Latency { p50: percentile(50)?, p90: percentile(90)?, p99: percentile(99)?, most: percentile(100)? })
    }
}

impl Counts {
    fn answer(&mut self, status: StatusCode, is_replayed: bool) {
        self.replayed += u64::from(is_replayed);
        match status {
            status if status.is_success() => self.success += 1,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.refused += 1,
            _ => self.other += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Result<Response<Bytes>, SendError> {
        Ok(Response::builder().status(status).body(Bytes::new()).unwrap())
    }

    fn replayed(status: u16) -> Result<Response<Bytes>, SendError> {
        Ok(Response::builder().status(status).header("Countersign-Replayed", "true").body(Bytes::new()).unwrap())
    }

    fn tally(requests: impl IntoIterator<Item = (Role, Result<Response<Bytes>, SendError>)>) -> Tally {
        let mut tally = Tally::default();
        requests.into_iter().for_each(|(role, answer)| tally.count(role, answer, Duration::from_millis(1)));
        tally
    }

    #[test]
    fn every_request_is_counted_as_what_it_was_meant_to_be() {
        let tally = tally([
            (Role::Good, answer(202)),
            (Role::Good, answer(503)),
            (Role::Good, Err(SendError::Late)),
            (Role::Duplicate, replayed(202)),
            (Role::Duplicate, answer(200)),
            (Role::Tampered, answer(401)),
            (Role::Tampered, answer(403)),
            (Role::Tampered, answer(200)),
            (Role::Tampered, answer(404)),
        ]);

        let good = Counts { sent: 3, success: 1, other: 1, unanswered: 1, ..Counts::default() };
        assert_eq!(tally.of(Role::Good), good);
        assert_eq!(tally.of(Role::Duplicate), Counts { sent: 2, success: 2, replayed: 1, ..Counts::default() });
        let tampered = Counts { sent: 4, success: 1, refused: 2, other: 1, ..Counts::default() };
        assert_eq!(tally.of(Role::Tampered), tampered);
        assert_eq!(tally.statuses, [(200, 2), (202, 2), (401, 1), (403, 1), (404, 1), (503, 1)].into());
        assert_eq!(tally.errors, [("no whole answer in time".to_owned(), 1)].into());
        assert_eq!((tally.sent(), tally.wrong()), (9, 4));
    }

    #[test]
    fn a_percentile_is_what_so_many_of_a_hundred_do_not_exceed() {
        let ms = Duration::from_millis;
        let mut tally = Tally::default();
        assert_eq!(tally.latency(), None);

        tally.count(Role::Good, answer(200), ms(7));
        assert_eq!(tally.latency(), Some(Latency { p50: ms(7), p90: ms(7), p99: ms(7), most: ms(7) }));

        let mut tally = Tally::default();
        for time in (1..=200).rev() {
            tally.count(Role::Good, answer(200), ms(time));
        }
        assert_eq!(tally.latency(), Some(Latency { p50: ms(100), p90: ms(180), p99: ms(198), most: ms(200) }));
    }
}
