//! The events that a shard remembers, packed, the oldest first.
//!
//! There may be a million of them, so bytes count: 40 an event, 48 where there is a file, and what is known of its
//! answer is kept once for all of a segment that were answered alike, as most are.
//!
//! It grows and shrinks by segments. A `VecDeque` of a million events copies all of them when it grows, under the
//! lock of whoever adds one; here that never copies more than one segment, and memory is given back as soon as a
//! segment is drained. An event keeps its number.

use std::collections::VecDeque;

use super::DedupKey;
use super::answer::Content;
use super::shard::Remembered;

/// How many events a segment holds.
const SEGMENT: usize = 512;

/// How many of a segment's last answers are compared with the next one.
const ALIKE: usize = 4;

/// First in, first out; an event is also found by the number that [`Past::push`] gave it.
#[derive(Default)]
pub(super) struct Past {
    /// All are full, except the last.
    segments: VecDeque<Segment>,
    /// The number of the oldest event.
    first: u64,
    /// How many of the first segment's events are gone.
    gone: usize,
    len: usize,
}

#[derive(Default)]
struct Segment {
    events: Vec<Event>,
    /// The events' numbers in the store's file, in their order; empty: there is none.
    rows: Vec<i64>,
    answers: Vec<Answer>,
}

struct Event {
    key: DedupKey,
    fingerprint: [u8; 16],
    at: Moment,
    /// The place of its answer among the segment's.
    answer: u16,
}

/// What events of a segment were answered.
struct Answer {
    status: u16,
    /// How many of them.
    uses: u16,
    content: Content,
}

/// Milliseconds since the epoch, until the year 10889.
#[derive(Clone, Copy)]
struct Moment([u8; 6]);

impl Past {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of the oldest event, or of the next one if there is none.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Adds an event; its number, and the bytes of its answer's content unless another's stands for it.
    pub(super) fn push(&mut self, event: Remembered) -> (u64, usize) {
        let number = self.first + self.len as u64;
        if self.segments.back().is_none_or(|last| last.events.len() == SEGMENT) {
            self.segments.push_back(Segment::default());
        }
        self.len += 1;
        let last = self.segments.back_mut().expect("one was added if there was none");
        (number, last.push(event))
    }

    pub(super) fn key(&self, number: u64) -> Option<&DedupKey> {
        let (segment, at) = self.place(number)?;
        Some(&self.segments.get(segment)?.events.get(at)?.key)
    }

    pub(super) fn get(&self, number: u64) -> Option<Remembered> {
        let (segment, at) = self.place(number)?;
        self.segments.get(segment)?.get(at)
    }

    /// When the oldest event was settled.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.settled_at(self.first)
    }

    /// When an event was settled.
    pub(super) fn settled_at(&self, number: u64) -> Option<i64> {
        let (segment, at) = self.place(number)?;
        Some(self.segments.get(segment)?.events.get(at)?.at.millis())
    }

    /// Whether there is an event of this number, and its answer's content is kept.
    pub(super) fn has_content(&self, number: u64) -> Option<bool> {
        let (segment, at) = self.place(number)?;
        let segment = self.segments.get(segment)?;
        let event = segment.events.get(at)?;
        Some(segment.answers[usize::from(event.answer)].content.cost() > 0)
    }

    /// Takes the oldest out. It has its answer's content where no other event has it.
    pub(super) fn pop_front(&mut self) -> Option<Remembered> {
        if self.len == 0 {
            return None;
        }
        let segment = self.segments.front_mut()?;
        let mut event = segment.get(self.gone)?;
        event.content = segment.let_go(self.gone);
        self.first += 1;
        self.gone += 1;
        self.len -= 1;
        if self.gone == SEGMENT || self.len == 0 {
            self.segments.pop_front();
            self.gone = 0;
        }
        Some(event)
    }

    /// Takes the content out of an event's answer; it is returned where no other event has it, with the event's row.
    pub(super) fn drop_content(&mut self, number: u64) -> Option<(Content, i64)> {
        let (segment, at) = self.place(number)?;
        let segment = self.segments.get_mut(segment)?;
        let event = segment.events.get(at)?;
        let status = segment.answers[usize::from(event.answer)].status;
        let content = segment.let_go(at);
        segment.events[at].answer = segment.answer(status, Content::Gone).0;
        Some((content, segment.row(at)))
    }

    /// The full number of an event of which only the low half was kept.
    ///
    /// Right for every event as long as there are fewer than 2³² of them.
    pub(super) fn whole(&self, low: u32) -> u64 {
        self.first + u64::from(low.wrapping_sub(self.first as u32))
    }

    fn place(&self, number: u64) -> Option<(usize, usize)> {
        let at = number.checked_sub(self.first)? as usize + self.gone;
        Some((at / SEGMENT, at % SEGMENT))
    }
}

impl Segment {
    fn push(&mut self, event: Remembered) -> usize {
        let Remembered { key, fingerprint, at, row, content, status } = event;
        let (answer, cost) = self.answer(status, content);
        if row != 0 || !self.rows.is_empty() {
            // The first that is in a file: those before it are in none.
            self.rows.resize(self.events.len(), 0);
            self.rows.push(row);
        }
        self.events.push(Event { key, fingerprint, at: Moment::new(at), answer });
        cost
    }

    /// The place of an answer that one more event has, and the bytes of its content if it is a new one.
    fn answer(&mut self, status: u16, content: Content) -> (u16, usize) {
        let alike = |answer: &Answer| answer.status == status && answer.content == content;
        let from = self.answers.len().saturating_sub(ALIKE);
        if let Some(known) = self.answers[from..].iter().position(alike) {
            self.answers[from + known].uses += 1;
            return ((from + known) as u16, 0);
        }
        let cost = content.cost();
        self.answers.push(Answer { status, uses: 1, content });
        // Each event adds two at most: its own, and one without content.
        ((self.answers.len() - 1) as u16, cost)
    }

    /// An event has its answer no more; what the last one had of its content.
    fn let_go(&mut self, at: usize) -> Content {
        let answer = &mut self.answers[usize::from(self.events[at].answer)];
        answer.uses -= 1;
        if answer.uses == 0 { std::mem::take(&mut answer.content) } else { Content::Gone }
    }

    fn get(&self, at: usize) -> Option<Remembered> {
        let Event { key, fingerprint, at: moment, answer } = self.events.get(at)?;
        let Answer { status, content, .. } = &self.answers[usize::from(*answer)];
        Some(Remembered {
            key: *key,
            fingerprint: *fingerprint,
            at: moment.millis(),
            row: self.row(at),
            content: content.clone(),
            status: *status,
        })
    }

    fn row(&self, at: usize) -> i64 {
        self.rows.get(at).copied().unwrap_or(0)
    }
}

impl Moment {
    fn new(millis: i64) -> Moment {
        let [a, b, c, d, e, f, ..] = millis.clamp(0, (1 << 48) - 1).to_le_bytes();
        Moment([a, b, c, d, e, f])
    }

    fn millis(self) -> i64 {
        let [a, b, c, d, e, f] = self.0;
        i64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::Fingerprint;
    use super::*;

    fn event(number: u64, row: i64, body: &[u8]) -> Remembered {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let content = Content::from_parts(b"text/plain", body);
        Remembered::new(key, Fingerprint(u128::from(number)), number as i64, row, StatusCode::CREATED, content)
    }

    fn past(count: u64) -> Past {
        let mut past = Past::default();
        for number in 0..count {
            assert_eq!(past.push(event(number, 0, b"ok")).0, number);
        }
        past
    }

    #[test]
    fn an_event_takes_forty_bytes() {
        assert_eq!(size_of::<Event>(), 40);
    }

    #[test]
    fn events_come_out_in_the_order_they_went_in_and_as_they_were() {
        let mut past = Past::default();
        for number in 0..3 * SEGMENT as u64 {
            past.push(event(number, number as i64 * 7, number.to_string().as_bytes()));
        }

        for number in 0..3 * SEGMENT as u64 {
            let (expected, found) = (event(number, number as i64 * 7, number.to_string().as_bytes()), past.get(number));
            assert_eq!(format!("{:?}", found.unwrap()), format!("{expected:?}"));
            assert_eq!(format!("{:?}", past.pop_front().unwrap()), format!("{expected:?}"));
        }
        assert!(past.pop_front().is_none());
    }

    #[test]
    fn an_event_keeps_its_number_while_others_come_and_go() {
        let mut past = Past::default();
        for number in 0..2_000 {
            past.push(event(number, 0, b"ok"));
            if number % 3 == 0 {
                past.pop_front();
            }
        }

        let next = past.first() + past.len() as u64;
        for number in past.first()..next {
            assert_eq!(past.key(number), Some(&event(number, 0, b"").key));
            assert_eq!(past.settled_at(number), Some(number as i64));
            assert_eq!(past.whole(number as u32), number);
        }
        assert!(past.get(next).is_none());
        assert!(past.get(past.first() - 1).is_none());
    }

    #[test]
    fn a_drained_past_holds_no_memory_and_goes_on_counting() {
        let mut past = past(700);
        while past.pop_front().is_some() {}

        assert!(past.segments.is_empty());
        assert_eq!(past.push(event(700, 0, b"ok")).0, 700);
        assert_eq!(past.oldest(), Some(700));
    }

    #[test]
    fn what_was_answered_alike_is_kept_once_and_leaves_with_the_last() {
        let mut past = Past::default();
        let cost = |body: &[u8]| Content::from_parts(b"text/plain", body).cost();

        let kept: usize = (0..300).map(|number| past.push(event(number, 0, [b"a", b"b"][number as usize % 2])).1).sum();
        assert_eq!(kept, cost(b"a") + cost(b"b"));
        assert_eq!(past.segments[0].answers.len(), 2);

        let freed: Vec<usize> = (0..300).map(|_| past.pop_front().unwrap().content.cost()).collect();
        assert!(freed[..298].iter().all(|freed| *freed == 0));
        assert_eq!(freed[298..], [cost(b"a"), cost(b"b")]);
    }

    #[test]
    fn contents_are_dropped_one_by_one_and_statuses_stay() {
        let mut past = past(3);

        for (number, last) in [(0, false), (1, false), (2, true)] {
            assert_eq!(past.has_content(number), Some(true));
            let (content, _) = past.drop_content(number).unwrap();
            assert_eq!(content.cost() > 0, last);
            assert_eq!(past.has_content(number), Some(false));
            assert_eq!(past.get(number).unwrap().status(), StatusCode::CREATED);
        }
        assert_eq!(past.segments[0].answers.len(), 2);
    }

    #[test]
    fn those_that_are_in_no_file_stand_beside_those_that_are() {
        let mut past = past(2);
        past.push(event(2, 17, b"ok"));
        past.push(event(3, 0, b"ok"));

        assert_eq!((0..4).map(|number| past.get(number).unwrap().row).collect::<Vec<_>>(), [0, 0, 17, 0]);
    }

    #[test]
    fn moments_are_kept_to_the_millisecond() {
        for millis in [0, 1, 1_800_000_000_123, 253_402_300_799_999, (1 << 48) - 1] {
            assert_eq!(Moment::new(millis).millis(), millis);
        }
        assert_eq!(Moment::new(-1).millis(), 0);
    }
}
