//! A queue whose members keep their number, growing and shrinking by segments.
//!
//! A `VecDeque` of a million entries copies all of them when it grows, under the
//! lock of whoever pushed; here a push never copies more than one segment, and
//! memory is given back as soon as a segment is drained.

use std::collections::VecDeque;

/// How many members a segment holds.
const SEGMENT: usize = 512;

/// First in, first out; a member is also found by the number that [`Ring::push`] gave it.
pub(super) struct Ring<T> {
    /// All are full, except the last.
    segments: VecDeque<Vec<T>>,
    /// The number of the oldest member.
    first: u64,
    /// How many of the first segment's members are gone.
    gone: usize,
    len: usize,
}

impl<T> Default for Ring<T> {
    fn default() -> Ring<T> {
        Ring { segments: VecDeque::new(), first: 0, gone: 0, len: 0 }
    }
}

impl<T: Default> Ring<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of the oldest member, or of the next one if there is none.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number that the next member will get.
    pub(super) fn next(&self) -> u64 {
        self.first + self.len as u64
    }

    /// Adds a member and tells its number.
    pub(super) fn push(&mut self, member: T) -> u64 {
        let number = self.next();
        match self.segments.back_mut() {
            Some(last) if last.len() < SEGMENT => last.push(member),
            _ => self.segments.push_back(vec![member]),
        }
        self.len += 1;
        number
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let (segment, at) = self.place(number)?;
        self.segments.get(segment)?.get(at)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let (segment, at) = self.place(number)?;
        self.segments.get_mut(segment)?.get_mut(at)
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.get(self.first)
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let member = std::mem::take(self.segments.front_mut()?.get_mut(self.gone)?);
        self.first += 1;
        self.gone += 1;
        self.len -= 1;
        if self.gone == SEGMENT || self.len == 0 {
            self.segments.pop_front();
            self.gone = 0;
        }
        Some(member)
    }

    /// The full number of a member of which only the low half was kept.
    ///
    /// Right for every member as long as there are fewer than 2³² of them.
    pub(super) fn whole(&self, low: u32) -> u64 {
        self.first + u64::from(low.wrapping_sub(self.first as u32))
    }

    fn place(&self, number: u64) -> Option<(usize, usize)> {
        let at = number.checked_sub(self.first)? as usize + self.gone;
        Some((at / SEGMENT, at % SEGMENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_out_in_the_order_they_went_in() {
        let mut ring = Ring::default();

        for number in 0..3 * SEGMENT {
            assert_eq!(ring.push(number), number as u64);
        }

        for number in 0..3 * SEGMENT {
            assert_eq!(ring.pop_front(), Some(number));
        }
        assert_eq!(ring.pop_front(), None);
    }

    #[test]
    fn a_member_keeps_its_number_while_others_come_and_go() {
        let mut ring = Ring::default();
        for number in 0..2_000u64 {
            ring.push(number);
            if number % 3 == 0 {
                ring.pop_front();
            }
        }

        for number in ring.first()..ring.next() {
            assert_eq!(ring.get(number), Some(&number));
            assert_eq!(ring.whole(number as u32), number);
        }
        assert_eq!(ring.get(ring.next()), None);
        assert_eq!(ring.get(ring.first() - 1), None);
    }

    #[test]
    fn a_drained_ring_holds_no_memory_and_goes_on_counting() {
        let mut ring = Ring::default();
        for number in 0..700 {
            ring.push(number);
        }
        while ring.pop_front().is_some() {}

        assert!(ring.segments.is_empty());
        assert_eq!(ring.push(7), 700);
        assert_eq!(ring.front(), Some(&7));
    }
}
